//! Sockets that are non-blocking from the start, for an event loop of your own: epoll, mio, libuv.
//!
//! They differ from those of [`fd`](super) in nothing else, and [`fd::try_send`](super::try_send) and
//! [`fd::try_recv`](super::try_recv) are for them too. Tasks have `crossfork::tokio::fd`.
//!
//! ```
//! use crossfork::fd::{self, SocketType};
//!
//! # fn main() -> std::io::Result<()> {
//! let (a, b) = fd::nonblocking::pair(SocketType::SeqPacket)?;
//! assert!(fd::try_recv(&b, &mut [0; 64], 0)?.is_none());
//! fd::try_send(&a, b"now", &[])?;
//! assert!(fd::try_recv(&b, &mut [0; 64], 0)?.is_some());
//! # Ok(()) }
//! ```

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::SocketType;
use crate::sys::unix::{self, Waits};

/// [`fd::pair`](super::pair), non-blocking.
///
/// # Errors
/// Those of socketpair(2).
pub fn pair(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd)> {
    unix::pair(kind, Waits::No)
}

/// [`fd::bind`](super::bind), non-blocking.
///
/// # Errors
/// Those of [`fd::bind`](super::bind).
pub fn bind(path: impl AsRef<[u8]>, kind: SocketType, backlog: i32) -> io::Result<OwnedFd> {
    unix::bind(path.as_ref(), kind, backlog, Waits::No)
}

/// [`fd::connect`](super::connect), which does not wait. The socket is non-blocking.
///
/// # Errors
/// Those of [`fd::connect`](super::connect). [`io::ErrorKind::WouldBlock`] if as many connections wait
/// already as the server lets wait: try again later, for the kernel does not tell when there is room.
pub fn connect(path: impl AsRef<[u8]>, kind: SocketType) -> io::Result<OwnedFd> {
    unix::connect(path.as_ref(), kind, Waits::No)
}

/// Takes the next connection of a server, which is to be non-blocking itself. The connection is.
///
/// # Errors
/// Those of accept(2). [`io::ErrorKind::WouldBlock`] if there is no connection.
pub fn accept(server: impl AsFd) -> io::Result<OwnedFd> {
    unix::accept(server.as_fd(), Waits::No)
}
