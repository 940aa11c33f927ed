//! How a [`Message`] is written, so that a Node at the other end can read it.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::message::{Act, AddressType, Body, Message, Query, Reply, SockName};

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
            // As Node writes it: part of the key by which workers share a descriptor (CLU-15).
            (AddressType::Fd, None) => map.serialize_entry("port", &())?,
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
