//! From a worker's query to a socket, as Node makes it (CLU-6).

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::proto::cluster::{AddressType, Query, SockName};
use crate::sys::server::{self, Bind};

/// libuv's flags.
const IPV6_ONLY: u32 = 1;
const REUSE_ADDRESS: u32 = 4;

/// Node's default backlog.
const BACKLOG: u32 = 511;

/// From this backlog on, there is room for the clients of some milliseconds.
const LONG_BACKLOG: u32 = 256;

/// The longest path that an address has room for.
const MAX_PATH: usize = 107;

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
/// accept, so that an address in use is known now, and not when they listen (CLU-12).
pub(super) fn bind(query: &Query) -> io::Result<Bound> {
    let (socket, path) = match query.address_type {
        AddressType::Tcp4 | AddressType::Tcp6 => (tcp(query)?, None),
        AddressType::Udp4 | AddressType::Udp6 => (udp(query)?, None),
        AddressType::Path => unix(query).map(|(socket, path)| (socket, Some(path)))?,
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

fn unix(query: &Query) -> io::Result<(OwnedFd, OwnPath)> {
    let path = PathBuf::from(query.address.as_deref().unwrap_or_default());
    let socket = server::unix(&shorter(&path)).map_err(|e| match e.raw_os_error() {
        // As libuv has it.
        Some(libc::ENOENT) => io::Error::from_raw_os_error(libc::EACCES),
        _ => e,
    })?;
    let own = OwnPath::new(path)?;
    let more = if query.readable_all { 0o444 } else { 0 } | if query.writable_all { 0o222 } else { 0 };
    if more != 0 {
        let mut permissions = fs::metadata(&own.path)?.permissions();
        permissions.set_mode(permissions.mode() | more);
        fs::set_permissions(&own.path, permissions)?;
    }
    Ok((socket, own))
}

/// The worker has made the path absolute, which may be too long; from here it may be shorter
/// (CLU-15).
fn shorter(path: &Path) -> PathBuf {
    if path.as_os_str().len() <= MAX_PATH {
        return path.to_owned();
    }
    let from_here =
        std::env::current_dir().ok().and_then(|here| Some(path.strip_prefix(here).ok()?.to_owned()));
    from_here.unwrap_or_else(|| path.to_owned())
}

/// The path of a socket, removed when it is dropped, unless there is another file now.
pub(super) struct OwnPath {
    path: PathBuf,
    identity: (u64, u64),
}

impl OwnPath {
    fn new(path: PathBuf) -> io::Result<Self> {
        let identity = identity(&path)?;
        Ok(OwnPath { path, identity })
    }
}

impl Drop for OwnPath {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}
