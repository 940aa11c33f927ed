//! How to listen, and the query that asks the primary for it (CLU-6).

use std::net::SocketAddr;

use super::address::Place;
use crate::proto::cluster::{AddressType, Query};
use crate::wire::v8::Value;

/// libuv's flags.
const IPV6_ONLY: u32 = 1;
const REUSE_ADDRESS: u32 = 4;

/// How to listen for connections. The names are those of Node's `server.listen`.
///
/// ```
/// use crossfork::cluster::ListenOptions;
///
/// let options = ListenOptions::new().backlog(1024).ipv6_only(true);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ListenOptions {
    /// For an IPv6 address: does not accept IPv4 clients. Without an address, Node before version 22 ignores
    /// this option under round robin.
    pub ipv6_only: bool,
    /// How many connections may wait in the kernel; 511 by default. The primary's socket uses the value of
    /// the first worker.
    pub backlog: Option<u32>,
    /// Any value for the servers of all workers to share, such as TLS ticket keys. If several workers set it,
    /// all get the value of the first one: `Listener::data`. A Rust primary stores up to 1 MiB for all
    /// servers together, and refuses more with `ENOBUFS`.
    pub data: Option<Value>,
    /// Listens without the primary: no other worker shares the socket. The path of a Unix socket is not
    /// removed when it closes, as with `std`'s `UnixListener`; a primary removes the paths of its own
    /// sockets.
    pub exclusive: bool,
    /// All users may read from the socket at this path.
    pub readable_all: bool,
    /// All users may write to the socket at this path, which means connect to it.
    pub writable_all: bool,
}

/// How to bind a UDP socket. The names are those of Node's `dgram.createSocket`.
///
/// ```
/// let options = crossfork::cluster::BindOptions::new().reuse_addr(true);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BindOptions {
    /// For an IPv6 address: no datagrams over IPv4.
    pub ipv6_only: bool,
    /// Allows an address that is already in use.
    pub reuse_addr: bool,
}

impl ListenOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`ipv6_only`](field@Self::ipv6_only).
    pub fn ipv6_only(self, ipv6_only: bool) -> Self {
        ListenOptions { ipv6_only, ..self }
    }

    /// Sets [`backlog`](field@Self::backlog).
    pub fn backlog(self, backlog: u32) -> Self {
        ListenOptions { backlog: Some(backlog), ..self }
    }

    /// Sets [`data`](field@Self::data).
    pub fn data(self, data: impl Into<Value>) -> Self {
        ListenOptions { data: Some(data.into()), ..self }
    }

    /// Sets [`exclusive`](field@Self::exclusive).
    pub fn exclusive(self, exclusive: bool) -> Self {
        ListenOptions { exclusive, ..self }
    }

    /// Sets [`readable_all`](field@Self::readable_all).
    pub fn readable_all(self, readable_all: bool) -> Self {
        ListenOptions { readable_all, ..self }
    }

    /// Sets [`writable_all`](field@Self::writable_all).
    pub fn writable_all(self, writable_all: bool) -> Self {
        ListenOptions { writable_all, ..self }
    }

    /// The query for the primary. A host's name must be looked up first.
    pub(crate) fn query(&self, place: &Place) -> Query {
        let mut query = match place {
            Place::Port(port) => Query { port: Some(*port), ..Query::new(AddressType::Tcp4) },
            Place::Ip(address) => {
                let address_type = if address.is_ipv6() { AddressType::Tcp6 } else { AddressType::Tcp4 };
                at(address_type, address)
            }
            Place::Host(host) => Query {
                address: Some(host.name.clone()),
                port: Some(host.port),
                ..Query::new(AddressType::Tcp4)
            },
            Place::Path(path) => {
                let address = path.to_string_lossy().into_owned();
                Query { address: Some(address), ..Query::new(AddressType::Path) }
            }
            Place::Fd(number) => Query { fd: Some(*number), ..Query::new(AddressType::Fd) },
        };
        query.data = self.data.clone();
        query.backlog = self.backlog;
        query.readable_all = self.readable_all;
        query.writable_all = self.writable_all;
        if self.ipv6_only {
            query.flags |= IPV6_ONLY;
        }
        query
    }
}

impl BindOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`ipv6_only`](field@Self::ipv6_only).
    pub fn ipv6_only(self, ipv6_only: bool) -> Self {
        BindOptions { ipv6_only, ..self }
    }

    /// Sets [`reuse_addr`](field@Self::reuse_addr).
    pub fn reuse_addr(self, reuse_addr: bool) -> Self {
        BindOptions { reuse_addr, ..self }
    }

    pub(crate) fn query(self, address: &SocketAddr) -> Query {
        let mut query = at(if address.is_ipv6() { AddressType::Udp6 } else { AddressType::Udp4 }, address);
        if self.ipv6_only {
            query.flags |= IPV6_ONLY;
        }
        if self.reuse_addr {
            query.flags |= REUSE_ADDRESS;
        }
        query
    }
}

fn at(address_type: AddressType, address: &SocketAddr) -> Query {
    let mut text = address.ip().to_string();
    if let SocketAddr::V6(v6) = address
        && v6.scope_id() != 0
    {
        text = format!("{text}%{}", v6.scope_id());
    }
    Query { address: Some(text), port: Some(address.port()), ..Query::new(address_type) }
}
