//! What a socket owns: its descriptor, and a server's path. Neither a number nor a path alone tells that it is still
//! the same thing: JavaScript can close what a socket owns, and the number is another's then; and anybody can put
//! another file where a path was. So both are looked at again before they are closed or removed.

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

/// The descriptors that sockets of this process own, in all threads: two owners would close each other's.
static OWNED: LazyLock<Mutex<HashMap<RawFd, Identity>>> = LazyLock::new(Mutex::default);

/// A descriptor that belongs to a socket of some context.
pub struct Owned {
    fd: OwnedFd,
    identity: Identity,
}

impl Owned {
    /// `EEXIST` if another socket owns it. If this fails it stays open. Also tells whether the number was another
    /// socket's, which has lost it.
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

    /// Whether the number is still what it was.
    pub fn is_open(&self) -> bool {
        identity_of(self.fd.as_fd()).is_ok_and(|now| now == self.identity)
    }

    /// Closes it, unless it is closed already: then the number may be another's.
    pub fn close(self) {
        let is_open = self.is_open();
        let Owned { fd, identity } = self;
        // First, for then another thread may have the number.
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

/// JavaScript may have closed the number already, which is no reason to end the process.
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

/// The path that a server is bound to.
pub struct OwnPath {
    path: PathBuf,
    identity: Identity,
}

impl OwnPath {
    /// To be called when the path was just bound. None if it is gone again.
    pub fn new(path: PathBuf) -> Option<OwnPath> {
        let identity = identity_at(&path)?;
        Some(OwnPath { path, identity })
    }

    /// Removes it, unless it is another file now. To be called while the socket is open, which keeps its inode from
    /// being another's.
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
