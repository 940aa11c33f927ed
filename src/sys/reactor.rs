//! A socket in tokio's reactor.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a socket for news of one kind only: each kind costs a wake-up whenever it happens.
pub fn register(socket: Arc<UnixStream>, interest: Interest) -> io::Result<AsyncFd<Arc<UnixStream>>> {
    // SAFETY: the Arc inside keeps the descriptor open, and the same, as long as the AsyncFd lives.
    Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
}

/// Registers a socket of our own for news that it can be read.
pub fn register_owned(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the AsyncFd owns the descriptor, which is open, and the same, as long as that lives.
    Ok(unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?)
}
