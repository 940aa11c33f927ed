//! The servers of a primary: their keys, who listens on them, and what they share.
//!
//! ```text
//!               first query             socket made
//!    (nothing) ------------> Binding ------------------> Listening, or Shared by the workers
//!        ^                      |                            |
//!        |    no socket, or     |                            |
//!        +---- all left --------+------- all left -----------+
//! ```
//!
//! What happens to them is in `granting`. A server of a path that is asked for again while it is Listening may get
//! another socket: its number, its workers and the connections that wait stay.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::action::{ServerId, WorkerId};
use super::balance::Rotation;
use crate::proto::cluster::message::{AddressType, Query, SockName};
use crate::wire::v8::{self, Value};

/// How many servers there may be at a time.
const MAX_SERVERS: usize = 512;

/// How many a worker may have even then, so that others cannot take them all.
const FEW: usize = 16;

/// How many bytes the data of all servers may have together, as V8 writes it. In memory it takes many
/// times as much.
const MAX_DATA: usize = 1 << 20;

pub(super) struct Servers<F> {
    all: BTreeMap<ServerId, PrimaryServer<F>>,
    keys: HashMap<String, ServerId>,
    last: u64,
}

pub(super) struct PrimaryServer<F> {
    pub(super) key: String,
    /// The first worker's: its data is for all (CLU-11).
    pub(super) query: Query,
    data_length: usize,
    /// Those who listen on it, or have asked to.
    pub(super) workers: BTreeSet<WorkerId>,
    pub(super) state: ServerState<F>,
}

pub(super) enum ServerState<F> {
    /// Its socket is being made. These workers have asked, in messages of these numbers.
    Binding { shared: bool, asked: Vec<(WorkerId, u64)> },
    /// We accept connections.
    Listening { sockname: Option<SockName>, rotation: Rotation<F> },
    /// Its workers do.
    Shared,
}

impl<F> Servers<F> {
    pub(super) fn new() -> Self {
        Servers { all: BTreeMap::new(), keys: HashMap::new(), last: 0 }
    }

    pub(super) fn get(&self, id: ServerId) -> Option<&PrimaryServer<F>> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: ServerId) -> Option<&mut PrimaryServer<F>> {
        self.all.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: ServerId) -> Option<PrimaryServer<F>> {
        let server = self.all.remove(&id)?;
        self.keys.remove(&server.key);
        Some(server)
    }

    pub(super) fn of_key(&self, key: &str) -> Option<ServerId> {
        self.keys.get(key).copied()
    }

    /// The servers on which no worker listens.
    pub(super) fn unused(&self) -> Vec<ServerId> {
        self.all.iter().filter(|(_, server)| server.workers.is_empty()).map(|(id, _)| *id).collect()
    }

    /// The server that the worker asks for, and whether it is a new one; or why it cannot have it.
    pub(super) fn join(
        &mut self,
        worker: WorkerId,
        query: &Query,
        shared: bool,
    ) -> Result<(ServerId, bool), i32> {
        let mut key = key(query);
        let has = |servers: &Self, key: &str| {
            let server = servers.of_key(key).and_then(|id| servers.all.get(&id));
            server.is_some_and(|server| server.workers.contains(&worker))
        };
        if has(self, &key) {
            // A worker that asks for the same again cannot have it twice (CLU-15). Only sockets
            // for datagrams can share an address, if they want to.
            match query.address_type {
                AddressType::Udp4 | AddressType::Udp6 => key = format!("{key}:{}", query.index),
                AddressType::Fd => return Err(libc::EEXIST),
                AddressType::Tcp4 | AddressType::Tcp6 | AddressType::Path => return Err(libc::EADDRINUSE),
            }
            if has(self, &key) {
                return Err(libc::EADDRINUSE);
            }
        }
        if let Some(id) = self.of_key(&key) {
            if let Some(server) = self.all.get_mut(&id) {
                server.workers.insert(worker);
            }
            return Ok((id, false));
        }
        let has_few = || self.all.values().filter(|server| server.workers.contains(&worker)).count() < FEW;
        if self.all.len() >= MAX_SERVERS && !has_few() {
            return Err(libc::ENFILE);
        }
        let data_length = query.data.as_ref().map_or(0, length);
        let others: usize = self.all.values().map(|server| server.data_length).sum();
        if others.saturating_add(data_length) > MAX_DATA {
            return Err(libc::ENOBUFS);
        }
        self.last += 1;
        let id = ServerId(self.last);
        self.keys.insert(key.clone(), id);
        let state = ServerState::Binding { shared, asked: Vec::new() };
        let workers = BTreeSet::from([worker]);
        self.all.insert(id, PrimaryServer { key, query: query.clone(), data_length, workers, state });
        Ok((id, true))
    }
}

/// How long a value is; longer than anything if it cannot be written.
fn length(value: &Value) -> usize {
    v8::to_vec(value, &v8::Options::new()).map_or(usize::MAX, |record| record.len())
}

/// The key, as Node 22 and later make it (CLU-15). Nobody parses it: equal queries get the same key, and
/// no two servers have the same at a time.
pub(super) fn key(query: &Query) -> String {
    let or = |value: Option<String>, absent: &str| value.unwrap_or_else(|| absent.to_owned());
    let address = query.address.as_deref().unwrap_or("null");
    let (port, address_type) = match query.address_type {
        AddressType::Tcp4 => (query.port, "4"),
        AddressType::Tcp6 => (query.port, "6"),
        AddressType::Udp4 => (query.port, "udp4"),
        AddressType::Udp6 => (query.port, "udp6"),
        AddressType::Path => return format!("{address}:-1:-1:undefined"),
        AddressType::Fd => {
            return format!("{address}:null:null:{}", or(query.fd.map(|fd| fd.to_string()), "undefined"));
        }
    };
    let port = port.unwrap_or(0);
    let fd = if query.address_type.is_udp() { "-1" } else { "undefined" };
    let index = if port == 0 { format!(":{}", query.index) } else { String::new() };
    format!("{address}:{port}:{address_type}:{fd}{index}")
}
