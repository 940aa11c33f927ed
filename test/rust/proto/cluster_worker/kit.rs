//! A worker with its messages as text.

use crossfork::proto::cluster::worker::{Carried, Next, ServerId};
use crossfork::proto::cluster::{AddressType, Message, Query, WorkerMachine};
use serde_json::{Value, json};

use crate::sim::token::{Ledger, Token};

/// A key in the form of a Node primary's.
pub const KEY: &str = "null:0:4:undefined:0";

#[derive(Default)]
pub struct Desk {
    pub worker: WorkerMachine<Token>,
    pub fds: Ledger,
    /// A server that is open, for a table that has no other place for it.
    pub open_server: Option<ServerId>,
    /// The number of the primary's next message.
    seq: u64,
}

impl Desk {
    /// A worker that has sent `online`.
    pub fn new() -> Self {
        let mut desk = Desk::default();
        desk.worker.online();
        assert_eq!(desk.said(), [json!({ "act": "online", "seq": 0 })]);
        desk
    }

    /// The worker's messages, without the fields that every message has.
    pub fn said(&mut self) -> Vec<Value> {
        let messages = std::iter::from_fn(|| self.worker.poll_transmit());
        messages.map(|message| plain(&message)).collect()
    }

    /// The `act` or `accepted` of the worker's messages.
    pub fn acts(&mut self) -> Vec<String> {
        let word = |message: &Value| match (&message["act"], &message["accepted"]) {
            (Value::String(act), _) => act.clone(),
            (_, Value::Bool(accepted)) => format!("accepted {accepted}"),
            _ => panic!("{message}"),
        };
        self.said().iter().map(word).collect()
    }

    /// The primary sends this, without a descriptor.
    pub fn hear(&mut self, message: Value) {
        self.hear_with(message, Carried::Nothing);
    }

    pub fn hear_with(&mut self, mut message: Value, carried: Carried<Token>) {
        message["seq"] = json!(self.seq);
        self.seq += 1;
        let message = serde_json::from_value::<Message>(message).expect("a message");
        self.worker.handle_message(message, carried);
    }

    /// The primary sends this with a new descriptor. Returns its file.
    pub fn hear_with_fd(&mut self, message: Value) -> usize {
        let fd = self.fds.open();
        let file = fd.file();
        self.hear_with(message, Carried::Handle(fd));
        file
    }

    /// A connection for this key.
    pub fn connection(&mut self, key: &str) -> usize {
        self.hear_with_fd(json!({ "act": "newconn", "key": key }))
    }

    /// Asks for a server, and returns the number of the query.
    pub fn ask(&mut self, query: Query) -> (ServerId, u64) {
        let server = self.worker.listen(query);
        let said = self.said();
        (server, said[0]["seq"].as_u64().expect("a number"))
    }

    /// A server that gets connections.
    pub fn open(&mut self, key: &str) -> ServerId {
        let (server, seq) = self.ask(tcp(0));
        self.hear(granted(seq, key));
        assert!(self.worker.take_answer(server).is_some());
        assert!(self.said().is_empty());
        server
    }

    /// The files of the waiting connections, and whether more may come.
    pub fn take_all(&mut self, server: ServerId) -> (Vec<usize>, &'static str) {
        let mut files = Vec::new();
        loop {
            match self.worker.next_connection(server) {
                Next::Connection(fd) => files.push(fd.file()),
                Next::None => return (files, "more may come"),
                Next::Closed => return (files, "closed"),
            }
        }
    }
}

pub fn tcp(port: u16) -> Query {
    Query { port: Some(port), ..Query::new(AddressType::Tcp4) }
}

/// A reply that grants a server; with a descriptor, a shared one.
pub fn granted(ack: u64, key: &str) -> Value {
    json!({ "errno": null, "key": key, "ack": ack, "data": null })
}

pub fn failed(ack: u64, errno: i32) -> Value {
    json!({ "errno": -errno, "key": KEY, "ack": ack, "data": null })
}

pub fn plain(message: &Message) -> Value {
    let mut value = serde_json::to_value(message).expect("JSON");
    let fields = value.as_object_mut().expect("an object");
    assert_eq!(fields.remove("cmd"), Some(json!("NODE_CLUSTER")));
    value
}
