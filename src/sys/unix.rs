//! Unix sockets of all three types: pairs, servers, connections. All are close-on-exec from the start,
//! and non-blocking on request.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, Backlog, Shutdown, SockFlag, SockType, sockopt};

use super::server::unix_address;

/// The type of a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketType {
    /// A byte stream, without message boundaries.
    Stream,
    /// A connection that keeps message boundaries.
    SeqPacket,
    /// Datagrams: messages without a connection, and so without an end.
    Dgram,
}

/// The process at the other end of a connection, at the time when the connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The process ID; 0 if the process is in a PID namespace that this process cannot see.
    pub pid: i32,
    /// The effective user ID.
    pub uid: u32,
    /// The effective group ID.
    pub gid: u32,
}

/// Whether calls on a new socket block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// The socket is blocking.
    Yes,
    /// The socket is non-blocking from the start.
    No,
}

impl Waits {
    fn flags(self) -> SockFlag {
        match self {
            Waits::Yes => SockFlag::SOCK_CLOEXEC,
            Waits::No => SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        }
    }
}

/// Creates two sockets that are connected to each other. The caller owns both.
pub fn pair(kind: SocketType, waits: Waits) -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socket::socketpair(AddressFamily::Unix, kind.into(), None, waits.flags())?)
}

/// Connects to a server. A path that begins with a zero byte is a name in Linux's abstract
/// namespace. The caller owns the socket.
///
/// If the server's backlog is full, this call waits, or fails with `EAGAIN` on a non-blocking socket. The
/// kernel does not report when there is room again.
pub fn connect(path: &[u8], kind: SocketType, waits: Waits) -> io::Result<OwnedFd> {
    let address = unix_address(path)?;
    let socket = socket::socket(AddressFamily::Unix, kind.into(), waits.flags(), None)?;
    loop {
        match socket::connect(socket.as_raw_fd(), &address) {
            Ok(()) => return Ok(socket),
            // Interrupted while it waited for room in the backlog. Nothing was sent, so it can start again.
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Creates a socket that is bound to a path. If its type has connections, it listens. The caller owns the
/// socket and must remove the path.
pub fn bind(path: &[u8], kind: SocketType, backlog: i32, waits: Waits) -> io::Result<OwnedFd> {
    let address = unix_address(path)?;
    // The kernel reduces a larger backlog too. Checked first, because a later error would leave the path.
    let backlog = Backlog::new(backlog.min(libc::SOMAXCONN))?;
    let socket = socket::socket(AddressFamily::Unix, kind.into(), waits.flags(), None)?;
    socket::bind(socket.as_raw_fd(), &address)?;
    if kind != SocketType::Dgram {
        socket::listen(&socket, backlog)?;
    }
    Ok(socket)
}

/// Accepts the next connection of a server, blocking or not. The caller owns the connection.
pub fn accept(server: BorrowedFd<'_>, waits: Waits) -> io::Result<OwnedFd> {
    loop {
        match socket::accept4(server.as_raw_fd(), waits.flags()) {
            // SAFETY: just created, and has no other owner.
            Ok(fd) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            // The client has closed the connection already. Accepts the next one.
            Err(Errno::EINTR | Errno::ECONNABORTED) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Returns the credentials of the process at the other end.
pub fn peer_credentials(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
    let peer = socket::getsockopt(&socket, sockopt::PeerCredentials)?;
    Ok(Credentials { pid: peer.pid(), uid: peer.uid(), gid: peer.gid() })
}

/// Shuts down the sending direction: the peer reads the end of the stream.
pub fn shutdown_write(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(socket::shutdown(socket.as_raw_fd(), Shutdown::Write)?)
}

/// Returns the socket's type, or `None` if it is not one of the three.
pub fn socket_type(socket: BorrowedFd<'_>) -> io::Result<Option<SocketType>> {
    match socket::getsockopt(&socket, sockopt::SockType) {
        Ok(SockType::Stream) => Ok(Some(SocketType::Stream)),
        Ok(SockType::SeqPacket) => Ok(Some(SocketType::SeqPacket)),
        Ok(SockType::Datagram) => Ok(Some(SocketType::Dgram)),
        // EINVAL means a type that nix does not know.
        Ok(_) | Err(Errno::EINVAL) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Whether a socket is, or was, one end of a connection. A TCP connection that was reset has no peer any
/// more, but poll reports its hang-up, unlike that of a socket that was never connected.
pub fn has_peer(socket: BorrowedFd<'_>) -> bool {
    socket::getpeername::<socket::SockaddrStorage>(socket.as_raw_fd()).is_ok()
        || poll(socket, libc::POLLRDHUP).is_ok_and(|found| found & libc::POLLRDHUP != 0)
}

/// Whether a read of 0 bytes was the end, and not an empty packet: the peer has hung up, and nothing is
/// left to read.
pub fn has_ended(socket: BorrowedFd<'_>) -> io::Result<bool> {
    match socket_type(socket)? {
        Some(SocketType::Stream) => Ok(true),
        Some(SocketType::SeqPacket) => Ok(has_hung_up(socket)? && unread(socket)? == 0),
        Some(SocketType::Dgram) | None => Ok(false),
    }
}

fn has_hung_up(socket: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(poll(socket, libc::POLLRDHUP)? & (libc::POLLRDHUP | libc::POLLHUP) != 0)
}

/// Polls through libc, because nix lacks POLLRDHUP, the hang-up of one direction.
fn poll(socket: BorrowedFd<'_>, events: libc::c_short) -> io::Result<libc::c_short> {
    let mut asked = libc::pollfd { fd: socket.as_raw_fd(), events, revents: 0 };
    // SAFETY: one pollfd, which lives longer than the call.
    while unsafe { libc::poll(&mut asked, 1, 0) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(asked.revents)
}

fn unread(socket: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    let mut bytes = 0;
    // SAFETY: writes an int to a variable that lives longer than the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &mut bytes) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(bytes) }
}

impl From<SocketType> for SockType {
    fn from(kind: SocketType) -> SockType {
        match kind {
            SocketType::Stream => SockType::Stream,
            SocketType::SeqPacket => SockType::SeqPacket,
            SocketType::Dgram => SockType::Datagram,
        }
    }
}
