//! Finds out what a descriptor refers to, as libuv does.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{self, AddressFamily, SockType, SockaddrLike, SockaddrStorage, sockopt};
use nix::sys::stat::{SFlag, fstat};

/// The kinds of descriptors that matter to a channel. libuv distinguishes the same kinds, and uses no
/// other information (HND-18 to HND-21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A connected TCP socket.
    TcpStream,
    /// A listening TCP socket.
    TcpListener,
    /// A TCP socket that is bound to a port, but neither connected nor listening.
    TcpBound,
    /// A TCP socket that is neither connected nor listening, and has no port.
    TcpUnbound,
    /// A Unix stream socket that does not listen.
    UnixStream,
    /// A Unix stream socket that listens.
    UnixListener,
    /// A UDP socket over IPv4.
    Udp4,
    /// A UDP socket over IPv6.
    Udp6,
    /// Either end of a FIFO or pipe.
    Fifo,
    /// A Unix socket of type seqpacket or dgram.
    UnixPackets,
    /// A socket of another family or type.
    OtherSocket,
    /// A regular file, or a memfd.
    File,
    /// A directory.
    Directory,
    /// A character device, such as a terminal.
    CharDevice,
    /// Something else: an eventfd, an epoll, a pidfd, an `O_PATH` descriptor, ...
    Other,
}

impl Kind {
    /// Returns the kind's name with its article, for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::TcpStream => "a TCP connection",
            Kind::TcpListener => "a listening TCP socket",
            Kind::TcpBound => "a bound TCP socket",
            Kind::TcpUnbound => "an unbound TCP socket",
            Kind::UnixStream => "a Unix stream socket",
            Kind::UnixListener => "a listening Unix socket",
            Kind::Udp4 => "a UDP socket (IPv4)",
            Kind::Udp6 => "a UDP socket (IPv6)",
            Kind::Fifo => "a pipe",
            Kind::UnixPackets => "a Unix packet socket",
            Kind::OtherSocket => "a socket of another family",
            Kind::File => "a file",
            Kind::Directory => "a directory",
            Kind::CharDevice => "a terminal or other character device",
            Kind::Other => "not a socket or pipe",
        }
    }
}

/// Whether this process made both ends of a Unix socket: it created the pair, or connected to itself.
/// Always false for a socket that another process created and this one inherited, in any PID namespace
/// and through any processes in between.
pub fn is_own_pair(fd: BorrowedFd<'_>) -> bool {
    #[cfg(target_os = "linux")]
    {
        let peer = socket::getsockopt(&fd, sockopt::PeerCredentials);
        peer.is_ok_and(|peer| u32::try_from(peer.pid()) == Ok(std::process::id()))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = fd;
        false
    }
}

/// Asks the kernel what the descriptor refers to.
pub fn probe(fd: BorrowedFd<'_>) -> io::Result<Kind> {
    match socket::getsockopt(&fd, sockopt::SockType) {
        Ok(kind) => Ok(probe_socket(fd, kind)?),
        Err(Errno::ENOTSOCK) => Ok(probe_file(fd)?),
        // A socket type that nix does not know.
        Err(Errno::EINVAL) => Ok(Kind::OtherSocket),
        // Not usable as a socket, for example an O_PATH descriptor.
        Err(Errno::EBADF) => Ok(probe_file(fd)?),
        Err(e) => Err(e.into()),
    }
}

fn probe_socket(fd: BorrowedFd<'_>, kind: SockType) -> nix::Result<Kind> {
    let address: SockaddrStorage = socket::getsockname(fd.as_raw_fd())?;
    let listens = || socket::getsockopt(&fd, sockopt::AcceptConn);
    Ok(match (address.family(), kind) {
        (Some(AddressFamily::Inet | AddressFamily::Inet6), SockType::Stream) => {
            if listens()? {
                Kind::TcpListener
            } else if socket::getpeername::<SockaddrStorage>(fd.as_raw_fd()).is_ok() {
                Kind::TcpStream
            } else if port(&address) == 0 {
                Kind::TcpUnbound
            } else {
                Kind::TcpBound
            }
        }
        (Some(AddressFamily::Unix), SockType::Stream) => {
            if listens()? {
                Kind::UnixListener
            } else {
                Kind::UnixStream
            }
        }
        (Some(AddressFamily::Unix), _) => Kind::UnixPackets,
        (Some(AddressFamily::Inet), SockType::Datagram) => Kind::Udp4,
        (Some(AddressFamily::Inet6), SockType::Datagram) => Kind::Udp6,
        _ => Kind::OtherSocket,
    })
}

fn port(address: &SockaddrStorage) -> u16 {
    let v4 = address.as_sockaddr_in().map(|a| SocketAddr::V4((*a).into()));
    let v6 = address.as_sockaddr_in6().map(|a| SocketAddr::V6((*a).into()));
    v4.or(v6).map_or(0, |a| a.port())
}

fn probe_file(fd: BorrowedFd<'_>) -> nix::Result<Kind> {
    // An O_PATH descriptor names a file but cannot be used for I/O.
    #[cfg(target_os = "linux")]
    if OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?).contains(OFlag::O_PATH) {
        return Ok(Kind::Other);
    }
    let kind = fstat(fd.as_fd())?.st_mode & SFlag::S_IFMT.bits();
    Ok(match SFlag::from_bits_truncate(kind) {
        SFlag::S_IFIFO => Kind::Fifo,
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFCHR => Kind::CharDevice,
        _ => Kind::Other,
    })
}

/// Sets `O_NONBLOCK`. The flag belongs to the open file, so all processes that share it are affected.
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_nonblocking_to(fd, true)
}

/// Sets or clears `O_NONBLOCK`.
pub fn set_nonblocking_to(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    let mut wanted = flags;
    wanted.set(OFlag::O_NONBLOCK, on);
    if wanted != flags {
        fcntl(fd, FcntlArg::F_SETFL(wanted))?;
    }
    Ok(())
}

/// Makes a bound socket listen, with the backlog that Node uses.
pub fn listen(fd: &impl AsFd) -> io::Result<()> {
    socket::listen(&fd.as_fd(), socket::Backlog::new(511)?)?;
    Ok(())
}
