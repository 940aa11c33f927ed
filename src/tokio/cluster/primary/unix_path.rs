//! The path of a Unix socket: bound, watched over, and removed with the socket.
//!
//! A server that was killed leaves its file, and the next one cannot bind the path. Such a file is replaced on
//! request. There is no lock for paths, so the file is first moved aside, looked at again, and put back if it is
//! that of a server which has come meanwhile. What nobody has open stays so: a server binds a file of its own.

use std::fs::{self, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::proto::cluster::Query;
use crate::sys::server;

/// The longest path that an address has room for.
const MAX_PATH: usize = 107;

/// Binds the path of the query. A name in Linux's abstract namespace has no file.
pub(super) fn bind(query: &Query, replaces_stale: bool) -> io::Result<(OwnedFd, Option<OwnPath>)> {
    let address = query.address.as_deref().unwrap_or_default();
    if let Some(name) = abstract_name(address) {
        return Ok((server::unix(Path::new(name))?, None));
    }
    let path = PathBuf::from(address);
    let bind = || server::unix(&shorter(&path));
    let socket = match bind() {
        Err(e) if replaces_stale && e.kind() == io::ErrorKind::AddrInUse && remove_stale(&path)? => bind(),
        bound => bound,
    };
    let socket = socket.map_err(|e| match e.raw_os_error() {
        // As libuv has it.
        Some(libc::ENOENT) => io::Error::from_raw_os_error(libc::EACCES),
        _ => e,
    })?;
    let own = OwnPath::new(path)?;
    let more = if query.readable_all { 0o444 } else { 0 } | if query.writable_all { 0o222 } else { 0 };
    if more != 0 {
        let mut permissions = fs::metadata(&own.path)?.permissions();
        permissions.set_mode(permissions.mode() | more);
        fs::set_permissions(&own.path, permissions)?;
    }
    Ok((socket, Some(own)))
}

/// The path of a socket, removed when it is dropped, unless there is another file now.
pub(super) struct OwnPath {
    path: PathBuf,
    identity: (u64, u64),
}

impl OwnPath {
    fn new(path: PathBuf) -> io::Result<Self> {
        let identity = identity(&fs::symlink_metadata(&path)?);
        Ok(OwnPath { path, identity })
    }

    /// Whether the file is the one that was bound. Its number is not given to another as long as the socket is
    /// open.
    pub(super) fn is_ours(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|file| identity(&file) == self.identity)
    }
}

impl Drop for OwnPath {
    fn drop(&mut self) {
        if self.is_ours() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Node's workers make it absolute like a path: the name begins after the folder.
fn abstract_name(address: &str) -> Option<&str> {
    let at = address.find('\0')?;
    (at == 0 || address[..at].ends_with('/')).then(|| &address[at..])
}

/// The worker has made the path absolute, which may be too long; from here it may be shorter
/// (CLU-15).
fn shorter(path: &Path) -> PathBuf {
    if path.as_os_str().len() <= MAX_PATH {
        return path.to_owned();
    }
    let from_here =
        std::env::current_dir().ok().and_then(|here| Some(path.strip_prefix(here).ok()?.to_owned()));
    from_here.unwrap_or_else(|| path.to_owned())
}

/// Removes the file if it is a socket's, and no process has that any more. True if it is gone.
fn remove_stale(path: &Path) -> io::Result<bool> {
    let stale = match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() && is_stale(path) => identity(&file),
        // Its server has removed it meanwhile.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
        _ => return Ok(false),
    };
    let aside = aside(path);
    if fs::rename(path, &aside).is_err() {
        return Ok(false);
    }
    if fs::symlink_metadata(&aside).is_ok_and(|file| identity(&file) == stale) && is_stale(&aside) {
        fs::remove_file(&aside)?;
        return Ok(true);
    }
    // Another has bound the path meanwhile. A link overwrites nothing.
    match fs::hard_link(&aside, path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => fs::rename(&aside, path)?,
        _ => fs::remove_file(&aside)?,
    }
    Ok(false)
}

/// A path that is too long here is that of a file which was moved aside: it was looked at before.
fn is_stale(path: &Path) -> bool {
    match server::is_stale_unix(&shorter(path)) {
        Ok(is_stale) => is_stale,
        Err(e) => e.raw_os_error() == Some(libc::ENAMETOOLONG),
    }
}

/// A name in the same folder that nobody else uses.
fn aside(path: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    path.with_file_name(format!(".{:x}-{:x}", process::id(), now.subsec_nanos()))
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    use super::*;
    use crate::proto::cluster::AddressType;

    /// A folder of this test's own, removed with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("crossfork-path-{}-{name}", process::id()));
            fs::create_dir(&path).unwrap();
            Folder(path)
        }

        fn query(&self) -> Query {
            let address = self.0.join("s").into_os_string().into_string().ok();
            Query { address, ..Query::new(AddressType::Path) }
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn code(bound: io::Result<(OwnedFd, Option<OwnPath>)>) -> Option<i32> {
        bound.err().and_then(|e| e.raw_os_error())
    }

    #[test]
    fn a_socket_that_nobody_has_is_replaced_on_request_alone() {
        let folder = Folder::new("stale");
        let path = folder.0.join("s");
        drop(UnixListener::bind(&path).unwrap());
        assert_eq!(code(bind(&folder.query(), false)), Some(libc::EADDRINUSE));
        let (socket, own) = bind(&folder.query(), true).unwrap();
        server::listen(&socket, 1).unwrap();
        UnixStream::connect(&path).unwrap();
        assert_eq!(folder.names(), ["s"], "nothing is left beside it");
        drop(own);
        assert!(folder.names().is_empty());
    }

    #[test]
    fn the_path_of_a_server_is_never_taken() {
        let folder = Folder::new("served");
        let path = folder.0.join("s");
        let server = UnixListener::bind(&path).unwrap();
        let before = identity(&fs::symlink_metadata(&path).unwrap());
        assert_eq!(code(bind(&folder.query(), true)), Some(libc::EADDRINUSE));
        assert_eq!(identity(&fs::symlink_metadata(&path).unwrap()), before);
        server.set_nonblocking(true).unwrap();
        assert_eq!(server.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "it notices nothing");
        drop(server);
        fs::remove_file(&path).unwrap();
        let _bound = server::unix(&path).unwrap();
        assert_eq!(code(bind(&folder.query(), true)), Some(libc::EADDRINUSE), "it does not listen yet");
        fs::remove_file(&path).unwrap();
        // One for datagrams has no connections to be refused.
        let _datagrams = UnixDatagram::bind(&path).unwrap();
        assert_eq!(code(bind(&folder.query(), true)), Some(libc::EADDRINUSE));
    }

    #[test]
    fn what_is_no_socket_is_never_removed() {
        let folder = Folder::new("other");
        let path = folder.0.join("s");
        fs::write(&path, "text").unwrap();
        assert_eq!(code(bind(&folder.query(), true)), Some(libc::EADDRINUSE));
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(code(bind(&folder.query(), true)), Some(libc::EADDRINUSE));
        fs::remove_dir(&path).unwrap();
        let stale = folder.0.join("stale");
        drop(UnixListener::bind(&stale).unwrap());
        std::os::unix::fs::symlink(&stale, &path).unwrap();
        assert_eq!(code(bind(&folder.query(), true)), Some(libc::EADDRINUSE));
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink() && stale.exists());
    }

    #[test]
    fn a_path_is_ours_until_there_is_another_file() {
        let folder = Folder::new("ours");
        let path = folder.0.join("s");
        let (_socket, own) = bind(&folder.query(), true).unwrap();
        let own = own.unwrap();
        assert!(own.is_ours());
        fs::remove_file(&path).unwrap();
        assert!(!own.is_ours());
        let _other = UnixListener::bind(&path).unwrap();
        assert!(!own.is_ours());
        drop(own);
        assert!(path.exists(), "it is the other's");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn clu_6_an_abstract_name_is_found_in_the_path_that_a_worker_makes_of_it() {
        assert_eq!(abstract_name("/srv/\0name"), Some("\0name"));
        assert_eq!(abstract_name("\0a/b"), Some("\0a/b"));
        assert_eq!(abstract_name("/srv/name"), None);
        assert_eq!(abstract_name("/srv/a\0b"), None);
        let name = format!("crossfork-{}", process::id());
        let address = Some(format!("/srv/\0{name}"));
        let query = Query { address, ..Query::new(AddressType::Path) };
        let (socket, own) = bind(&query, true).unwrap();
        assert!(own.is_none());
        server::listen(&socket, 1).unwrap();
        assert_eq!(code(bind(&query, true)), Some(libc::EADDRINUSE));
    }
}
