//! Registers sockets with tokio's reactor.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a socket for the given events only, because each kind of event causes wake-ups.
///
/// # Panics
/// Panics outside a tokio runtime, and in a runtime without I/O.
#[track_caller]
pub fn register<T: AsRawFd>(socket: Arc<T>, interest: Interest) -> io::Result<AsyncFd<Arc<T>>> {
    // SAFETY: the Arc inside keeps the same descriptor open as long as the AsyncFd lives.
    Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
}

/// Registers a descriptor for all events.
pub fn register_owned(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the OwnedFd inside keeps the same descriptor open as long as the AsyncFd lives.
    Ok(unsafe { AsyncFd::register(fd) }?)
}
