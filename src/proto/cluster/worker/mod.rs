//! The machine of a cluster's worker: what it asks of its primary, and the connections that it gets.
//!
//! `life` is how it lives and ends, `server` is the state of one server, and `servers` is what the worker
//! and its primary say about them.

mod life;
mod server;
mod servers;

use std::collections::{HashMap, VecDeque};

use crate::proto::cluster::message::{Act, Body, Message, Query, Reply};
use crate::proto::cluster::places::Places;
use life::Life;
use server::WorkerServer;

pub use server::{Answer, Next};

/// The machine of a worker, generic over the descriptor type `F`.
pub struct WorkerMachine<F> {
    life: Life,
    /// The number of our next message (CLU-1).
    seq: u64,
    transmits: VecDeque<Message>,
    /// By the number of our message, what its reply is about.
    replies: HashMap<u64, ReplyTo>,
    servers: HashMap<ServerId, WorkerServer<F>>,
    /// The servers that connections come for (CLU-15).
    keys: HashMap<String, ServerId>,
    places: Places,
    next_server: u64,
    /// Servers that have changed.
    changes: VecDeque<Change>,
    /// Connections that were accepted and are not closed.
    busy: usize,
}

/// A server of a worker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(u64);

/// A change of a server, for the calls that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// One call can go on: there is an answer, a connection, or room for one.
    One(ServerId),
    /// All calls are to look: the server was closed, or its limit was changed.
    All(ServerId),
}

/// What came with a message.
#[derive(Debug)]
pub enum Carried<F> {
    /// No descriptor, and none was announced.
    Nothing,
    /// A descriptor.
    Handle(F),
    /// A descriptor was announced, and none came that can be used.
    Lost,
}

/// What a reply is about.
enum ReplyTo {
    /// The query for this server.
    Query(ServerId),
    /// A query for a server that nobody wants any more: closed if it is granted.
    DroppedQuery(Query),
    /// The announcement that the worker will exit.
    Exit,
}

impl<F> Default for WorkerMachine<F> {
    fn default() -> Self {
        WorkerMachine {
            life: Life::Serving,
            seq: 0,
            transmits: VecDeque::new(),
            replies: HashMap::new(),
            servers: HashMap::new(),
            keys: HashMap::new(),
            places: Places::default(),
            next_server: 0,
            changes: VecDeque::new(),
            busy: 0,
        }
    }
}

/// Commands. Those about servers are in `servers`.
impl<F> WorkerMachine<F> {
    /// Tells the primary that the worker runs: the first message (CLU-5).
    pub fn online(&mut self) {
        self.send(Body::Act(Act::Online));
    }

    /// Shuts the worker down gracefully: closes its servers, and tells the primary that the exit is
    /// voluntary (CLU-19).
    pub fn disconnect(&mut self) {
        if self.life.disconnect() {
            self.close_all();
            self.announce_exit();
        }
    }

    /// The same without waiting for connections, and without closing servers first.
    pub fn kill(&mut self) {
        if self.life.exit() {
            self.announce_exit();
        }
    }

    fn announce_exit(&mut self) {
        let seq = self.send(Body::Act(Act::ExitedAfterDisconnect));
        self.replies.insert(seq, ReplyTo::Exit);
    }

    fn send(&mut self, body: Body) -> u64 {
        let seq = self.seq;
        self.seq += 1;
        self.transmits.push_back(Message { seq, body });
        seq
    }
}

/// Input and output.
impl<F> WorkerMachine<F> {
    /// A message from the primary. A descriptor that has no place is dropped.
    pub fn handle_message(&mut self, message: Message, carried: Carried<F>) {
        match message.body {
            Body::Reply(reply) => match self.replies.remove(&reply.ack) {
                Some(ReplyTo::Query(id)) => self.replied(id, reply, carried),
                Some(ReplyTo::DroppedQuery(query)) => self.unwanted(&query, reply),
                Some(ReplyTo::Exit) => self.life.acknowledged(),
                // Ignored (CLU-2).
                None => {}
            },
            Body::Act(Act::NewConnection { key }) => {
                let accepted = self.accept(&key, carried);
                let reply = Reply { ack: message.seq, accepted: Some(accepted), ..Reply::default() };
                self.send(Body::Reply(reply));
            }
            Body::Act(Act::Disconnect) => {
                if self.life.asked() {
                    self.close_all();
                }
            }
            // A primary says nothing else.
            Body::Act(
                Act::Online
                | Act::QueryServer(_)
                | Act::Listening(_)
                | Act::Close { .. }
                | Act::ExitedAfterDisconnect,
            )
            | Body::Unknown => {}
        }
    }

    /// What to send to the primary next.
    pub fn poll_transmit(&mut self) -> Option<Message> {
        self.transmits.pop_front()
    }

    /// The next change of a server. Take them after each command and message.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Whether the worker is shutting down: no connection comes any more.
    pub fn is_stopping(&self) -> bool {
        self.life != Life::Serving
    }

    /// Whether the primary knows that the worker's exit is voluntary.
    pub fn is_acknowledged(&self) -> bool {
        self.life.is_acknowledged()
    }

    /// Whether all is done: the channel is to be closed.
    pub fn is_done(&self) -> bool {
        self.life.is_done(self.busy)
    }
}
