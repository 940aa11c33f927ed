//! A worker with an arbitrary primary, while its user behaves as usual.

use std::collections::{BTreeMap, VecDeque};

use crossfork::Serialization;
use crossfork::proto::cluster::worker::{Answer, Carried, Next, ServerId};
use crossfork::proto::cluster::{Act, AddressType, Body, Message, Query, Reply, WorkerMachine};
use serde_json::{Value, json};

use super::script::Script;
use super::{check_said, heard};
use crate::sim::token::{Ledger, Token};

/// The number of connections that may wait for the user.
const MOST: usize = 1024;

struct World {
    serialization: Serialization,
    worker: WorkerMachine<Token>,
    ledger: Ledger,
    servers: Vec<Server>,
    /// Unanswered queries by message number, with their server if they have one.
    questions: BTreeMap<u64, Option<usize>>,
    /// By key, how often it was granted minus how often it was released.
    granted: BTreeMap<String, i64>,
    seq: u64,
    next_own: u64,
}

struct Server {
    id: ServerId,
    asked: bool,
    /// As the primary calls it, while it is open.
    key: Option<String>,
    max: Option<usize>,
    answers: usize,
    /// Accepted connections that were not taken yet, in order.
    waiting: VecDeque<usize>,
    taken: Vec<Token>,
    shared: Option<Token>,
    released: bool,
}

/// Runs a script.
pub fn run(serialization: Serialization, script: &[u8]) {
    let mut world = World {
        serialization,
        worker: WorkerMachine::default(),
        ledger: Ledger::default(),
        servers: Vec::new(),
        questions: BTreeMap::new(),
        granted: BTreeMap::new(),
        seq: 0,
        next_own: 0,
    };
    let mut script = Script::new(script);
    while let Some(operation) = script.next() {
        world.step(operation, &mut script);
        world.listen_to(None);
        world.check();
    }
    world.finish();
}

impl World {
    fn step(&mut self, operation: u8, script: &mut Script) {
        match operation % 24 {
            0 | 1 => self.listen(script),
            2 => {
                let id = self.worker.own_server();
                self.add(id, false);
            }
            3 | 4 => self.each(script, |world, at, _| world.take_answer(at)),
            5 => self.each(script, |world, at, script| {
                let id = world.servers[at].id;
                world.worker.listening(id, script.next().map(u16::from));
            }),
            6..=8 => self.each(script, |world, at, _| world.take(at)),
            9 => self.each(script, |world, at, _| {
                if world.servers[at].taken.pop().is_some() {
                    world.worker.connection_closed(world.servers[at].id);
                }
            }),
            10 => self.each(script, |world, at, script| {
                let max = script.next().filter(|max| *max < 8).map(usize::from);
                world.servers[at].max = max;
                world.worker.set_max_connections(world.servers[at].id, max);
            }),
            11 => self.each(script, |world, at, _| world.worker.close(world.servers[at].id)),
            12 => self.each(script, |world, at, _| world.release(at)),
            13 if script.byte().is_multiple_of(8) => self.worker.disconnect(),
            14 if script.byte().is_multiple_of(8) => self.worker.kill(),
            15 if script.byte().is_multiple_of(8) => self.says(script, json!({ "act": "disconnect" })),
            16..=18 => {
                let fields = self.reply(script);
                self.says(script, fields);
            }
            19..=21 => {
                let key = self.key(script);
                self.says(script, json!({ "act": "newconn", "key": key }));
            }
            22 => {
                let query = script.query();
                let act = ["queryServer", "listening", "online", "close", "exitedAfterDisconnect", "other"];
                let mut fields = query;
                fields["act"] = json!(act[script.below(act.len())]);
                self.says(script, fields);
            }
            _ => {
                let text = script.raw();
                self.hear(script, &text);
            }
        }
    }

    fn listen(&mut self, script: &mut Script) {
        let port = script.byte() % 3;
        let query = Query { port: Some(u16::from(port)), ..Query::new(AddressType::Tcp4) };
        let query = match script.byte() % 4 {
            0 => Query { address_type: AddressType::Udp4, ..query },
            _ => query,
        };
        let id = self.worker.listen(query);
        self.listen_to(None);
        self.add(id, true);
    }

    fn add(&mut self, id: ServerId, asked: bool) {
        let (waiting, taken) = (VecDeque::new(), Vec::new());
        self.servers.push(Server {
            id,
            asked,
            key: None,
            max: None,
            answers: 0,
            waiting,
            taken,
            shared: None,
            released: false,
        });
    }

    fn each(&mut self, script: &mut Script, action: impl FnOnce(&mut Self, usize, &mut Script)) {
        if let Some(at) = script.pick(0..self.servers.len()) {
            action(self, at, script);
        }
    }

    fn take_answer(&mut self, at: usize) {
        let server = &mut self.servers[at];
        let Some(answer) = self.worker.take_answer(server.id) else {
            return;
        };
        assert!(server.asked, "an answer without a query");
        server.answers += 1;
        assert_eq!(server.answers, 1, "a second answer");
        if let Answer::Shared { fd, .. } = answer {
            server.shared = Some(fd);
        }
    }

    fn take(&mut self, at: usize) {
        let server = &mut self.servers[at];
        match self.worker.next_connection(server.id) {
            Next::Connection(fd) => {
                assert_eq!(Some(fd.file()), server.waiting.pop_front(), "another connection");
                server.taken.push(fd);
            }
            Next::None => {
                assert!(server.waiting.is_empty() && !server.released, "a connection that is not delivered");
            }
            Next::Closed => {
                assert!(server.waiting.is_empty(), "a connection that is not delivered");
                assert!(!self.worker.is_open(server.id));
            }
        }
    }

    fn release(&mut self, at: usize) {
        let server = &mut self.servers[at];
        self.worker.release(server.id);
        for file in server.waiting.drain(..) {
            assert!(!self.ledger.is_open(file), "an untaken connection must be closed");
        }
        server.released = true;
    }

    fn key(&self, script: &mut Script) -> String {
        format!("k{}", script.byte() % 6)
    }

    fn reply(&mut self, script: &mut Script) -> Value {
        let guess = u64::from(script.byte() % 16);
        let ack = script.pick(self.questions.keys().copied()).filter(|_| guess > 0).unwrap_or(guess);
        let key = self.key(script);
        match script.byte() % 8 {
            0 => json!({ "ack": ack }),
            1 => json!({ "ack": ack, "errno": -98, "key": key }),
            2 => json!({ "ack": ack, "accepted": true }),
            _ => json!({ "ack": ack, "errno": null, "key": key }),
        }
    }

    fn says(&mut self, script: &mut Script, fields: Value) {
        let text = script.text(fields, self.seq);
        self.seq += 1;
        self.hear(script, &text);
    }

    /// The primary has sent this, with or without a descriptor.
    fn hear(&mut self, script: &mut Script, text: &[u8]) {
        let Some(message) = heard(self.serialization, text) else {
            return;
        };
        let (carried, file) = match script.byte() % 4 {
            0 => (Carried::Lost, None),
            1 => (Carried::Nothing, None),
            _ => {
                let fd = self.ledger.open();
                let file = fd.file();
                (Carried::Handle(fd), Some(file))
            }
        };
        self.tell(message, carried, file);
    }

    fn tell(&mut self, message: Message, carried: Carried<Token>, file: Option<usize>) {
        match message.body.clone() {
            Body::Reply(Reply { ack, key, server, .. }) => {
                let asked = self.questions.remove(&ack);
                if let (Some(_), Some(key), Some(Ok(()))) = (asked, &key, server) {
                    *self.granted.entry(key.clone()).or_default() += 1;
                }
                self.worker.handle_message(message, carried);
                if let Some(Some(at)) = asked
                    && self.worker.is_open(self.servers[at].id)
                {
                    let taken = self.servers.iter().any(|server| server.key.is_some() && server.key == key);
                    assert!(!taken, "two servers of one key");
                    self.servers[at].key = key;
                }
                self.listen_to(None);
            }
            Body::Act(Act::NewConnection { key }) => {
                let offer = message.seq;
                self.worker.handle_message(message, carried);
                let accepted = self.listen_to(Some(offer));
                let server = self.servers.iter_mut().find(|server| server.key.as_ref() == Some(&key));
                match (accepted, server, file) {
                    (true, Some(server), Some(file)) => {
                        assert!(server.waiting.len() < MOST);
                        assert!(server.max.is_none_or(|max| server.waiting.len() + server.taken.len() < max));
                        assert!(self.ledger.is_open(file), "an accepted connection is kept");
                        server.waiting.push_back(file);
                    }
                    (true, ..) => panic!("accepted without a connection, or a server for it"),
                    (false, server, Some(file)) => {
                        assert!(!self.ledger.is_open(file), "a refused connection is closed");
                        let is_full = server.is_none_or(|server| {
                            let open = server.waiting.len() + server.taken.len();
                            open >= server.max.unwrap_or(MOST) || server.waiting.len() >= MOST
                        });
                        assert!(is_full, "refused without a reason");
                    }
                    (false, _, None) => {}
                }
            }
            _ => {
                self.worker.handle_message(message, carried);
                self.listen_to(None);
            }
        }
    }

    /// Reads the worker's messages, which answer this offer and no other. Returns whether it accepts.
    fn listen_to(&mut self, offer: Option<u64>) -> bool {
        let mut answers = Vec::new();
        let mut accepts = false;
        while let Some(message) = self.worker.poll_transmit() {
            check_said(self.serialization, &message);
            assert_eq!(message.seq, self.next_own, "numbers without gaps (CLU-1)");
            self.next_own += 1;
            match message.body {
                Body::Reply(Reply { ack, accepted, .. }) => {
                    answers.push(ack);
                    accepts |= accepted.expect("an answer");
                }
                Body::Act(Act::QueryServer(_)) => {
                    self.questions.insert(message.seq, Some(self.servers.len()));
                }
                Body::Act(Act::ExitedAfterDisconnect) => {
                    self.questions.insert(message.seq, None);
                }
                Body::Act(Act::Close { key }) => {
                    let granted = self.granted.get_mut(&key).expect("a release of a granted server");
                    *granted -= 1;
                    assert!(*granted >= 0, "{key} was released twice");
                    let its = self.servers.iter_mut().find(|server| server.key.as_ref() == Some(&key));
                    if let Some(server) = its
                        && !self.worker.is_open(server.id)
                    {
                        server.key = None;
                    }
                }
                Body::Act(Act::Listening(_) | Act::Online) => {}
                other => panic!("a worker says {other:?}"),
            }
        }
        assert_eq!(answers, Vec::from_iter(offer), "each connection is answered once (CLU-13)");
        accepts
    }

    fn check(&self) {
        let with_us =
            self.servers.iter().map(|server| server.taken.len() + usize::from(server.shared.is_some()));
        let with_us: usize = with_us.sum();
        let with_us = with_us + self.servers.iter().map(|server| server.waiting.len()).sum::<usize>();
        let open = self.ledger.descriptors();
        // An untaken answer holds at most one descriptor.
        let most = with_us + self.servers.iter().filter(|server| server.answers == 0).count();
        assert!((with_us..=most).contains(&open), "{open} descriptors, of which {with_us} are with us");
    }

    /// The primary answers all open queries, and everything ends.
    fn finish(mut self) {
        for question in self.questions.keys().copied().collect::<Vec<_>>() {
            let body = Body::Reply(Reply { ack: question, server: Some(Err(98)), ..Reply::default() });
            self.tell(Message { seq: self.seq, body }, Carried::Nothing, None);
        }
        for at in 0..self.servers.len() {
            self.take_answer(at);
            let server = &self.servers[at];
            assert!(!server.asked || server.released || server.answers == 1, "a query without an answer");
            self.release(at);
            self.servers[at].shared = None;
        }
        self.tell(Message { seq: self.seq, body: Body::Act(Act::Disconnect) }, Carried::Nothing, None);
        assert!(self.worker.is_stopping());
        for at in 0..self.servers.len() {
            while let Some(fd) = self.servers[at].taken.pop() {
                drop(fd);
                self.worker.connection_closed(self.servers[at].id);
            }
        }
        assert_eq!(self.ledger.descriptors(), 0, "descriptors outlive their servers");
        for question in self.questions.keys().copied().collect::<Vec<_>>() {
            let body = Body::Reply(Reply { ack: question, ..Reply::default() });
            self.tell(Message { seq: self.seq, body }, Carried::Nothing, None);
        }
        assert!(self.worker.is_done(), "the worker must be done");
    }
}
