//! Server sockets that other processes use: bind, listen, accept. All are close-on-exec and
//! non-blocking from the start.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
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
    /// An IPv6 socket does not accept IPv4 (`IPV6_V6ONLY`).
    pub v6_only: bool,
    /// Other sockets with this option may bind the same address (`SO_REUSEADDR`).
    pub reuse: bool,
}

/// Creates a TCP socket that is bound to this address and does not listen yet. The caller owns it.
///
/// As in Node, connections of an earlier socket may still use the address.
pub fn tcp(address: SocketAddr, bind: Bind) -> io::Result<OwnedFd> {
    make(address, SockType::Stream, Bind { reuse: true, ..bind })
}

/// Creates a UDP socket that is bound to this address. The caller owns it.
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

/// Creates a Unix stream socket that is bound to this path and does not listen yet. A path that begins with a
/// zero byte is a name in Linux's abstract namespace. The caller owns the socket and must remove the path.
pub fn unix(path: &Path) -> io::Result<OwnedFd> {
    let socket = new(AddressFamily::Unix, SockType::Stream)?;
    socket::bind(socket.as_raw_fd(), &unix_address(path.as_os_str().as_bytes())?)?;
    Ok(socket)
}

/// Whether the file at this path is one of a Unix socket that no process has any more. No server notices: the kernel
/// refuses to connect one for datagrams to a socket of another type, after it has found the socket.
pub fn is_stale_unix(path: &Path) -> io::Result<bool> {
    let socket = new(AddressFamily::Unix, SockType::Datagram)?;
    let address = unix_address(path.as_os_str().as_bytes())?;
    Ok(socket::connect(socket.as_raw_fd(), &address) == Err(Errno::ECONNREFUSED))
}

/// The address of a path, or of a name in Linux's abstract namespace.
pub(super) fn unix_address(path: &[u8]) -> nix::Result<UnixAddr> {
    match path {
        [] => Err(Errno::EINVAL),
        #[cfg(target_os = "linux")]
        [0, name @ ..] => UnixAddr::new_abstract(name),
        _ => UnixAddr::new(path),
    }
}

/// Creates a Unix stream socket that is connected to nothing. The caller owns it.
pub fn unconnected() -> io::Result<OwnedFd> {
    new(AddressFamily::Unix, SockType::Stream)
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
    // Calls libc, because nix rejects a backlog above the limit. The kernel reduces it to the limit.
    // SAFETY: no memory is passed.
    let result = unsafe { libc::listen(socket.as_fd().as_raw_fd(), backlog) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Accepts the next connection of a server. The caller owns it.
pub fn accept(server: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    loop {
        #[cfg(any(target_os = "linux", target_os = "freebsd"))]
        let accepted = socket::accept4(server.as_raw_fd(), SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK);
        #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
        let accepted = socket::accept(server.as_raw_fd());
        match accepted {
            Ok(fd) => {
                // SAFETY: just created, and has no other owner.
                let fd = unsafe { OwnedFd::from_raw_fd(fd) };
                #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
                prepare(fd.as_fd())?;
                return Ok(fd);
            }
            // The client has closed the connection already. Accepts the next one.
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

/// Stops a socket from listening, in all processes that have it open. A process that is being started
/// has all descriptors of this one until its exec.
pub fn stop(socket: BorrowedFd<'_>) {
    // Fails if the socket does not listen; then nothing is left to do.
    let _ = socket::shutdown(socket.as_raw_fd(), socket::Shutdown::Both);
}

/// Duplicates a descriptor of this process by its number. It must be a stream socket that listens or is
/// bound, and must be inheritable: a close-on-exec descriptor is not meant for other processes. The
/// caller owns the duplicate.
///
/// # Errors
/// `EBADF` if it is not open, `EACCES` if it is close-on-exec, `EINVAL` if it is not such a socket.
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

/// Returns the address of a TCP or UDP socket.
pub fn address(socket: BorrowedFd<'_>) -> io::Result<Option<SocketAddr>> {
    let name: SockaddrStorage = socket::getsockname(socket.as_raw_fd())?;
    let v4 = name.as_sockaddr_in().map(|a| SocketAddr::V4((*a).into()));
    Ok(v4.or_else(|| name.as_sockaddr_in6().map(|a| SocketAddr::V6((*a).into()))))
}

/// Returns the index of a network interface, given its name or index.
pub fn interface(name: &str) -> io::Result<u32> {
    match name.parse() {
        Ok(number) => Ok(number),
        Err(_) => Ok(nix::net::if_::if_nametoindex(name)?),
    }
}
