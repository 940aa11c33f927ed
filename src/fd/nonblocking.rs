//! Sockets that are non-blocking from the start, for your own event loop: epoll, mio, libuv.
//!
//! Otherwise they are the same as those of [`fd`](super). Use [`fd::try_send`](super::try_send) and
//! [`fd::try_recv`](super::try_recv) on them. For async tasks, use `crossfork::tokio::fd`.
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

/// Like [`fd::pair`](super::pair), but the sockets are non-blocking.
///
/// # Errors
/// Those of socketpair(2).
pub fn pair(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd)> {
    unix::pair(kind, Waits::No)
}

/// Like [`fd::bind`](super::bind), but the socket is non-blocking.
///
/// # Errors
/// Those of [`fd::bind`](super::bind).
pub fn bind(path: impl AsRef<[u8]>, kind: SocketType, backlog: i32) -> io::Result<OwnedFd> {
    unix::bind(path.as_ref(), kind, backlog, Waits::No)
}

/// Like [`fd::connect`](super::connect), but does not wait. The socket is non-blocking.
///
/// # Errors
/// Those of [`fd::connect`](super::connect). [`io::ErrorKind::WouldBlock`] if the server's backlog is full:
/// try again later, because the kernel does not report when there is room.
pub fn connect(path: impl AsRef<[u8]>, kind: SocketType) -> io::Result<OwnedFd> {
    unix::connect(path.as_ref(), kind, Waits::No)
}

/// Accepts the next connection of a server. The server must be non-blocking; the connection is too.
///
/// # Errors
/// Those of accept(2). [`io::ErrorKind::WouldBlock`] if there is no connection.
pub fn accept(server: impl AsFd) -> io::Result<OwnedFd> {
    unix::accept(server.as_fd(), Waits::No)
}
