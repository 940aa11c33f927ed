//! A primary with arbitrary workers, which start and exit at any time: the model of it, and what a script can do.

mod checks;
mod does;
mod happens;

use std::collections::{BTreeMap, BTreeSet};

use crossfork::Serialization;
use crossfork::proto::cluster::primary::{Balance, ServerId, WorkerId};
use crossfork::proto::cluster::{Message, PrimaryMachine};
use serde_json::json;

use super::script::Script;
use crate::sim::token::{Ledger, Token};

/// The number of waiting connections of one server.
const MOST_WAITING: usize = 256;
/// The number of servers in total, and of one worker.
const MOST_SERVERS: usize = 512;
/// A connection is closed after this number of worker deaths.
const MOST_DEATHS: u8 = 10;

struct World {
    serialization: Serialization,
    machine: PrimaryMachine<Token>,
    ledger: Ledger,
    /// Sockets are made later, in a step of their own.
    is_slow: bool,
    workers: BTreeMap<WorkerId, Worker>,
    last: WorkerId,
    servers: BTreeMap<ServerId, Server>,
    closed: BTreeSet<ServerId>,
    connections: BTreeMap<usize, Connection>,
    offers: BTreeMap<u64, Offer>,
    /// Pings in the channels, by worker, and their numbers.
    pings: BTreeMap<WorkerId, u64>,
    is_handing_out: bool,
    /// Replies with a shared socket.
    shares: Vec<(WorkerId, ServerId, Message)>,
    /// Queries for a path, until its file was looked at.
    rebinds: Vec<(WorkerId, u64, ServerId)>,
    seq: Option<u64>,
}

#[derive(Default)]
struct Worker {
    online: usize,
    told_leaving: usize,
    is_leaving: bool,
    is_asked: bool,
    is_retired: bool,
    /// Whether its event loop runs is to be told.
    is_asked_to_answer: bool,
    /// By request number, how many answers are outstanding.
    requests: BTreeMap<u64, i64>,
    /// Servers that it closed. Open queries for these are not answered.
    forgiven: bool,
    /// Its servers, by key.
    keys: BTreeSet<String>,
}

struct Server {
    accept: bool,
    is_bound: bool,
    pausing: bool,
    key: Option<String>,
}

struct Connection {
    server: ServerId,
    deaths: u8,
    place: Where,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    /// In the machine, for any worker.
    Waits,
    /// Offered in the message of this number.
    Offered(u64),
    Accepted,
}

struct Offer {
    worker: WorkerId,
    file: usize,
    /// While the channel holds it.
    fd: Option<Token>,
    answer: Option<bool>,
    is_orphaned: bool,
}

/// Runs a script.
pub fn run(serialization: Serialization, script: &[u8]) {
    let mut script = Script::new(script);
    let setting = script.byte();
    let balance = if setting & 1 == 0 { Balance::RoundRobin } else { Balance::Shared };
    let mut machine = PrimaryMachine::new(balance, setting & 2 != 0);
    if setting & 8 != 0 {
        machine.rebind_paths();
    }
    let mut world = World {
        serialization,
        machine,
        ledger: Ledger::default(),
        is_slow: setting & 4 != 0,
        workers: BTreeMap::new(),
        last: 0,
        servers: BTreeMap::new(),
        closed: BTreeSet::new(),
        connections: BTreeMap::new(),
        offers: BTreeMap::new(),
        pings: BTreeMap::new(),
        is_handing_out: false,
        shares: Vec::new(),
        rebinds: Vec::new(),
        seq: None,
    };
    while let Some(operation) = script.next() {
        world.step(operation, &mut script);
        world.check();
    }
    world.finish();
}

impl World {
    fn step(&mut self, operation: u8, script: &mut Script) {
        match operation % 31 {
            0 | 1 => self.joins(),
            2..=5 => {
                let mut query = script.query();
                query["act"] = json!("queryServer");
                self.says(script, query);
            }
            6..=9 => {
                let server = script.pick(self.servers.keys().copied());
                if let Some(server) = server {
                    self.connects(server);
                }
            }
            10..=12 => {
                let arrived = !script.byte().is_multiple_of(4);
                if let Some(seq) = script.pick(self.in_channels()) {
                    self.returns(seq, arrived);
                }
            }
            13..=16 => {
                let fields = self.reply(script);
                self.says(script, fields);
            }
            17 => {
                let key = self.keys();
                let key = script.pick(key).unwrap_or_else(|| "k".to_owned());
                self.says(script, json!({ "act": "close", "key": key }));
            }
            18 => {
                let act = ["exitedAfterDisconnect", "online", "listening", "newconn", "disconnect", "other"];
                let mut fields = script.query();
                fields["act"] = json!(act[script.below(act.len())]);
                fields["key"] = json!("k");
                self.says(script, fields);
            }
            19 => {
                let text = script.raw();
                self.hear(script, &text);
            }
            20 => self.each_worker(script, |world, id, _| world.disconnects(id)),
            21 => self.each_worker(script, |world, id, _| {
                world.worker(id).is_retired = true;
                world.machine.retire(id);
            }),
            22 => {
                self.each_worker(script, |world, id, script| world.dies(id, script.byte().is_multiple_of(2)))
            }
            23 | 24 => {
                let pausing = self.servers.iter().filter(|(_, server)| server.pausing).map(|(id, _)| *id);
                if let Some(server) = script.pick(pausing.collect::<Vec<_>>()) {
                    self.pause_over(server);
                }
            }
            25 => {
                let unbound = self.servers.iter().filter(|(_, server)| !server.is_bound).map(|(id, _)| *id);
                let errno = script.byte();
                if let Some(server) = script.pick(unbound.collect::<Vec<_>>()) {
                    self.binds(server, errno);
                }
                if !self.rebinds.is_empty() {
                    let rebind = self.rebinds.remove(0);
                    self.rebinds_now(rebind, errno);
                }
            }
            26 => {
                if !self.shares.is_empty() {
                    let share = self.shares.swap_remove(script.below(self.shares.len()));
                    self.shared(share, script.byte().is_multiple_of(2));
                }
            }
            27 | 28 => self.each_worker(script, |world, id, _| {
                world.worker(id).is_asked_to_answer |= world.machine.ask(id);
            }),
            29 => {
                let answered = !script.byte().is_multiple_of(4);
                if let Some(id) = script.pick(self.pings.keys().copied()) {
                    self.pinged(id, answered);
                }
            }
            _ => match script.byte() {
                255 => self.machine.close_unused(),
                252 => self.hands_out(),
                // An endless series of queries.
                254 => {
                    for port in 0..300 {
                        self.says(script, json!({ "act": "queryServer", "port": port, "addressType": 4 }));
                    }
                }
                253 => {
                    for _ in 0..300 {
                        if let Some(server) = self.servers.keys().next().copied() {
                            self.connects(server);
                        }
                    }
                }
                _ => {}
            },
        }
        self.look();
    }

    fn worker(&mut self, id: WorkerId) -> &mut Worker {
        self.workers.get_mut(&id).expect("a worker")
    }

    fn each_worker(&mut self, script: &mut Script, action: impl FnOnce(&mut Self, WorkerId, &mut Script)) {
        if let Some(id) = script.pick(self.workers.keys().copied()) {
            action(self, id, script);
        }
    }

    fn in_channels(&self) -> Vec<u64> {
        self.offers.iter().filter(|(_, offer)| offer.fd.is_some()).map(|(seq, _)| *seq).collect()
    }

    fn keys(&self) -> Vec<String> {
        self.workers.values().flat_map(|worker| worker.keys.iter().cloned()).collect()
    }

    fn offers_of(&self, id: WorkerId) -> Vec<u64> {
        self.offers.iter().filter(|(_, offer)| offer.worker == id).map(|(seq, _)| *seq).collect()
    }
}
