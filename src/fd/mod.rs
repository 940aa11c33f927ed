//! Descriptors over any Unix socket, between any two programs, and what else is needed to work
//! with them. The npm package has the same for JavaScript, and the two speak with each other.
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
//! Sockets are those of the system, and everything that has a descriptor can be used as one: `OwnedFd`,
//! `std::os::unix::net::UnixStream`, a socket of another crate.
//!
//! # Waiting
//!
//! As in std, the sockets that this module makes are blocking: [`send`], [`recv`], [`accept`] and
//! [`connect`] wait. To wait no longer than some time, use poll(2), or give the socket a timeout
//! (`UnixStream::set_read_timeout`). Not to wait, there is
//! - [`try_send`] and [`try_recv`], on any socket;
//! - [`set_nonblocking`], after which all calls on the socket fail with `WouldBlock` where they would wait;
//! - [`nonblocking`], which makes sockets that are so from the start, for an event loop;
//! - `crossfork::tokio::fd` (feature `tokio`), for tasks.
//!
//! # Descriptors
//!
//! Descriptors that are sent stay open in the sender. Those that are received are close-on-exec.
//! A message takes [`MAX_FDS`] at the most. On a stream they ride on the first byte that is sent
//! with them, and a read never goes past the end of a write that carried any.

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

/// What one call has received.
#[derive(Debug)]
#[non_exhaustive]
pub struct Received {
    /// How many bytes there are.
    pub len: usize,
    /// The descriptors that came with them.
    pub fds: Vec<OwnedFd>,
    /// The message was longer than the buffer, and its end is lost.
    pub cut: bool,
    /// Descriptors were lost: there were more than were asked for, or this process can't have
    /// more.
    pub fds_lost: bool,
    /// Nothing was received, and nothing will be.
    pub end: bool,
}

/// Makes two sockets that are connected with each other. The caller owns both.
///
/// # Errors
/// Those of socketpair(2).
pub fn pair(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd)> {
    unix::pair(kind, Waits::Yes)
}

/// Makes a socket at a path, and lets it listen if its type has connections: then `backlog` is how many may
/// wait for [`accept`]. The caller owns the socket, and removes the path. A path that begins with a zero
/// byte is a name in Linux's abstract namespace, and is not removed.
///
/// # Errors
/// Those of bind(2) and listen(2): `EADDRINUSE` if the path exists.
pub fn bind(path: impl AsRef<[u8]>, kind: SocketType, backlog: i32) -> io::Result<OwnedFd> {
    unix::bind(path.as_ref(), kind, backlog, Waits::Yes)
}

/// Connects with a server, and waits while as many connections wait already as the server lets wait. The
/// caller owns the socket. Paths are those of [`bind`].
///
/// # Errors
/// Those of connect(2): `ENOENT` if the path does not exist, `ECONNREFUSED` if nobody listens, `EPROTOTYPE`
/// if the server is of another type.
pub fn connect(path: impl AsRef<[u8]>, kind: SocketType) -> io::Result<OwnedFd> {
    unix::connect(path.as_ref(), kind, Waits::Yes)
}

/// Waits for the next connection of a server that [`bind`] made, or any other. The caller owns it. It is
/// blocking, whatever the server is.
///
/// # Errors
/// Those of accept(2). [`io::ErrorKind::WouldBlock`] if there is no connection and the server is
/// non-blocking.
pub fn accept(server: impl AsFd) -> io::Result<OwnedFd> {
    unix::accept(server.as_fd(), Waits::Yes)
}

/// Sends once, and waits until there is room. The descriptors stay the caller's. Returns how many bytes
/// were sent, which on a stream may be fewer; the descriptors went with the first.
///
/// # Errors
/// - [`io::ErrorKind::InvalidInput`] for more than [`MAX_FDS`], and for no bytes on a socket that can't
///   tell them from nothing: any but a datagram socket.
/// - [`io::ErrorKind::WouldBlock`] if there is no room and the socket is non-blocking, or its timeout has
///   passed.
/// - `ETOOMANYREFS` where more descriptors are on their way than the user may have.
/// - `EPIPE` if the peer is gone. There is no SIGPIPE.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    send_once(socket.as_fd(), bytes, fds, true)
}

/// As [`send`], and never waits, whether the socket is blocking or not: None if it would have to.
///
/// # Errors
/// As [`send`].
pub fn try_send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<Option<usize>> {
    unless_blocked(send_once(socket.as_fd(), bytes, fds, false))
}

/// Waits for a packet, or for some bytes of a stream. The caller owns what is received; descriptors beyond
/// `max_fds` are closed.
///
/// # Errors
/// Those of recvmsg(2). [`io::ErrorKind::WouldBlock`] if there is nothing and the socket is non-blocking,
/// or its timeout has passed.
pub fn recv(socket: impl AsFd, buffer: &mut [u8], max_fds: usize) -> io::Result<Received> {
    recv_once(socket.as_fd(), buffer, max_fds, true)
}

/// As [`recv`], and never waits, whether the socket is blocking or not: None if it would have to.
///
/// # Errors
/// As [`recv`].
pub fn try_recv(socket: impl AsFd, buffer: &mut [u8], max_fds: usize) -> io::Result<Option<Received>> {
    unless_blocked(recv_once(socket.as_fd(), buffer, max_fds, false))
}

/// Says what a descriptor is, and how it is set.
///
/// # Errors
/// `EBADF` if it is not open.
pub fn describe(fd: impl AsFd) -> io::Result<Description> {
    crate::sys::describe::describe(fd.as_fd())
}

/// Maps all of a memfd into memory; see [`Mapping`]. None if it is empty. The descriptor stays
/// the caller's. The memfd is sealed against shrinking, for who touches a page that is no longer
/// there is killed.
///
/// # Errors
/// `EINVAL` if it is no memfd, `EPERM` if it can shrink and can't be kept from it.
pub fn map(fd: impl AsFd) -> io::Result<Option<Mapping>> {
    crate::sys::memory::map(fd.as_fd())
}

/// Adds seals to a memfd.
///
/// # Errors
/// `EINVAL` if it is no memfd, `EPERM` if it is sealed against that.
pub fn add_seals(fd: impl AsFd, seals: Seals) -> io::Result<()> {
    crate::sys::memory::add_seals(fd.as_fd(), seals)
}

/// The seals of a memfd.
///
/// # Errors
/// `EINVAL` if it is none.
pub fn seals(fd: impl AsFd) -> io::Result<Seals> {
    crate::sys::memory::seals(fd.as_fd())
}

/// Asks who connected, or who listens.
///
/// # Errors
/// Those of getsockopt(2).
pub fn peer_credentials(socket: impl AsFd) -> io::Result<Credentials> {
    unix::peer_credentials(socket.as_fd())
}

/// Tells the peer that no more will be sent.
///
/// # Errors
/// Those of shutdown(2).
pub fn shutdown_write(socket: impl AsFd) -> io::Result<()> {
    unix::shutdown_write(socket.as_fd())
}

/// Decides whether programs that this process starts get the descriptor.
///
/// # Errors
/// `EBADF` if it is not open.
pub fn set_cloexec(fd: impl AsFd, on: bool) -> io::Result<()> {
    inherit::set_cloexec_to(fd.as_fd(), on)
}

/// Decides whether calls on the descriptor wait. All who share the open file share this: duplicates, and
/// other processes that it was sent to.
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
        return invalid("a message takes 253 descriptors at the most");
    }
    if bytes.is_empty() && unix::socket_type(socket)? != Some(SocketType::Dgram) {
        return invalid("only a datagram may be empty");
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
