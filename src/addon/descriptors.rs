//! Inspects and changes descriptors.

use std::os::fd::IntoRawFd;

use crossfork::fd::{self, Address, Family, Kind, ListenFd, SocketType};
use napi::Either;
use napi_derive::napi;

use crate::result::{OrErrno, number, or_errno};
use crate::sys::{borrow, own};

#[napi(object, object_from_js = false)]
pub struct Description {
    pub kind: &'static str,
    pub family: Option<&'static str>,
    #[napi(js_name = "type")]
    pub kind_of_socket: Option<&'static str>,
    pub listening: Option<bool>,
    pub connected: Option<bool>,
    pub local: Option<Either<String, IpAddress>>,
    pub remote: Option<Either<String, IpAddress>>,
    pub readable: bool,
    pub writable: bool,
    pub append: bool,
    pub nonblocking: bool,
    pub cloexec: bool,
}

#[napi(object, object_from_js = false)]
pub struct IpAddress {
    pub address: String,
    pub port: u32,
    pub family: &'static str,
}

#[napi(object, object_from_js = false)]
pub struct Activated {
    pub name: String,
    pub fd: i32,
}

/// Returns 0 if the descriptor is open.
#[napi(catch_unwind)]
pub fn check_open(fd: i32) -> i32 {
    number(borrow(fd).map(|_| 0))
}

#[napi(catch_unwind)]
pub fn describe(fd: i32) -> OrErrno<Description> {
    or_errno(borrow(fd).and_then(fd::describe).map(Description::from))
}

/// Returns the number of a duplicate, which the caller must close.
#[napi(catch_unwind)]
pub fn dup(fd: i32) -> i32 {
    number(borrow(fd).and_then(|fd| Ok(fd.try_clone_to_owned()?.into_raw_fd())))
}

#[napi(catch_unwind)]
pub fn close(fd: i32) -> i32 {
    number(own(fd).and_then(|fd| Ok(nix::unistd::close(fd)?)).map(|()| 0))
}

#[napi(catch_unwind)]
pub fn set_cloexec(fd: i32, on: bool) -> i32 {
    number(borrow(fd).and_then(|fd| fd::set_cloexec(fd, on)).map(|()| 0))
}

#[napi(catch_unwind)]
pub fn set_nonblocking(fd: i32, on: bool) -> i32 {
    number(borrow(fd).and_then(|fd| fd::set_nonblocking(fd, on)).map(|()| 0))
}

/// Returns the descriptors that the three `LISTEN_*` values describe. The caller owns them.
#[napi(catch_unwind)]
pub fn listen_fds(
    pid: Option<String>,
    count: Option<String>,
    names: Option<String>,
) -> OrErrno<Vec<Activated>> {
    let found = ListenFd::from_values(pid.as_deref(), count.as_deref(), names.as_deref());
    let owned = |ListenFd { name, fd, .. }| Activated { name, fd: fd.into_raw_fd() };
    or_errno(found.map(|found| found.into_iter().map(owned).collect()))
}

impl From<fd::Description> for Description {
    fn from(found: fd::Description) -> Self {
        let fd::Description { kind, socket, readable, writable, append, nonblocking, cloexec, .. } = found;
        let socket = socket.as_ref();
        Description {
            kind: match kind {
                Kind::Socket => "socket",
                Kind::Pipe => "pipe",
                Kind::File => "file",
                Kind::Memory => "memfd",
                Kind::Directory => "directory",
                Kind::Terminal => "terminal",
                Kind::Device => "device",
                _ => "other",
            },
            family: socket.map(|socket| family_name(socket.family)),
            kind_of_socket: socket.map(|socket| match socket.kind {
                Some(SocketType::Stream) => "stream",
                Some(SocketType::SeqPacket) => "seqpacket",
                Some(SocketType::Dgram) => "dgram",
                _ => "other",
            }),
            listening: socket.map(|socket| socket.listening),
            connected: socket.map(|socket| socket.connected),
            local: socket.and_then(|socket| address(socket.local.as_ref()?)),
            remote: socket.and_then(|socket| address(socket.peer.as_ref()?)),
            readable,
            writable,
            append,
            nonblocking,
            cloexec,
        }
    }
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "IPv4",
        Family::Ipv6 => "IPv6",
        Family::Unix => "Unix",
        _ => "other",
    }
}

/// Converts an address. An abstract name keeps its leading zero byte, as in Node.
fn address(address: &Address) -> Option<Either<String, IpAddress>> {
    match address {
        Address::Ip(ip) => Some(Either::B(IpAddress {
            address: ip.ip().to_string(),
            port: ip.port().into(),
            family: family_name(if ip.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }),
        })),
        Address::Path(path) => Some(Either::A(path.to_string_lossy().into_owned())),
        Address::Abstract(name) => Some(Either::A(format!("\0{}", String::from_utf8_lossy(name)))),
        _ => None,
    }
}
