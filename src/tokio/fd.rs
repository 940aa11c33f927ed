//! [`crossfork::fd`](crate::fd) for tasks: the same calls, waiting in tokio's reactor.
//!
//! ```
//! use std::fs::File;
//! use std::os::fd::AsFd;
//! use crossfork::fd::{Kind, SocketType, describe};
//! use crossfork::tokio::fd;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = fd::bind("\0crossfork-example", SocketType::SeqPacket, 5)?;
//! let client = fd::connect("\0crossfork-example", SocketType::SeqPacket).await?;
//! let connection = fd::accept(&server).await?;
//! fd::send(&client, b"a directory", &[File::open("/")?.as_fd()]).await?;
//!
//! let mut buffer = [0; 64];
//! let received = fd::recv(&connection, &mut buffer, 1).await?;
//! assert_eq!(&buffer[..received.len], b"a directory");
//! assert_eq!(describe(&received.fds[0])?.kind, Kind::Directory);
//! # Ok(()) }
//! ```
//!
//! A [`Socket`] lends its descriptor ([`AsFd`]), so calls that do not wait work as for any other socket:
//! [`fd::describe`], [`fd::peer_credentials`], [`fd::shutdown_write`], and the `try_` calls.
//!
//! # Cancel safety
//!
//! Every call here is cancel safe: until its future has completed, nothing was sent, received or accepted.
//! Dropping the future, for example in `select!` or on a timeout, loses nothing.
//!
//! # Panics
//!
//! A socket must be created inside a runtime whose I/O is enabled. Otherwise this panics, as with tokio's own
//! sockets.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::fd::{self, Received, SocketType, nonblocking};
use crate::sys::reactor;

/// A socket that tasks can wait for: a connection, a server, or a datagram socket.
///
/// Any number of tasks may use it concurrently through `&Socket`. Dropping it closes it.
#[derive(Debug)]
pub struct Socket(AsyncFd<OwnedFd>);

impl Socket {
    /// Takes over an existing socket and makes it non-blocking. This also affects all other holders of the
    /// socket, such as the process that sent it.
    ///
    /// # Errors
    /// `EPERM` for a descriptor that cannot be waited for, such as a file.
    pub fn new(socket: impl Into<OwnedFd>) -> io::Result<Self> {
        let socket = socket.into();
        fd::set_nonblocking(&socket, true)?;
        Socket::registered(socket)
    }

    /// Returns the descriptor. It stays non-blocking: see [`fd::set_nonblocking`].
    pub fn into_inner(self) -> OwnedFd {
        self.0.into_inner()
    }

    fn registered(socket: OwnedFd) -> io::Result<Self> {
        reactor::register_owned(socket).map(Socket)
    }
}

/// Creates two connected sockets.
///
/// # Errors
/// Those of socketpair(2).
pub fn pair(kind: SocketType) -> io::Result<(Socket, Socket)> {
    let (a, b) = nonblocking::pair(kind)?;
    Ok((Socket::registered(a)?, Socket::registered(b)?))
}

/// Creates a socket at a path, and makes it listen if its type has connections. See [`fd::bind`] for details.
///
/// # Errors
/// Those of [`fd::bind`].
pub fn bind(path: impl AsRef<[u8]>, kind: SocketType, backlog: i32) -> io::Result<Socket> {
    Socket::registered(nonblocking::bind(path, kind, backlog)?)
}

/// Connects to a server. While the server's backlog is full, this tries again after a short time, which needs
/// the runtime's timers.
///
/// # Errors
/// Those of [`fd::connect`].
///
/// # Cancel safety
/// Cancel safe. Dropping the future leaves no connection behind.
pub async fn connect(path: impl AsRef<[u8]>, kind: SocketType) -> io::Result<Socket> {
    let mut pause = FIRST_PAUSE;
    loop {
        match nonblocking::connect(&path, kind) {
            // The kernel does not report when the backlog has room.
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
            connected => return Socket::registered(connected?),
        }
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Waits for the next connection of a server.
///
/// # Errors
/// Those of accept(2).
///
/// # Cancel safety
/// Cancel safe. The next call returns a connection that was accepted but not returned.
pub async fn accept(server: &Socket) -> io::Result<Socket> {
    Socket::registered(server.0.async_io(Interest::READABLE, |server| nonblocking::accept(server)).await?)
}

/// Sends once, as soon as there is room. The caller keeps the descriptors. Returns the number of bytes sent,
/// which can be fewer on a stream; the descriptors were sent with the first byte.
///
/// # Errors
/// Those of [`fd::send`], except `WouldBlock`.
///
/// # Cancel safety
/// Cancel safe. If the future is dropped, nothing was sent.
pub async fn send(socket: &Socket, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    socket.0.async_io(Interest::WRITABLE, |socket| fd::send_once(socket.as_fd(), bytes, fds, false)).await
}

/// Waits for a packet, or for some bytes of a stream. The caller owns the received descriptors; those beyond
/// `max_fds` are closed.
///
/// # Errors
/// Those of [`fd::recv`], except `WouldBlock`.
///
/// # Cancel safety
/// Cancel safe. The next call returns data that this call did not.
pub async fn recv(socket: &Socket, buffer: &mut [u8], max_fds: usize) -> io::Result<Received> {
    socket
        .0
        .async_io(Interest::READABLE, |socket| fd::recv_once(socket.as_fd(), buffer, max_fds, false))
        .await
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// See [`Socket::new`].
impl TryFrom<OwnedFd> for Socket {
    type Error = io::Error;
    fn try_from(socket: OwnedFd) -> io::Result<Self> {
        Socket::new(socket)
    }
}

/// See [`Socket::into_inner`].
impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> OwnedFd {
        socket.into_inner()
    }
}
