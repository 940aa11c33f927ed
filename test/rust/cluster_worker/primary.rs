//! A primary whose messages the test writes.

use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use crossfork::cluster::ListenOptions;
use crossfork::{Error, Limits, Serialization};
use serde_json::{Value, json};

use crate::support::descriptors::{tcp_bound, tcp_pair};
use crate::support::peer::{ACK, Peer};
use crate::support::workers::{Listen, Work};

pub const KEY: &str = "a key";

pub struct Primary {
    pub peer: Peer,
    seq: u64,
}

/// A worker that has sent `online`, and its primary.
pub fn connect<W: Work>() -> (W, Primary) {
    connect_with(Limits::default())
}

pub fn connect_with<W: Work>(limits: Limits) -> (W, Primary) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let worker = W::from_socket(ours.into(), 7, Serialization::Json, limits).unwrap();
    let mut primary = Primary::new(theirs);
    primary.expect(json!({ "act": "online", "seq": 0 }));
    // Otherwise the primary's end would end the test process.
    worker.set_exit_on_orphaned(false);
    (worker, primary)
}

impl Primary {
    pub fn new(socket: UnixStream) -> Self {
        Primary { peer: Peer::new(socket), seq: 0 }
    }

    /// Sends a message, and returns its number.
    pub fn say(&mut self, message: Value) -> u64 {
        let (text, seq) = self.text(message);
        self.peer.write(text + "\n");
        seq
    }

    /// Sends a message with a descriptor, as Node does.
    pub fn say_with(&mut self, wire_type: &str, message: Value, fds: &[BorrowedFd<'_>]) -> u64 {
        let (text, seq) = self.text(message);
        let text = format!("{{\"cmd\":\"NODE_HANDLE\",\"type\":\"{wire_type}\",\"msg\":{text}}}\n");
        if fds.is_empty() {
            self.peer.write(text);
        } else {
            self.peer.write_with(text, fds);
        }
        seq
    }

    pub fn text(&mut self, mut message: Value) -> (String, u64) {
        let seq = self.seq;
        self.seq += 1;
        message["cmd"] = json!("NODE_CLUSTER");
        message["seq"] = json!(seq);
        (message.to_string(), seq)
    }

    /// Hands over a connection, and returns the number of the message.
    pub fn hand_over(&mut self, connection: &impl AsFd) -> u64 {
        self.say_with("net.Native", json!({ "act": "newconn", "key": KEY }), &[connection.as_fd()])
    }

    /// The worker's next message, without the fields that every cluster message has.
    pub fn hear(&mut self) -> Value {
        let mut message = self.peer.value();
        let fields = message.as_object_mut().expect("an object");
        assert_eq!(fields.remove("cmd"), Some(json!("NODE_CLUSTER")), "{fields:?}");
        message
    }

    pub fn expect(&mut self, expected: Value) {
        assert_eq!(self.hear(), expected);
    }

    pub fn expect_act(&mut self, act: &str) -> Value {
        let message = self.hear();
        assert_eq!(message["act"], act, "{message}");
        message
    }

    /// The two replies to a connection (CLU-13).
    pub fn expect_accepted(&mut self, seq: u64, accepted: bool) {
        assert_eq!(self.peer.line(), ACK);
        let reply = self.hear();
        assert_eq!((&reply["ack"], &reply["accepted"]), (&json!(seq), &json!(accepted)));
    }

    /// Answers the next query by round robin.
    pub fn grant(&mut self) {
        let query = self.expect_act("queryServer");
        let sockname = json!({ "address": "127.0.0.1", "family": "IPv4", "port": 4321 });
        self.say(
            json!({ "errno": null, "key": KEY, "ack": query["seq"], "data": null, "sockname": sockname }),
        );
    }

    /// Answers the next query with a socket.
    pub fn share(&mut self, wire_type: &str, socket: &impl AsFd) {
        let query = self.expect_act("queryServer");
        let reply = json!({ "errno": 0, "key": KEY, "ack": query["seq"], "data": null });
        self.say_with(wire_type, reply, &[socket.as_fd()]);
        assert_eq!(self.peer.line(), ACK);
    }
}

/// Listens, while the primary answers.
pub fn listen<W: Work>(
    worker: &W,
    address: &str,
    options: ListenOptions,
    answer: impl FnOnce(),
) -> Result<W::Listener, Error> {
    thread::scope(|scope| {
        let listening = scope.spawn(|| worker.listen(address.into(), options));
        answer();
        listening.join().unwrap()
    })
}

/// A listener that is served by round robin.
pub fn granted<W: Work>(worker: &W, primary: &mut Primary) -> W::Listener {
    let listener = listen(worker, "127.0.0.1:0", ListenOptions::default(), || primary.grant()).unwrap();
    primary.expect_act("listening");
    listener
}

/// A connection that the worker has accepted, with the primary's end of it and the client's.
pub fn accepted<L: Listen>(listener: &L, primary: &mut Primary) -> (L::Connection, [TcpStream; 2]) {
    let (theirs, client) = tcp_pair();
    let seq = primary.hand_over(&theirs);
    let connection = listener.accept().unwrap().expect("a connection");
    primary.expect_accepted(seq, true);
    (connection, [theirs, client])
}

/// A listener that accepts from a shared socket.
pub fn shared<W: Work>(worker: &W, primary: &mut Primary) -> W::Listener {
    let socket = tcp_bound();
    let answer = || primary.share("net.Native", &socket);
    let listener = listen(worker, "127.0.0.1:0", ListenOptions::default(), answer).unwrap();
    primary.expect_act("listening");
    listener
}
