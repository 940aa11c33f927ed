//! What a socket owns: its descriptor and, for a server, its path. A number or a path alone does not identify
//! a file: JavaScript can close the descriptor, and something else gets its number; and another file can
//! take the path. So device and inode are checked before a descriptor is closed or a path removed.

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::{fs, io};

use nix::errno::Errno;
use nix::sys::stat::fstat;

/// Device and inode.
type Identity = (u64, u64);

/// The descriptors that sockets of this process own, in all threads. With two owners, one would close the
/// other's descriptor.
static OWNED: LazyLock<Mutex<HashMap<RawFd, Identity>>> = LazyLock::new(Mutex::default);

/// A descriptor that a socket of some context owns.
pub struct Owned {
    fd: OwnedFd,
    identity: Identity,
}

impl Owned {
    /// Takes ownership of a descriptor. Also returns whether the number was registered to another socket, which
    /// has lost its descriptor.
    ///
    /// # Errors
    /// `EEXIST` if another socket owns it. If this fails, the descriptor stays open.
    pub fn new(fd: OwnedFd) -> io::Result<(Owned, bool)> {
        match Self::enter(fd.as_fd()) {
            Ok((identity, was_owned)) => Ok((Owned { fd, identity }, was_owned)),
            Err(e) => {
                let _ = fd.into_raw_fd();
                Err(e)
            }
        }
    }

    fn enter(fd: BorrowedFd<'_>) -> io::Result<(Identity, bool)> {
        let identity = identity_of(fd)?;
        match owned().insert(fd.as_raw_fd(), identity) {
            Some(before) if before == identity => Err(Errno::EEXIST.into()),
            before => Ok((identity, before.is_some())),
        }
    }

    /// Whether the number still refers to the same file.
    pub fn is_open(&self) -> bool {
        identity_of(self.fd.as_fd()).is_ok_and(|now| now == self.identity)
    }

    /// Closes the descriptor, unless it is closed already: then its number may refer to something else.
    pub fn close(self) {
        let is_open = self.is_open();
        let Owned { fd, identity } = self;
        // Removed before closing, because another thread may get the number right after that.
        let mut owned = owned();
        if owned.get(&fd.as_raw_fd()) == Some(&identity) {
            owned.remove(&fd.as_raw_fd());
        }
        drop(owned);
        if is_open {
            close(fd);
        } else {
            let _ = fd.into_raw_fd();
        }
    }
}

impl AsFd for Owned {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Closes a descriptor. Ignores errors, because JavaScript may have closed it already, and that must not end
/// the process.
pub fn close(fd: OwnedFd) {
    let _ = nix::unistd::close(fd);
}

fn identity_of(fd: BorrowedFd<'_>) -> io::Result<Identity> {
    let found = fstat(fd)?;
    Ok((found.st_dev, found.st_ino))
}

fn owned() -> MutexGuard<'static, HashMap<RawFd, Identity>> {
    OWNED.lock().unwrap_or_else(|e| e.into_inner())
}

/// The path that a server is bound to, with the identity of its file.
pub struct OwnPath {
    path: PathBuf,
    identity: Identity,
}

impl OwnPath {
    /// Call it just after the path was bound. Returns `None` if the path no longer exists.
    pub fn new(path: PathBuf) -> Option<OwnPath> {
        let identity = identity_at(&path)?;
        Some(OwnPath { path, identity })
    }

    /// Removes the path, unless it is another file now. Call it while the socket is open, so that no other file
    /// can have its inode.
    pub fn remove(self) {
        if identity_at(&self.path) == Some(self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity_at(path: &std::path::Path) -> Option<Identity> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}
