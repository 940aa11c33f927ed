//! Sockets that listen.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, sockopt};

/// The backlog that Node uses.
const BACKLOG: u32 = 511;

/// A TCP socket bound to every interface, over IPv4 too unless it is for IPv6 only or there is no
/// IPv6: what Node's `listen(port)` does.
pub fn tcp_everywhere(port: u16, ipv6_only: bool) -> io::Result<OwnedFd> {
    match tcp((Ipv6Addr::UNSPECIFIED, port).into(), ipv6_only) {
        Err(e) if !ipv6_only && has_no_ipv6(&e) => tcp((Ipv4Addr::UNSPECIFIED, port).into(), false),
        bound => bound,
    }
}

/// A TCP socket that is bound. It is non-blocking.
pub fn tcp(address: SocketAddr, ipv6_only: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket::socket(family, SockType::Stream, flags, None)?;
    socket::setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    if address.is_ipv6() {
        socket::setsockopt(&fd, sockopt::Ipv6V6Only, &ipv6_only)?;
    }
    socket::bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

/// Makes a bound socket listen, or changes how many connections may wait.
pub fn listen(fd: &impl AsFd, backlog: Option<u32>) -> io::Result<()> {
    let backlog = i32::try_from(backlog.unwrap_or(BACKLOG)).ok();
    // More than the kernel allows is as much as it allows.
    let backlog = backlog.and_then(|n| Backlog::new(n).ok()).unwrap_or(Backlog::MAXCONN);
    Ok(socket::listen(&fd.as_fd(), backlog)?)
}

fn has_no_ipv6(e: &io::Error) -> bool {
    let errno = e.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL | Errno::EINVAL))
}
