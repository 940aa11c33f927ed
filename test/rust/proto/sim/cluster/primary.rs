//! A primary with arbitrary workers, which start and exit at any time.

use std::collections::{BTreeMap, BTreeSet};

use crossfork::Serialization;
use crossfork::proto::cluster::primary::{AcceptDemand, Action, Balance, ServerId, WorkerId};
use crossfork::proto::cluster::{Act, Body, Message, PrimaryMachine, Reply, SockName};
use serde_json::{Value, json};

use super::script::Script;
use super::{check_said, heard};
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

    fn joins(&mut self) {
        if self.workers.len() < 6 {
            self.last += 1;
            self.workers.insert(self.last, Worker::default());
            self.machine.add_worker(self.last);
        }
    }

    /// All that waits goes to workers, also to those that have not answered.
    fn hands_out(&mut self) {
        self.is_handing_out = true;
        for server in self.servers.keys().copied().collect::<Vec<_>>() {
            self.machine.hand_out(server);
        }
        self.look();
        self.is_handing_out = false;
    }

    fn connects(&mut self, server: ServerId) {
        if self.machine.accept_demand(server) < AcceptDemand::None {
            let fd = self.ledger.open();
            let connection = Connection { server, deaths: 0, place: Where::Waits };
            self.connections.insert(fd.file(), connection);
            self.machine.handle_connection(server, fd);
            self.look();
        }
    }

    fn in_channels(&self) -> Vec<u64> {
        self.offers.iter().filter(|(_, offer)| offer.fd.is_some()).map(|(seq, _)| *seq).collect()
    }

    fn keys(&self) -> Vec<String> {
        self.workers.values().flat_map(|worker| worker.keys.iter().cloned()).collect()
    }

    /// The channel returns a connection.
    fn returns(&mut self, seq: u64, arrived: bool) {
        let Some(offer) = self.offers.get_mut(&seq) else { return };
        let Some(fd) = offer.fd.take() else { return };
        let (file, answer, is_orphaned) = (offer.file, offer.answer, offer.is_orphaned);
        match (answer, arrived) {
            (Some(true), _) => self.ends(seq, Where::Accepted),
            (Some(false), _) | (None, false) => self.ends(seq, Where::Waits),
            (None, true) if is_orphaned => {
                self.connections.get_mut(&file).expect("a connection").deaths += 1;
                self.ends(seq, Where::Waits);
            }
            (None, true) => {}
        }
        self.machine.handle_returned(seq, fd, arrived);
        self.look();
    }

    /// The outcome of an offer is final.
    fn ends(&mut self, seq: u64, place: Where) {
        let offer = self.offers.remove(&seq).expect("an offer");
        let connection = self.connections.get_mut(&offer.file).expect("a connection");
        assert_eq!(connection.place, Where::Offered(seq));
        connection.place = place;
    }

    /// The channel is done with a ping.
    fn pinged(&mut self, id: WorkerId, answered: bool) {
        self.pings.remove(&id);
        if let Some(worker) = self.workers.get_mut(&id)
            && !answered
        {
            // Nobody is told.
            worker.is_asked_to_answer = false;
        }
        self.machine.handle_pinged(id, answered);
        self.look();
    }

    fn reply(&mut self, script: &mut Script) -> Value {
        let guess = u64::from(script.byte());
        let ack = script.pick(self.offers.keys().copied()).filter(|_| guess >= 16).unwrap_or(guess);
        json!({ "ack": ack, "accepted": !script.byte().is_multiple_of(4) })
    }

    fn says(&mut self, script: &mut Script, fields: Value) {
        let seq = u64::from(script.byte() % 32);
        let text = script.text(fields, seq);
        self.hear(script, &text);
    }

    /// One of the workers has sent this.
    fn hear(&mut self, script: &mut Script, text: &[u8]) {
        let (Some(message), Some(id)) =
            (heard(self.serialization, text), script.pick(self.workers.keys().copied()))
        else {
            return;
        };
        let seq = message.seq;
        let worker = self.worker(id);
        match &message.body {
            Body::Act(Act::QueryServer(_)) if !worker.is_leaving && !worker.is_asked => {
                *worker.requests.entry(seq).or_default() += 1;
            }
            Body::Act(Act::ExitedAfterDisconnect) => {
                *worker.requests.entry(seq).or_default() += 1;
                worker.is_leaving = true;
            }
            Body::Act(Act::Close { key }) => {
                worker.keys.remove(key);
                worker.forgiven = true;
            }
            Body::Reply(Reply { ack, accepted, .. }) => self.answers(id, *ack, accepted.unwrap_or(false)),
            _ => {}
        }
        self.machine.handle_message(id, message);
        self.look();
    }

    /// The answer counts if the worker had an offer and has not answered it.
    fn answers(&mut self, id: WorkerId, seq: u64, accepted: bool) {
        let Some(offer) = self.offers.get_mut(&seq).filter(|offer| offer.worker == id) else {
            return;
        };
        if offer.answer.is_some() || offer.is_orphaned {
            return;
        }
        offer.answer = Some(accepted);
        if offer.fd.is_none() {
            self.ends(seq, if accepted { Where::Accepted } else { Where::Waits });
        }
    }

    fn disconnects(&mut self, id: WorkerId) {
        let worker = self.worker(id);
        worker.is_asked = true;
        worker.forgiven = true;
        worker.keys.clear();
        self.machine.disconnect(id);
        self.look();
    }

    /// The channel returns its connections before its end is known, or after.
    fn dies(&mut self, id: WorkerId, before: bool) {
        for seq in self.offers_of(id) {
            if before {
                self.returns(seq, false);
            }
        }
        self.workers.remove(&id);
        self.pings.remove(&id);
        for seq in self.offers_of(id) {
            let Some(offer) = self.offers.get_mut(&seq) else { continue };
            if offer.fd.is_none() {
                self.connections.get_mut(&offer.file).expect("a connection").deaths += 1;
                self.ends(seq, Where::Waits);
            } else {
                offer.is_orphaned = true;
            }
        }
        let (its, others) = std::mem::take(&mut self.shares).into_iter().partition(|share| share.0 == id);
        self.shares = others;
        self.machine.remove_worker(id);
        self.look();
        for (worker, server, reply) in its {
            self.machine.handle_unshared(worker, server, reply, 32);
            self.look();
        }
    }

    fn offers_of(&self, id: WorkerId) -> Vec<u64> {
        self.offers.iter().filter(|(_, offer)| offer.worker == id).map(|(seq, _)| *seq).collect()
    }

    fn pause_over(&mut self, server: ServerId) {
        self.servers.get_mut(&server).expect("a server").pausing = false;
        self.machine.handle_pause_over(server);
        self.look();
    }

    fn binds(&mut self, id: ServerId, errno: u8) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        let bound = match errno {
            248.. => Err(98),
            0 => Ok(None),
            port => Ok(Some(SockName { address: "::1".to_owned(), is_ipv6: true, port: port.into() })),
        };
        server.is_bound = true;
        if bound.is_err() {
            self.servers.remove(&id);
            self.closed.insert(id);
        }
        self.machine.handle_bound(id, bound);
        self.look();
    }

    fn rebinds_now(&mut self, (worker, seq, server): (WorkerId, u64, ServerId), errno: u8) {
        self.machine.handle_rebound(worker, seq, server, if errno < 248 { Ok(()) } else { Err(98) });
        self.look();
    }

    fn shared(&mut self, (worker, server, reply): (WorkerId, ServerId, Message), arrived: bool) {
        if !arrived {
            return self.machine.handle_unshared(worker, server, reply, 24);
        }
        self.said(worker, &reply);
    }

    /// Performs the pending actions.
    fn look(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Send { worker, message } => {
                    self.number(&message);
                    self.said(worker, &message);
                }
                Action::Connect { .. } => unreachable!("nothing is sent by itself"),
                Action::Ping { worker, message } => {
                    self.number(&message);
                    let Body::Act(Act::NewConnection { key }) = &message.body else {
                        panic!("{message:?} is no ping");
                    };
                    assert!(!self.keys().contains(key), "a ping for a server that exists");
                    let its = self.offers.values().filter(|offer| offer.worker == worker);
                    assert!(!its.into_iter().any(|offer| offer.fd.is_some()), "a connection is on its way");
                    assert!(self.pings.insert(worker, message.seq).is_none(), "two pings at once");
                }
                Action::Answers { worker } => {
                    let worker = self.workers.get_mut(&worker).expect("a worker");
                    assert!(std::mem::take(&mut worker.is_asked_to_answer), "nobody has asked");
                }
                Action::Share { worker, server, reply } => {
                    let found = self.servers.get(&server);
                    assert!(found.is_some_and(|server| server.is_bound && !server.accept));
                    self.number(&reply);
                    self.shares.push((worker, server, reply));
                }
                Action::Offer { worker, message, fd } => {
                    self.number(&message);
                    self.offered(worker, message, fd);
                }
                Action::Bind { server, accept, .. } => {
                    assert!(!self.closed.contains(&server), "a reused number");
                    let new = Server { accept, is_bound: false, pausing: false, key: None };
                    assert!(self.servers.insert(server, new).is_none());
                    assert!(self.servers.len() <= MOST_SERVERS);
                    if !self.is_slow {
                        self.binds(server, 1);
                    }
                }
                Action::Rebind { server, worker, seq, .. } => {
                    let found = self.servers.get(&server);
                    assert!(found.is_some_and(|server| server.is_bound && server.accept));
                    self.rebinds.push((worker, seq, server));
                    if !self.is_slow {
                        let rebind = self.rebinds.remove(0);
                        self.rebinds_now(rebind, 1);
                    }
                }
                Action::Close { server } => {
                    assert!(self.servers.remove(&server).is_some(), "closed twice");
                    self.closed.insert(server);
                }
                Action::Resume { server } => assert!(self.machine.accept_demand(server) < AcceptDemand::None),
                Action::Pause { server } => {
                    let server = self.servers.get_mut(&server).expect("a server");
                    assert!(!std::mem::replace(&mut server.pausing, true), "two pauses at once");
                }
                Action::Online { worker } => {
                    let worker = self.worker(worker);
                    worker.online += 1;
                    assert_eq!(worker.online, 1);
                }
                Action::Leaving { worker } => {
                    let worker = self.worker(worker);
                    worker.told_leaving += 1;
                    assert_eq!(worker.told_leaving, 1);
                }
                Action::Listening { worker, .. } | Action::ListenFailed { worker, .. } => {
                    assert!(self.workers.contains_key(&worker));
                }
            }
        }
    }

    fn number(&mut self, message: &Message) {
        check_said(self.serialization, message);
        assert!(self.seq < Some(message.seq), "numbers that grow (CLU-1)");
        self.seq = Some(message.seq);
    }

    fn said(&mut self, id: WorkerId, message: &Message) {
        // Messages to an exited worker are not read.
        let Some(worker) = self.workers.get_mut(&id) else { return };
        match &message.body {
            Body::Reply(Reply { ack, server, key, .. }) => {
                let open = worker.requests.get_mut(ack).expect("a reply to a request");
                *open -= 1;
                assert!(*open >= 0, "a second reply to the request {ack} of worker {id}");
                // By then the worker may have announced its exit, or been asked to end: it gets no connections then.
                let is_ending = worker.is_asked || worker.is_leaving;
                if let (Some(Ok(())), Some(key), false) = (server, key, is_ending) {
                    worker.keys.insert(key.clone());
                }
            }
            Body::Act(Act::Disconnect) => assert!(worker.is_asked),
            other => panic!("a primary says {other:?}"),
        }
    }

    fn offered(&mut self, id: WorkerId, message: Message, fd: Token) {
        let file = fd.file();
        let Body::Act(Act::NewConnection { key }) = message.body else {
            panic!("{message:?} is no offer");
        };
        let worker = self.workers.get(&id).expect("an exited worker gets no offers");
        assert!(!worker.is_retired && !worker.is_asked, "worker {id} gets no more connections");
        assert!(worker.keys.contains(&key), "worker {id} has no server {key}");
        let connection = self.connections.get_mut(&file).expect("a connection");
        assert_eq!(connection.place, Where::Waits, "connection {file}");
        connection.place = Where::Offered(message.seq);
        let server = self.servers.get_mut(&connection.server).expect("a server that is open");
        assert_eq!(server.key.get_or_insert_with(|| key.clone()), &key, "another server's");
        // A reopened server has the same key, but is a different server.
        let its = connection.server;
        let mut unanswered =
            self.offers.values().filter(|offer| offer.answer.is_none() && !offer.is_orphaned);
        assert!(
            self.is_handing_out || !self.pings.contains_key(&id),
            "worker {id} has not answered a ping (HND-7)"
        );
        let is_busy =
            unanswered.any(|offer| offer.worker == id && self.connections[&offer.file].server == its);
        assert!(self.is_handing_out || !is_busy, "worker {id} has not answered (CLU-13)");
        let offer = Offer { worker: id, file, fd: Some(fd), answer: None, is_orphaned: false };
        self.offers.insert(message.seq, offer);
    }

    fn check(&self) {
        let mut waiting = BTreeMap::<ServerId, usize>::new();
        for (file, connection) in &self.connections {
            let is_open = self.ledger.is_open(*file);
            match connection.place {
                Where::Accepted => assert!(!is_open, "connection {file} was accepted, and is kept"),
                Where::Offered(seq) => assert!(is_open, "connection {file} is lost in {seq}"),
                Where::Waits => {
                    let wanted =
                        self.servers.contains_key(&connection.server) && connection.deaths < MOST_DEATHS;
                    assert_eq!(is_open, wanted, "connection {file}");
                    *waiting.entry(connection.server).or_default() += usize::from(wanted);
                }
            }
        }
        // Returned connections may exceed the limit.
        assert!(waiting.values().all(|count| *count <= MOST_WAITING + self.offers.len() + 6));
        for (id, worker) in &self.workers {
            let is_settled = !self.is_slow && self.shares.is_empty() && self.rebinds.is_empty();
            let open: i64 = worker.requests.values().sum();
            assert!(open == 0 || worker.forgiven || !is_settled, "worker {id} has no answer");
            assert_eq!(self.machine.is_leaving(*id), worker.is_leaving || worker.is_asked);
        }
    }

    /// From now on no faults occur: connections with a worker are accepted, and everything ends.
    fn finish(mut self) {
        for server in self.servers.keys().copied().collect::<Vec<_>>() {
            if !self.servers[&server].is_bound {
                self.binds(server, 1);
            }
        }
        while let Some(share) = self.shares.pop() {
            self.shared(share, true);
        }
        while let Some(rebind) = self.rebinds.pop() {
            self.rebinds_now(rebind, 1);
        }
        self.is_slow = false;
        self.check();
        loop {
            let pausing: Vec<_> =
                self.servers.iter().filter(|(_, server)| server.pausing).map(|(id, _)| *id).collect();
            let offers: Vec<_> = self.offers.iter().map(|(seq, offer)| (*seq, offer.worker)).collect();
            let pings: Vec<_> = self.pings.keys().copied().collect();
            if pausing.is_empty() && offers.is_empty() && pings.is_empty() {
                break;
            }
            pings.into_iter().for_each(|id| self.pinged(id, true));
            pausing.into_iter().for_each(|server| self.pause_over(server));
            for (seq, worker) in offers {
                self.returns(seq, true);
                if self.workers.contains_key(&worker) {
                    self.answers(worker, seq, true);
                    let body = Body::Reply(Reply { ack: seq, accepted: Some(true), ..Reply::default() });
                    self.machine.handle_message(worker, Message { seq: 0, body });
                    self.look();
                }
            }
            self.check();
        }
        for (file, connection) in &self.connections {
            let Some(key) = self.servers.get(&connection.server).and_then(|server| server.key.as_ref())
            else {
                continue;
            };
            let mut workers = self.workers.values();
            let is_served = workers.any(|worker| worker.keys.contains(key) && !worker.is_retired);
            let is_over = connection.place == Where::Accepted || connection.deaths >= MOST_DEATHS;
            assert!(is_over || !is_served, "connection {file} waits although there are workers");
        }
        assert!(!self.workers.values().any(|worker| worker.is_asked_to_answer), "an answer is missing");
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            self.dies(id, true);
        }
        self.machine.close_unused();
        self.look();
        self.check();
        assert!(self.servers.is_empty(), "servers outlive their workers");
        assert_eq!(self.ledger.descriptors(), 0, "descriptors outlive their servers");
    }
}
