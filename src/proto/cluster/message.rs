//! What a primary and its workers say to each other (CLU-1).

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

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
    /// It asks for something, or tells something.
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
    /// The worker is about to end because it wants to (CLU-10). Replied to.
    ExitedAfterDisconnect,
    /// A connection for the worker, which comes as a descriptor (CLU-13). Replied to.
    NewConnection {
        /// The server that accepted it.
        key: String,
    },
    /// The worker shall end (CLU-14).
    Disconnect,
}

/// What a worker wants to listen on, or does (CLU-6).
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// How many times before the worker asked for the same.
    pub index: u32,
    /// Whatever the servers of all workers are to share, of which the first worker's counts.
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
    /// What became of the query: the number of an error, as the system has it, not negated.
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
    /// Whether it is one of datagrams.
    pub fn is_udp(self) -> bool {
        matches!(self, AddressType::Udp4 | AddressType::Udp6)
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("cmd", "NODE_CLUSTER")?;
        match &self.body {
            Body::Act(act) => act.write(&mut map)?,
            Body::Reply(reply) => reply.write(&mut map)?,
            Body::Unknown => {}
        }
        map.serialize_entry("seq", &self.seq)?;
        map.end()
    }
}

impl Act {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(
            "act",
            match self {
                Act::Online => "online",
                Act::QueryServer(_) => "queryServer",
                Act::Listening(_) => "listening",
                Act::Close { .. } => "close",
                Act::ExitedAfterDisconnect => "exitedAfterDisconnect",
                Act::NewConnection { .. } => "newconn",
                Act::Disconnect => "disconnect",
            },
        )?;
        match self {
            Act::QueryServer(query) | Act::Listening(query) => query.write(map),
            Act::Close { key } | Act::NewConnection { key } => map.serialize_entry("key", key),
            Act::Online | Act::ExitedAfterDisconnect | Act::Disconnect => Ok(()),
        }
    }
}

impl Query {
    /// What is absent is left out, for a primary reads `null` as the descriptor 0 (CLU-7).
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("index", &self.index)?;
        map.serialize_entry("data", &self.data)?;
        map.serialize_entry("address", &self.address)?;
        match (self.address_type, self.port) {
            (AddressType::Path, _) => map.serialize_entry("port", &-1)?,
            (_, Some(port)) => map.serialize_entry("port", &port)?,
            (_, None) => {}
        }
        match self.address_type {
            AddressType::Tcp4 => map.serialize_entry("addressType", &4)?,
            AddressType::Tcp6 => map.serialize_entry("addressType", &6)?,
            AddressType::Path => map.serialize_entry("addressType", &-1)?,
            AddressType::Udp4 => map.serialize_entry("addressType", "udp4")?,
            AddressType::Udp6 => map.serialize_entry("addressType", "udp6")?,
            AddressType::Fd => map.serialize_entry("addressType", &())?,
        }
        match self.fd {
            Some(fd) => map.serialize_entry("fd", &fd)?,
            // As Node writes it: part of the key by which workers share a socket (CLU-15).
            None if self.address_type.is_udp() => map.serialize_entry("fd", &-1)?,
            None => {}
        }
        if matches!(self.address_type, AddressType::Tcp4 | AddressType::Tcp6) || self.address_type.is_udp() {
            map.serialize_entry("flags", &self.flags)?;
        }
        if !self.address_type.is_udp() {
            map.serialize_entry("backlog", &self.backlog.unwrap_or(0))?;
        }
        if self.readable_all {
            map.serialize_entry("readableAll", &true)?;
        }
        if self.writable_all {
            map.serialize_entry("writableAll", &true)?;
        }
        Ok(())
    }
}

impl Reply {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self.server {
            Some(Ok(())) => map.serialize_entry("errno", &0)?,
            Some(Err(errno)) => map.serialize_entry("errno", &-i64::from(errno))?,
            None => {}
        }
        if let Some(key) = &self.key {
            map.serialize_entry("key", key)?;
        }
        map.serialize_entry("ack", &self.ack)?;
        if self.server.is_some() {
            map.serialize_entry("data", &self.data)?;
        }
        if let Some(accepted) = self.accepted {
            map.serialize_entry("accepted", &accepted)?;
        }
        if let Some(sockname) = &self.sockname {
            map.serialize_entry("sockname", sockname)?;
        }
        Ok(())
    }
}

impl Serialize for SockName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("address", &self.address)?;
        map.serialize_entry("family", if self.is_ipv6 { "IPv6" } else { "IPv4" })?;
        map.serialize_entry("port", &self.port)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fields::deserialize(deserializer)?.message().map_err(de::Error::custom)
    }
}

/// The fields of a message as they are written. The last of several counts, as in JavaScript.
#[derive(Default)]
struct Fields<'de> {
    act: Scalar<'de>,
    ack: Scalar<'de>,
    seq: Scalar<'de>,
    accepted: Scalar<'de>,
    errno: Scalar<'de>,
    key: Scalar<'de>,
    data: Option<Value>,
    sockname: Option<SockName>,
    index: Scalar<'de>,
    address: Scalar<'de>,
    port: Scalar<'de>,
    address_type: Scalar<'de>,
    /// Of a socket name.
    family: Scalar<'de>,
    fd: Scalar<'de>,
    flags: Scalar<'de>,
    backlog: Scalar<'de>,
    readable_all: Scalar<'de>,
    writable_all: Scalar<'de>,
}

type Malformed = &'static str;

impl Fields<'_> {
    fn message(self) -> Result<Message, Malformed> {
        let seq = self.seq.whole().unwrap_or(0);
        let body = match (self.ack.whole(), self.act.text()) {
            (Some(ack), _) => Body::Reply(self.reply(ack)?),
            (None, Some("online")) => Body::Act(Act::Online),
            (None, Some("queryServer")) => Body::Act(Act::QueryServer(self.query()?)),
            (None, Some("listening")) => Body::Act(Act::Listening(self.query()?)),
            (None, Some("close")) => Body::Act(Act::Close { key: self.key()? }),
            (None, Some("exitedAfterDisconnect")) => Body::Act(Act::ExitedAfterDisconnect),
            (None, Some("newconn")) => Body::Act(Act::NewConnection { key: self.key()? }),
            (None, Some("disconnect")) => Body::Act(Act::Disconnect),
            (None, _) => Body::Unknown,
        };
        Ok(Message { seq, body })
    }

    fn reply(self, ack: u64) -> Result<Reply, Malformed> {
        let key = self.key.text().map(str::to_owned);
        let server = match self.errno {
            Scalar::Absent if key.is_none() => None,
            Scalar::Absent | Scalar::Null => Some(Ok(())),
            Scalar::Number(0.0) => Some(Ok(())),
            // libuv has numbers of its own, all below, for what the system has none for.
            Scalar::Number(n) => Some(Err(if n < 0.0 { -n as i32 } else { n as i32 })),
            Scalar::Bool(_) | Scalar::Text(_) | Scalar::Other => return Err("its errno is not a number"),
        };
        let accepted = match self.accepted {
            Scalar::Absent => None,
            accepted => Some(accepted.is_true()),
        };
        Ok(Reply { ack, accepted, server, key, data: self.data, sockname: self.sockname })
    }

    fn query(self) -> Result<Query, Malformed> {
        let address_type = match &self.address_type {
            Scalar::Number(4.0) => AddressType::Tcp4,
            Scalar::Number(6.0) => AddressType::Tcp6,
            Scalar::Number(-1.0) => AddressType::Path,
            Scalar::Text(text) if text == "udp4" => AddressType::Udp4,
            Scalar::Text(text) if text == "udp6" => AddressType::Udp6,
            Scalar::Absent | Scalar::Null => AddressType::Fd,
            _ => return Err("its addressType is none that is known"),
        };
        let port = match self.port {
            Scalar::Absent | Scalar::Null | Scalar::Number(-1.0) => None,
            port => Some(port.whole().and_then(|n| u16::try_from(n).ok()).ok_or("its port is none")?),
        };
        let fd = match self.fd {
            Scalar::Number(n) if n >= 0.0 && n.fract() == 0.0 && n <= f64::from(i32::MAX) => Some(n as i32),
            _ => None,
        };
        if address_type == AddressType::Fd && fd.is_none() {
            return Err("it has neither an addressType nor a descriptor");
        }
        let address = self.address.text().map(str::to_owned);
        if address_type == AddressType::Path && address.is_none() {
            return Err("it has no path");
        }
        let small = |field: &Scalar<'_>| field.whole().and_then(|n| u32::try_from(n).ok());
        Ok(Query {
            index: small(&self.index).unwrap_or(0),
            data: self.data,
            address,
            port,
            address_type,
            fd,
            flags: small(&self.flags).unwrap_or(0),
            // `false` is a quirk of listen(port, callback).
            backlog: small(&self.backlog).filter(|n| *n > 0),
            readable_all: self.readable_all.is_true(),
            writable_all: self.writable_all.is_true(),
        })
    }

    fn key(&self) -> Result<String, Malformed> {
        Ok(self.key.text().ok_or("it has no key")?.to_owned())
    }

    fn sockname(self) -> Option<SockName> {
        Some(SockName {
            address: self.address.text()?.to_owned(),
            is_ipv6: self.family.text() == Some("IPv6"),
            port: u16::try_from(self.port.whole()?).ok()?,
        })
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message of a cluster")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some(Name(name)) = map.next_key()? {
                    let field = match &*name {
                        "act" => &mut fields.act,
                        "ack" => &mut fields.ack,
                        "seq" => &mut fields.seq,
                        "accepted" => &mut fields.accepted,
                        "errno" => &mut fields.errno,
                        "key" => &mut fields.key,
                        "index" => &mut fields.index,
                        "address" => &mut fields.address,
                        "port" => &mut fields.port,
                        "addressType" => &mut fields.address_type,
                        "family" => &mut fields.family,
                        "fd" => &mut fields.fd,
                        "flags" => &mut fields.flags,
                        "backlog" => &mut fields.backlog,
                        "readableAll" => &mut fields.readable_all,
                        "writableAll" => &mut fields.writable_all,
                        "data" => {
                            fields.data = Some(map.next_value()?);
                            continue;
                        }
                        "sockname" => {
                            fields.sockname =
                                map.next_value::<Option<Fields<'de>>>()?.and_then(Fields::sockname);
                            continue;
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *field = map.next_value()?;
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A field's name.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(deserializer)? {
            Scalar::Text(name) => Ok(Name(name)),
            // A number, in the advanced mode.
            _ => Ok(Name(Cow::Borrowed(""))),
        }
    }
}

/// A field of which JavaScript would take any value.
#[derive(Default)]
enum Scalar<'de> {
    #[default]
    Absent,
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'de, str>),
    /// An object or the like, which no field of ours is.
    Other,
}

impl Scalar<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    fn whole(&self) -> Option<u64> {
        match *self {
            // As far as JavaScript counts without gaps.
            Scalar::Number(n) if (0.0..=9_007_199_254_740_991.0).contains(&n) && n.fract() == 0.0 => {
                Some(n as u64)
            }
            _ => None,
        }
    }

    fn is_true(&self) -> bool {
        match self {
            Scalar::Absent | Scalar::Null => false,
            Scalar::Bool(value) => *value,
            Scalar::Number(n) => *n != 0.0 && !n.is_nan(),
            Scalar::Text(text) => !text.is_empty(),
            Scalar::Other => true,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Null)
            }
            fn visit_none<E>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar<'de>, D::Error> {
                Scalar::deserialize(deserializer)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Bool(value))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Number(n as f64))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Number(n as f64))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Number(n))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_bytes<E>(self, _: &[u8]) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}
