//! How a [`Message`] is read: every field may be anything that JavaScript has.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::message::{Act, AddressType, Body, Message, Query, Reply, SockName};
use crate::wire::v8::Value;

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
            // libuv also has negative numbers of its own, below those of the system.
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
