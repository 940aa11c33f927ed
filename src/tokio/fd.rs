//! [`crossfork::fd`](crate::fd) for tasks: the same calls, which wait in tokio's reactor.
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
//! A [`Socket`] lends its descriptor ([`AsFd`]), so what needs no waiting is called as for any other:
//! [`fd::describe`], [`fd::peer_credentials`],
//! [`fd::shutdown_write`], and the `try_` calls.
//!
//! # Cancel safety
//!
//! Every call here is cancel safe: as long as its future has not returned, nothing has been sent, received or
//! accepted. Dropped, for example by `select!` or a timeout, it loses nothing.
//!
//! # Panics
//!
//! A socket is made within a runtime whose I/O is enabled; elsewhere that panics, as for tokio's own sockets.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::fd::{self, Received, SocketType, nonblocking};
use crate::sys::reactor;

/// A socket that tasks can wait for: a connection, a server, or one for datagrams.
///
/// Any number of tasks may use it at once through `&Socket`. Dropped, it is closed.
#[derive(Debug)]
pub struct Socket(AsyncFd<OwnedFd>);

impl Socket {
    /// Takes over a socket that was made or received otherwise, and makes it non-blocking: also for all
    /// others who share it, such as the process that has sent it.
    ///
    /// # Errors
    /// `EPERM` for what cannot be waited for, such as a file.
    pub fn new(socket: impl Into<OwnedFd>) -> io::Result<Self> {
        let socket = socket.into();
        fd::set_nonblocking(&socket, true)?;
        Socket::registered(socket)
    }

    /// The descriptor, which stays non-blocking: see [`fd::set_nonblocking`].
    pub fn into_inner(self) -> OwnedFd {
        self.0.into_inner()
    }

    fn registered(socket: OwnedFd) -> io::Result<Self> {
        reactor::register_owned(socket).map(Socket)
    }
}

/// Makes two sockets that are connected with each other.
///
/// # Errors
/// Those of socketpair(2).
pub fn pair(kind: SocketType) -> io::Result<(Socket, Socket)> {
    let (a, b) = nonblocking::pair(kind)?;
    Ok((Socket::registered(a)?, Socket::registered(b)?))
}

/// Makes a socket at a path, and lets it listen if its type has connections. As
/// [`fd::bind`], which says more.
///
/// # Errors
/// Those of [`fd::bind`].
pub fn bind(path: impl AsRef<[u8]>, kind: SocketType, backlog: i32) -> io::Result<Socket> {
    Socket::registered(nonblocking::bind(path, kind, backlog)?)
}

/// Connects with a server. As long as too many connections wait for it, this tries again after a short
/// time, for which the runtime's timers must be enabled.
///
/// # Errors
/// Those of [`fd::connect`].
///
/// # Cancel safety
/// Cancel safe. No connection is left behind.
pub async fn connect(path: impl AsRef<[u8]>, kind: SocketType) -> io::Result<Socket> {
    let mut pause = FIRST_PAUSE;
    loop {
        match nonblocking::connect(&path, kind) {
            // The kernel tells nobody when there is room.
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
/// Cancel safe. A connection that was not returned is the next call's.
pub async fn accept(server: &Socket) -> io::Result<Socket> {
    Socket::registered(server.0.async_io(Interest::READABLE, |server| nonblocking::accept(server)).await?)
}

/// Sends once, as soon as there is room. The descriptors stay the caller's. Returns how many bytes were
/// sent, which on a stream may be fewer; the descriptors went with the first.
///
/// # Errors
/// Those of [`fd::send`], but for `WouldBlock`.
///
/// # Cancel safety
/// Cancel safe. If it has not returned, nothing was sent.
pub async fn send(socket: &Socket, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    socket.0.async_io(Interest::WRITABLE, |socket| fd::send_once(socket.as_fd(), bytes, fds, false)).await
}

/// Waits for a packet, or for some bytes of a stream. The caller owns what is received; descriptors beyond
/// `max_fds` are closed.
///
/// # Errors
/// Those of [`fd::recv`], but for `WouldBlock`.
///
/// # Cancel safety
/// Cancel safe. What was not returned is the next call's.
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
