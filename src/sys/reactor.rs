//! A socket in tokio's reactor.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a socket for news of one kind only: each kind costs a wake-up whenever it happens.
///
/// # Panics
/// Outside of a runtime, and in one without I/O.
#[track_caller]
pub fn register<T: AsRawFd>(socket: Arc<T>, interest: Interest) -> io::Result<AsyncFd<Arc<T>>> {
    // SAFETY: the Arc inside keeps the descriptor open, and the same, as long as the AsyncFd lives.
    Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
}

/// Registers a descriptor for all news of it.
pub fn register_owned(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the OwnedFd inside keeps the descriptor open, and the same, as long as the AsyncFd lives.
    Ok(unsafe { AsyncFd::register(fd) }?)
}
