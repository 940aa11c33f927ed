//! From a worker's query to a socket, as Node makes it (CLU-6).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, OwnedFd};

use super::unix_path::{self, OwnPath};
use crate::proto::cluster::{AddressType, Query, SockName};
use crate::sys::server::{self, Bind};

/// libuv's flags.
const IPV6_ONLY: u32 = 1;
const REUSE_ADDRESS: u32 = 4;

/// Node's default backlog.
const BACKLOG: u32 = 511;

/// From this backlog on, there is room for the clients of some milliseconds.
const LONG_BACKLOG: u32 = 256;

/// A socket that was made for workers.
pub(super) struct Bound {
    pub(super) socket: OwnedFd,
    /// Its path, which is removed with it.
    pub(super) path: Option<OwnPath>,
    /// We have made it: no other process has it.
    pub(super) is_ours: bool,
}

/// Whether many clients can wait in the kernel for a while before they are accepted. Only those of TCP,
/// who try again when there is no room; those of a Unix socket fail at once.
pub(super) fn is_patient(query: &Query) -> bool {
    let is_tcp = matches!(query.address_type, AddressType::Tcp4 | AddressType::Tcp6);
    is_tcp && query.backlog.unwrap_or(BACKLOG) >= LONG_BACKLOG
}

/// Makes the socket that the query asks for. It listens, if it can: also where the workers will
/// accept, so that an address in use is known now, and not when they listen (CLU-12). With `replaces_stale`, a
/// socket file on which nobody listens is not in use.
pub(super) fn bind(query: &Query, replaces_stale: bool) -> io::Result<Bound> {
    let (socket, path) = match query.address_type {
        AddressType::Tcp4 | AddressType::Tcp6 => (tcp(query)?, None),
        AddressType::Udp4 | AddressType::Udp6 => (udp(query)?, None),
        AddressType::Path => unix_path::bind(query, replaces_stale)?,
        AddressType::Fd => (server::given(query.fd.unwrap_or(-1))?, None),
    };
    if !query.address_type.is_udp() {
        server::listen(&socket, query.backlog.unwrap_or(BACKLOG))?;
    }
    Ok(Bound { socket, path, is_ours: query.address_type != AddressType::Fd })
}

/// What the workers of a server are told of its address (CLU-11).
pub(super) fn sockname(socket: &impl AsFd) -> Option<SockName> {
    let address = server::address(socket.as_fd()).ok()??;
    Some(SockName { address: address.ip().to_string(), is_ipv6: address.is_ipv6(), port: address.port() })
}

fn tcp(query: &Query) -> io::Result<OwnedFd> {
    let port = query.port.unwrap_or(0);
    let bind = Bind { v6_only: query.flags & IPV6_ONLY != 0, reuse: true };
    if let Some(address) = &query.address {
        return server::tcp(parse(address, port, query.address_type == AddressType::Tcp6)?, bind);
    }
    match server::tcp((Ipv6Addr::UNSPECIFIED, port).into(), bind) {
        // No IPv6 here.
        Err(e) if matches!(e.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)) => {
            server::tcp((Ipv4Addr::UNSPECIFIED, port).into(), bind)
        }
        made => made,
    }
}

fn udp(query: &Query) -> io::Result<OwnedFd> {
    let is_ipv6 = query.address_type == AddressType::Udp6;
    let every = if is_ipv6 { "::" } else { "0.0.0.0" };
    let address = query.address.as_deref().unwrap_or(every);
    let bind = Bind { v6_only: query.flags & IPV6_ONLY != 0, reuse: query.flags & REUSE_ADDRESS != 0 };
    server::udp(parse(address, query.port.unwrap_or(0), is_ipv6)?, bind)
}

fn parse(address: &str, port: u16, is_ipv6: bool) -> io::Result<SocketAddr> {
    let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
    let (address, scope) = match address.split_once('%') {
        Some((address, interface)) => (address, server::interface(interface)?),
        None => (address, 0),
    };
    match address.parse().map_err(|_| invalid())? {
        IpAddr::V4(ip) if !is_ipv6 => Ok((ip, port).into()),
        IpAddr::V6(ip) if is_ipv6 => Ok(SocketAddrV6::new(ip, port, 0, scope).into()),
        _ => Err(invalid()),
    }
}
