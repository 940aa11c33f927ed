//! Unix sockets of all three types: pairs, servers, connections. All close-on-exec from the start,
//! and non-blocking if that is asked for.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, Backlog, Shutdown, SockFlag, SockType, UnixAddr, sockopt};

/// How a Unix socket keeps its bytes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketType {
    /// A stream: bytes without borders.
    Stream,
    /// Packets with borders, and an end.
    SeqPacket,
    /// Packets with borders that know neither connection nor end.
    Dgram,
}

/// The process at the other end of a connection, as it was when the connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The process; 0 if it lives in a namespace of which this process sees nothing.
    pub pid: i32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

/// Whether calls on a new socket wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// It is blocking.
    Yes,
    /// It is non-blocking from the start.
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

/// Makes two sockets that are connected with each other. The caller owns both.
pub fn pair(kind: SocketType, waits: Waits) -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socket::socketpair(AddressFamily::Unix, kind.into(), None, waits.flags())?)
}

/// Connects with a server. A path that begins with a zero byte is a name in Linux's abstract
/// namespace. The caller owns the socket.
///
/// Where as many connections wait as the server lets wait, this waits too, or is `EAGAIN`: then nothing
/// tells when to try again.
pub fn connect(path: &[u8], kind: SocketType, waits: Waits) -> io::Result<OwnedFd> {
    let address = address(path)?;
    let socket = socket::socket(AddressFamily::Unix, kind.into(), waits.flags(), None)?;
    loop {
        match socket::connect(socket.as_raw_fd(), &address) {
            Ok(()) => return Ok(socket),
            // A Unix socket that waits for its server has done nothing yet, and begins anew.
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Makes a socket at a path, and lets it listen if its type has connections. The caller owns the
/// socket, and removes the path.
pub fn bind(path: &[u8], kind: SocketType, backlog: i32, waits: Waits) -> io::Result<OwnedFd> {
    let address = address(path)?;
    // What is more is less to the kernel too. Before the path is made, which an error would leave.
    let backlog = Backlog::new(backlog.min(libc::SOMAXCONN))?;
    let socket = socket::socket(AddressFamily::Unix, kind.into(), waits.flags(), None)?;
    socket::bind(socket.as_raw_fd(), &address)?;
    if kind != SocketType::Dgram {
        socket::listen(&socket, backlog)?;
    }
    Ok(socket)
}

/// Takes the next connection of a server, which may itself wait or not. The caller owns it.
pub fn accept(server: BorrowedFd<'_>, waits: Waits) -> io::Result<OwnedFd> {
    loop {
        match socket::accept4(server.as_raw_fd(), waits.flags()) {
            // SAFETY: just made, and owned by nobody else.
            Ok(fd) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            // Gone before it was taken, which is the next one's good luck.
            Err(Errno::EINTR | Errno::ECONNABORTED) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Asks who connected, or who listens.
pub fn peer_credentials(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
    let peer = socket::getsockopt(&socket, sockopt::PeerCredentials)?;
    Ok(Credentials { pid: peer.pid(), uid: peer.uid(), gid: peer.gid() })
}

/// Tells the peer that no more will be sent.
pub fn shutdown_write(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(socket::shutdown(socket.as_raw_fd(), Shutdown::Write)?)
}

/// Its type, unless that is none of the three.
pub fn socket_type(socket: BorrowedFd<'_>) -> io::Result<Option<SocketType>> {
    match socket::getsockopt(&socket, sockopt::SockType) {
        Ok(SockType::Stream) => Ok(Some(SocketType::Stream)),
        Ok(SockType::SeqPacket) => Ok(Some(SocketType::SeqPacket)),
        Ok(SockType::Datagram) => Ok(Some(SocketType::Dgram)),
        // EINVAL is a type that nix has no name for.
        Ok(_) | Err(Errno::EINVAL) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Whether it is one end of a connection, or was: a TCP connection that was reset has no peer any
/// longer, and has hung up, which a socket that never had one has not.
pub fn has_peer(socket: BorrowedFd<'_>) -> bool {
    socket::getpeername::<socket::SockaddrStorage>(socket.as_raw_fd()).is_ok()
        || poll(socket, libc::POLLRDHUP).is_ok_and(|found| found & libc::POLLRDHUP != 0)
}

/// Whether a read of nothing was the end, and not an empty packet: the peer has hung up, and
/// nothing is left to read.
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

/// Through libc, for nix does not know POLLRDHUP, the hang-up of one direction.
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
    // SAFETY: writes an int to a place that lives longer than the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &mut bytes) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(bytes) }
}

fn address(path: &[u8]) -> nix::Result<UnixAddr> {
    match path {
        [] => Err(Errno::EINVAL),
        [0, name @ ..] => UnixAddr::new_abstract(name),
        _ => UnixAddr::new(path),
    }
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
