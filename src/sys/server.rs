//! Sockets that are bound for others to use: made, made to listen, and accepted from. All
//! close-on-exec and non-blocking from the start.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{
    self, AddressFamily, SockFlag, SockType, SockaddrStorage, UnixAddr, setsockopt, sockopt,
};

use super::inherit;
use super::probe::{self, Kind};

/// How a TCP or UDP socket is bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bind {
    /// An IPv6 socket takes no IPv4.
    pub v6_only: bool,
    /// Others may bind the same address, if they want that too.
    pub reuse: bool,
}

/// Makes a TCP socket at this address, which does not listen yet. The caller owns it.
///
/// Its address may be one that connections of an earlier socket still use, as in Node.
pub fn tcp(address: SocketAddr, bind: Bind) -> io::Result<OwnedFd> {
    make(address, SockType::Stream, Bind { reuse: true, ..bind })
}

/// Makes a UDP socket at this address. The caller owns it.
pub fn udp(address: SocketAddr, bind: Bind) -> io::Result<OwnedFd> {
    make(address, SockType::Datagram, bind)
}

fn make(address: SocketAddr, kind: SockType, bind: Bind) -> io::Result<OwnedFd> {
    let family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let socket = new(family, kind)?;
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &bind.v6_only)?;
    }
    if bind.reuse {
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    socket::bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(socket)
}

/// Makes a Unix stream socket at this path, which does not listen yet. The caller owns it, and
/// removes the path.
pub fn unix(path: &Path) -> io::Result<OwnedFd> {
    let address = UnixAddr::new(path)?;
    let socket = new(AddressFamily::Unix, SockType::Stream)?;
    socket::bind(socket.as_raw_fd(), &address)?;
    Ok(socket)
}

fn new(family: AddressFamily, kind: SockType) -> io::Result<OwnedFd> {
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    return Ok(socket::socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?);
    #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
    {
        let socket = socket::socket(family, kind, SockFlag::empty(), None)?;
        prepare(socket.as_fd())?;
        Ok(socket)
    }
}

/// Makes a bound socket listen.
pub fn listen(socket: &impl AsFd, backlog: u32) -> io::Result<()> {
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    // Not through nix, which refuses what is above the limit; the kernel lowers it by itself.
    // SAFETY: no memory is passed.
    let result = unsafe { libc::listen(socket.as_fd().as_raw_fd(), backlog) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes the next connection of a server. The caller owns it.
pub fn accept(server: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    loop {
        #[cfg(any(target_os = "linux", target_os = "freebsd"))]
        let accepted = socket::accept4(server.as_raw_fd(), SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK);
        #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
        let accepted = socket::accept(server.as_raw_fd());
        match accepted {
            Ok(fd) => {
                // SAFETY: just made, and owned by nobody else.
                let fd = unsafe { OwnedFd::from_raw_fd(fd) };
                #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
                prepare(fd.as_fd())?;
                return Ok(fd);
            }
            // Gone before it was taken, which is the next one's good luck.
            Err(Errno::EINTR | Errno::ECONNABORTED) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn prepare(fd: BorrowedFd<'_>) -> io::Result<()> {
    inherit::set_cloexec(fd)?;
    probe::set_nonblocking(fd)
}

/// Makes a socket listen no more, whoever has it open: a process that is just being started has all
/// of this one's descriptors until its exec.
pub fn stop(socket: BorrowedFd<'_>) {
    // Fails if it does not listen, which is what is wanted.
    let _ = socket::shutdown(socket.as_raw_fd(), socket::Shutdown::Both);
}

/// A duplicate of a descriptor of this process that somebody names by its number: a stream socket
/// that listens, or is bound, and that new processes would inherit. What is close-on-exec is not
/// meant for others. The caller owns the duplicate.
///
/// # Errors
/// `EBADF` if it is not open, `EACCES` if it is close-on-exec, `EINVAL` if it is no such socket.
pub fn given(number: i32) -> io::Result<OwnedFd> {
    inherit::peek(number, |fd| {
        if FdFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFD)?).contains(FdFlag::FD_CLOEXEC) {
            return Err(io::Error::from_raw_os_error(libc::EACCES));
        }
        match probe::probe(fd)? {
            Kind::TcpListener | Kind::TcpBound | Kind::UnixListener => {
                probe::set_nonblocking(fd)?;
                fd.try_clone_to_owned()
            }
            _ => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        }
    })
}

/// The address of a TCP or UDP socket.
pub fn address(socket: BorrowedFd<'_>) -> io::Result<Option<SocketAddr>> {
    let name: SockaddrStorage = socket::getsockname(socket.as_raw_fd())?;
    let v4 = name.as_sockaddr_in().map(|a| SocketAddr::V4((*a).into()));
    Ok(v4.or_else(|| name.as_sockaddr_in6().map(|a| SocketAddr::V6((*a).into()))))
}

/// The number of a network interface, by its name or number.
pub fn interface(name: &str) -> io::Result<u32> {
    match name.parse() {
        Ok(number) => Ok(number),
        Err(_) => Ok(nix::net::if_::if_nametoindex(name)?),
    }
}
