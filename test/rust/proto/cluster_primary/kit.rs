//! A primary's machine with its input and output as text.

use std::collections::BTreeMap;

use crossfork::proto::cluster::primary::{Action, Balance, ServerId, WorkerId};
use crossfork::proto::cluster::{Message, PrimaryMachine, SockName};
use serde_json::{Value, json};

use crate::sim::token::{Ledger, Token};

pub struct Hub {
    pub machine: PrimaryMachine<Token>,
    pub fds: Ledger,
    /// In the order in which they were to be bound.
    pub servers: Vec<ServerId>,
    /// Connections in the channels, by the number of their message.
    pub sent: BTreeMap<u64, Token>,
    /// Replies that carry a shared socket.
    pub shared: Vec<(WorkerId, ServerId, Message)>,
    /// Queries that wait for a look at a path.
    pub rebinds: Vec<(WorkerId, u64, ServerId)>,
    /// Actions that were already read.
    earlier: Vec<String>,
}

impl Hub {
    pub fn new() -> Self {
        Self::with(Balance::RoundRobin, false)
    }

    pub fn with(balance: Balance, keep_servers: bool) -> Self {
        Hub {
            machine: PrimaryMachine::new(balance, keep_servers),
            fds: Ledger::default(),
            servers: Vec::new(),
            sent: BTreeMap::new(),
            shared: Vec::new(),
            rebinds: Vec::new(),
            earlier: Vec::new(),
        }
    }

    /// A hub whose workers, numbered from 1, all listen on the same port. The messages until then are
    /// already read.
    pub fn serving(workers: WorkerId) -> Self {
        let mut hub = Self::new();
        for id in 1..=workers {
            hub.joins(id);
        }
        hub.actions();
        hub
    }

    /// A new worker that listens on the same port.
    pub fn joins(&mut self, id: WorkerId) {
        self.machine.add_worker(id);
        self.says(id, query(8000));
        self.earlier = self.actions();
        if let Some(server) = self.servers.last().copied() {
            self.machine.handle_bound(server, Ok(None));
        }
    }

    /// A message from a worker. Its number is 0 unless it has one.
    pub fn says(&mut self, id: WorkerId, mut message: Value) {
        message["cmd"] = json!("NODE_CLUSTER");
        let message: Message = serde_json::from_value(message).expect("a message");
        self.machine.handle_message(id, message);
    }

    /// The worker's reply to an offer.
    pub fn replies(&mut self, id: WorkerId, ack: u64, accepted: bool) {
        self.says(id, json!({ "ack": ack, "accepted": accepted, "seq": 0 }));
    }

    /// The last server is bound, to this port.
    pub fn bound(&mut self, port: u16) {
        let sockname = SockName { address: "::".into(), is_ipv6: true, port };
        self.machine.handle_bound(*self.servers.last().expect("a server"), Ok(Some(sockname)));
    }

    pub fn not_bound(&mut self, errno: i32) {
        self.machine.handle_bound(*self.servers.last().expect("a server"), Err(errno));
    }

    /// A connection arrives at the first server. Returns its file.
    pub fn connects(&mut self) -> usize {
        let fd = self.fds.open();
        let file = fd.file();
        self.machine.handle_connection(self.servers[0], fd);
        file
    }

    /// The worker's process has received the connection of this message.
    pub fn arrived(&mut self, seq: u64) {
        let fd = self.sent.remove(&seq).expect("was sent");
        self.machine.handle_returned(seq, fd, true);
    }

    /// The worker has not received it.
    pub fn lost(&mut self, seq: u64) {
        let fd = self.sent.remove(&seq).expect("was sent");
        self.machine.handle_returned(seq, fd, false);
    }

    /// The worker takes the connection, as Node does.
    pub fn takes(&mut self, id: WorkerId, seq: u64) {
        self.arrived(seq);
        self.replies(id, seq, true);
    }

    pub fn refuses(&mut self, id: WorkerId, seq: u64) {
        self.arrived(seq);
        self.replies(id, seq, false);
    }

    pub fn pause_is_over(&mut self) {
        self.machine.handle_pause_over(self.servers[0]);
    }

    /// Whether a connection is open anywhere.
    pub fn is_open(&self, file: usize) -> bool {
        self.fds.is_open(file)
    }

    /// The pending actions, as lines.
    pub fn actions(&mut self) -> Vec<String> {
        let mut lines = std::mem::take(&mut self.earlier);
        while let Some(action) = self.machine.poll_action() {
            lines.push(self.describe(action));
        }
        lines
    }

    fn describe(&mut self, action: Action<Token>) -> String {
        match action {
            Action::Send { worker, message } => format!("{worker} <- {}", text(&message)),
            Action::Offer { worker, message, fd } => {
                let line = format!("{worker} <- {} +{fd:?}", text(&message));
                self.sent.insert(message.seq, fd);
                line
            }
            Action::Connect { worker, message, fd } => format!("{worker} <- {} +{fd:?}", text(&message)),
            Action::Ping { worker, message } => format!("{worker} <- {} +a dummy", text(&message)),
            Action::Answers { worker } => format!("{worker} answers"),
            Action::Share { worker, server, reply } => {
                let line = format!("{worker} <- {} +{}", text(&reply), self.name(server));
                self.shared.push((worker, server, reply));
                line
            }
            Action::Bind { server, query, accept } => {
                self.servers.push(server);
                let address = query.address.as_deref().unwrap_or("*");
                let port = query.port.map_or(String::new(), |port| format!(":{port}"));
                let what = if accept { "listen" } else { "share" };
                format!("{what} {} at {address}{port}", self.name(server))
            }
            Action::Rebind { server, query, worker, seq } => {
                let line = format!("rebind {} at {:?} for {worker}", self.name(server), query.address);
                self.rebinds.push((worker, seq, server));
                line
            }
            Action::Close { server } => format!("close {}", self.name(server)),
            Action::Resume { server } => format!("resume {}", self.name(server)),
            Action::Pause { server } => format!("pause {}", self.name(server)),
            Action::Online { worker } => format!("{worker} is online"),
            Action::Listening { worker, query } => {
                format!("{worker} listens at {:?}:{:?}", query.address, query.port)
            }
            Action::ListenFailed { worker, query, errno } => {
                format!("{worker} cannot listen at {:?}:{:?}: {errno}", query.address, query.port)
            }
            Action::Leaving { worker } => format!("{worker} is leaving"),
        }
    }

    /// Servers are named a, b, c ... in the order of their binds, and then by numbers.
    fn name(&self, server: ServerId) -> String {
        let at = self.servers.iter().position(|known| *known == server).expect("was to be bound");
        u8::try_from(at).ok().filter(|at| *at < 26).map_or(at.to_string(), |at| char::from(b'a' + at).into())
    }
}

/// A message without the fields that all messages have.
fn text(message: &Message) -> String {
    let mut value = serde_json::to_value(message).expect("is JSON");
    let fields = value.as_object_mut().expect("an object");
    assert_eq!(fields.remove("cmd"), Some(json!("NODE_CLUSTER")));
    if fields.get("data") == Some(&Value::Null) {
        fields.remove("data");
    }
    value.to_string()
}

/// A query for a port of every interface.
pub fn query(port: u16) -> Value {
    json!({ "act": "queryServer", "address": null, "port": port, "addressType": 4, "index": 0, "seq": 1 })
}
