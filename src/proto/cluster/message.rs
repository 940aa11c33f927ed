//! The messages between a primary and its workers (CLU-1).

use crate::wire::v8::Value;

/// A message between a primary and a worker. It is read and written by serde, in either
/// serialization.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The sender's number for it, which a reply repeats as its `ack`.
    pub seq: u64,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// It requests something, or announces something.
    Act(Act),
    /// It answers.
    Reply(Reply),
    /// Neither: ignored (CLU-2).
    Unknown,
}

/// The `act` of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// The worker runs (CLU-5).
    Online,
    /// The worker wants to listen (CLU-6). Replied to (CLU-11).
    QueryServer(Query),
    /// The worker listens (CLU-8).
    Listening(Query),
    /// The worker does not want this server any more (CLU-9).
    Close {
        /// The server.
        key: String,
    },
    /// The worker announces that it will exit on its own account (CLU-10). Replied to.
    ExitedAfterDisconnect,
    /// A connection for the worker, which comes as a descriptor (CLU-13). Replied to.
    NewConnection {
        /// The server that accepted it.
        key: String,
    },
    /// The worker is asked to disconnect (CLU-14).
    Disconnect,
}

/// What a worker wants to listen on, or does (CLU-6).
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// How many times before the worker asked for the same.
    pub index: u32,
    /// Data for the servers of all workers. That of the first worker counts.
    pub data: Option<Value>,
    /// An IP address, or a path. `None` stands for every interface.
    pub address: Option<String>,
    /// The port; 0 for any. Paths and descriptors have none.
    pub port: Option<u16>,
    /// What kind of address it is.
    pub address_type: AddressType,
    /// A descriptor of the primary's.
    pub fd: Option<i32>,
    /// libuv's: for TCP 1 is IPv6 only; for UDP also 4, reuse of the address.
    pub flags: u32,
    /// How many connections may wait to be accepted, unless it is the default (511).
    pub backlog: Option<u32>,
    /// Everybody may read from the socket at this path.
    pub readable_all: bool,
    /// Everybody may write to the socket at this path.
    pub writable_all: bool,
}

/// The `addressType` of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressType {
    /// TCP over IPv4; without an address, over IPv6 too where there is IPv6.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// A Unix socket.
    Path,
    /// UDP over IPv4.
    Udp4,
    /// UDP over IPv6.
    Udp6,
    /// A descriptor of the primary's.
    Fd,
}

/// The reply to a message with this number.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Reply {
    /// The number.
    pub ack: u64,
    /// Whether the worker took the connection (CLU-13).
    pub accepted: Option<bool>,
    /// The result of the query: an error is the system's number, not negated.
    pub server: Option<Result<(), i32>>,
    /// The server, as the primary calls it (CLU-15).
    pub key: Option<String>,
    /// What the servers share.
    pub data: Option<Value>,
    /// Where the server listens.
    pub sockname: Option<SockName>,
}

/// Where a server listens, by the field names of Node's `server.address()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SockName {
    /// The IP address.
    pub address: String,
    /// Whether that is an IPv6 address.
    pub is_ipv6: bool,
    /// The port.
    pub port: u16,
}

impl Query {
    /// A query for this kind of address, with nothing else said.
    pub fn new(address_type: AddressType) -> Self {
        Query {
            index: 0,
            data: None,
            address: None,
            port: None,
            address_type,
            fd: None,
            flags: 0,
            backlog: None,
            readable_all: false,
            writable_all: false,
        }
    }
}

impl AddressType {
    /// Whether it is for datagrams.
    pub fn is_udp(self) -> bool {
        matches!(self, AddressType::Udp4 | AddressType::Udp6)
    }
}
