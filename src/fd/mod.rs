//! Sends and receives file descriptors over any Unix socket, between any two programs, and helps to work
//! with them. The npm package offers the same to JavaScript, and the two can talk to each other.
//!
//! ```
//! use std::fs::File;
//! use std::os::fd::AsFd;
//! use crossfork::fd::{self, SocketType};
//!
//! # fn main() -> std::io::Result<()> {
//! let (a, b) = fd::pair(SocketType::SeqPacket)?;
//! fd::send(&a, b"a directory", &[File::open("/")?.as_fd()])?;
//!
//! let mut buffer = [0; 64];
//! let received = fd::recv(&b, &mut buffer, 1)?;
//! assert_eq!(&buffer[..received.len], b"a directory");
//! assert_eq!(fd::describe(&received.fds[0])?.kind, fd::Kind::Directory);
//! # Ok(()) }
//! ```
//!
//! The functions take any type that has a descriptor (`AsFd`): `OwnedFd`,
//! `std::os::unix::net::UnixStream`, a socket of another crate.
//!
//! # Waiting
//!
//! As in std, the sockets that this module creates are blocking: [`send`], [`recv`], [`accept`] and
//! [`connect`] wait. To limit the wait, use poll(2), or set a timeout on the socket
//! (`UnixStream::set_read_timeout`). To avoid waiting, use
//! - [`try_send`] and [`try_recv`], on any socket;
//! - [`set_nonblocking`], after which calls on the socket fail with `WouldBlock` instead of waiting;
//! - [`nonblocking`], which creates sockets that are non-blocking from the start, for an event loop;
//! - `crossfork::tokio::fd` (feature `tokio`), for async tasks.
//!
//! # Descriptors
//!
//! Descriptors that are sent stay open in the sender. Descriptors that are received are close-on-exec.
//! A message can carry at most [`MAX_FDS`]. On a stream they are attached to the first byte that is sent
//! with them, and one read never continues past the end of a write that carried descriptors.

mod listen;
pub mod nonblocking;

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::unix::{self, Waits};
use crate::sys::{inherit, probe, scm};

pub use crate::sys::describe::{Address, Description, Family, Kind, SocketDescription};
pub use crate::sys::memory::{Mapping, Seals, memfd};
pub use crate::sys::scm::MAX_FDS;
pub use crate::sys::unix::{Credentials, SocketType};
pub use listen::{ListenFd, listen_fds};

/// The result of one receive call.
#[derive(Debug)]
#[non_exhaustive]
pub struct Received {
    /// Number of bytes received.
    pub len: usize,
    /// The descriptors that came with them.
    pub fds: Vec<OwnedFd>,
    /// The message was longer than the buffer, and the rest is lost.
    pub cut: bool,
    /// Descriptors were lost: there were more than `max_fds`, or this process has reached its limit of
    /// open descriptors.
    pub fds_lost: bool,
    /// The end: nothing was received, and nothing will be.
    pub end: bool,
}

/// Creates two sockets that are connected to each other. The caller owns both.
///
/// # Errors
/// Those of socketpair(2).
pub fn pair(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd)> {
    unix::pair(kind, Waits::Yes)
}

/// Creates a socket that is bound to a path. If its type has connections, it listens, and at most `backlog`
/// connections wait for [`accept`]. The caller owns the socket and must remove the path. A path that begins
/// with a zero byte is a name in Linux's abstract namespace, and need not be removed.
///
/// # Errors
/// Those of bind(2) and listen(2): `EADDRINUSE` if the path exists.
pub fn bind(path: impl AsRef<[u8]>, kind: SocketType, backlog: i32) -> io::Result<OwnedFd> {
    unix::bind(path.as_ref(), kind, backlog, Waits::Yes)
}

/// Connects to a server. Waits while the server's backlog is full. The caller owns the socket. Takes the
/// same paths as [`bind`].
///
/// # Errors
/// Those of connect(2): `ENOENT` if the path does not exist, `ECONNREFUSED` if no process listens,
/// `EPROTOTYPE` if the server has another type.
pub fn connect(path: impl AsRef<[u8]>, kind: SocketType) -> io::Result<OwnedFd> {
    unix::connect(path.as_ref(), kind, Waits::Yes)
}

/// Waits for the next connection of a server, created by [`bind`] or otherwise. The caller owns the
/// connection. It is blocking, even if the server is not.
///
/// # Errors
/// Those of accept(2). [`io::ErrorKind::WouldBlock`] if there is no connection and the server is
/// non-blocking.
pub fn accept(server: impl AsFd) -> io::Result<OwnedFd> {
    unix::accept(server.as_fd(), Waits::Yes)
}

/// Sends bytes with descriptors in one call, and waits until there is room. The caller keeps the
/// descriptors. Returns the number of bytes sent. On a stream this may be fewer than given; the descriptors
/// were sent with the first byte.
///
/// # Errors
/// - [`io::ErrorKind::InvalidInput`] if there are more than [`MAX_FDS`] descriptors, or no bytes and the
///   socket is not a datagram socket: other types cannot send an empty message.
/// - [`io::ErrorKind::WouldBlock`] if there is no room and the socket is non-blocking, or its timeout has
///   passed.
/// - `ETOOMANYREFS` if more descriptors are in flight than the user may have.
/// - `EPIPE` if the peer is gone. The call does not raise SIGPIPE.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    send_once(socket.as_fd(), bytes, fds, true)
}

/// Like [`send`], but never waits, even on a blocking socket. Returns `None` if it would have to wait.
///
/// # Errors
/// Those of [`send`].
pub fn try_send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<Option<usize>> {
    unless_blocked(send_once(socket.as_fd(), bytes, fds, false))
}

/// Waits for a packet, or for some bytes of a stream. The caller owns the received descriptors. Descriptors
/// beyond `max_fds` are closed.
///
/// # Errors
/// Those of recvmsg(2). [`io::ErrorKind::WouldBlock`] if nothing has arrived and the socket is non-blocking,
/// or its timeout has passed.
pub fn recv(socket: impl AsFd, buffer: &mut [u8], max_fds: usize) -> io::Result<Received> {
    recv_once(socket.as_fd(), buffer, max_fds, true)
}

/// Like [`recv`], but never waits, even on a blocking socket. Returns `None` if it would have to wait.
///
/// # Errors
/// Those of [`recv`].
pub fn try_recv(socket: impl AsFd, buffer: &mut [u8], max_fds: usize) -> io::Result<Option<Received>> {
    unless_blocked(recv_once(socket.as_fd(), buffer, max_fds, false))
}

/// Returns what a descriptor refers to, and its flags.
///
/// # Errors
/// `EBADF` if it is not open.
pub fn describe(fd: impl AsFd) -> io::Result<Description> {
    crate::sys::describe::describe(fd.as_fd())
}

/// Maps a whole memfd into memory; see [`Mapping`]. Returns `None` if it is empty. The caller keeps the
/// descriptor. This seals the memfd against shrinking, because access to a page that no longer exists kills
/// the process.
///
/// # Errors
/// `EINVAL` if it is not a memfd, `EPERM` if it can shrink and cannot be sealed against that.
pub fn map(fd: impl AsFd) -> io::Result<Option<Mapping>> {
    crate::sys::memory::map(fd.as_fd())
}

/// Adds seals to a memfd.
///
/// # Errors
/// `EINVAL` if it is not a memfd, `EPERM` if it has [`Seals::SEAL`].
pub fn add_seals(fd: impl AsFd, seals: Seals) -> io::Result<()> {
    crate::sys::memory::add_seals(fd.as_fd(), seals)
}

/// Returns the seals of a memfd.
///
/// # Errors
/// `EINVAL` if it is not a memfd.
pub fn seals(fd: impl AsFd) -> io::Result<Seals> {
    crate::sys::memory::seals(fd.as_fd())
}

/// Returns the credentials of the process at the other end.
///
/// # Errors
/// Those of getsockopt(2).
pub fn peer_credentials(socket: impl AsFd) -> io::Result<Credentials> {
    unix::peer_credentials(socket.as_fd())
}

/// Shuts down the sending direction: the peer reads the end of the stream.
///
/// # Errors
/// Those of shutdown(2).
pub fn shutdown_write(socket: impl AsFd) -> io::Result<()> {
    unix::shutdown_write(socket.as_fd())
}

/// Sets or clears close-on-exec: whether programs that this process starts inherit the descriptor.
///
/// # Errors
/// `EBADF` if it is not open.
pub fn set_cloexec(fd: impl AsFd, on: bool) -> io::Result<()> {
    inherit::set_cloexec_to(fd.as_fd(), on)
}

/// Sets or clears `O_NONBLOCK`: whether calls on the descriptor wait. All descriptors of the same open file
/// share the flag: duplicates, and those in other processes.
///
/// # Errors
/// `EBADF` if it is not open.
pub fn set_nonblocking(fd: impl AsFd, on: bool) -> io::Result<()> {
    probe::set_nonblocking_to(fd.as_fd(), on)
}

pub(crate) fn send_once(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
    wait: bool,
) -> io::Result<usize> {
    let invalid = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if fds.len() > MAX_FDS {
        return invalid("a message can carry at most 253 descriptors");
    }
    if bytes.is_empty() && unix::socket_type(socket)? != Some(SocketType::Dgram) {
        return invalid("only a datagram socket can send an empty message");
    }
    scm::send_many(socket, &[IoSlice::new(bytes)], fds, wait)
}

pub(crate) fn recv_once(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    max_fds: usize,
    wait: bool,
) -> io::Result<Received> {
    let mut fds = Vec::new();
    let packet = scm::recv_packet(socket, buffer, &mut fds, wait)?;
    let too_many = fds.len() > max_fds;
    fds.truncate(max_fds);
    let nothing = packet.len == 0 && fds.is_empty() && !packet.truncated && !packet.cut;
    Ok(Received {
        len: packet.len,
        fds,
        cut: packet.cut,
        fds_lost: packet.truncated || too_many,
        end: nothing && !too_many && !buffer.is_empty() && unix::has_ended(socket)?,
    })
}

fn unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
    }
}
