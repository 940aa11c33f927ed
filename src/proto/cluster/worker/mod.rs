//! A worker of a cluster: what it asks of its primary, and the connections that it is given.
//!
//! How it lives and ends is in `life`, what becomes of one of its servers in `server`, and what it and
//! its primary say about servers in `servers`.

mod life;
mod server;
mod servers;

use std::collections::{HashMap, VecDeque};

use crate::proto::cluster::message::{Act, Body, Message, Query, Reply};
use crate::proto::cluster::places::Places;
use life::Life;
use server::Server;

pub use server::{Answer, Next};

/// A worker, generic over the descriptor type `F`.
pub struct Worker<F> {
    life: Life,
    /// The number of our next message (CLU-1).
    seq: u64,
    transmits: VecDeque<Message>,
    /// By the number of our message, what its reply is about.
    replies: HashMap<u64, ReplyTo>,
    servers: HashMap<ServerId, Server<F>>,
    /// The servers that connections come for (CLU-15).
    keys: HashMap<String, ServerId>,
    places: Places,
    next_server: u64,
    /// Servers of whom there is news.
    changes: VecDeque<Change>,
    /// Connections that were accepted and are not closed.
    busy: usize,
}

/// A server of a worker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(u64);

/// News of a server, for those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// One of them can go on: there is an answer, a connection, or room for one.
    One(ServerId),
    /// All of them are to look: it was closed, or its limit was changed.
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
    /// That the worker is about to exit.
    Exit,
}

impl<F> Default for Worker<F> {
    fn default() -> Self {
        Worker {
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
impl<F> Worker<F> {
    /// Tells the primary that the worker runs: the first message (CLU-5).
    pub fn online(&mut self) {
        self.send(Body::Act(Act::Online));
    }

    /// Stops because the worker wants to: its servers close, and the primary is told that the
    /// end to come is meant (CLU-19).
    pub fn disconnect(&mut self) {
        if self.life.leave() {
            self.close_all();
            self.tell();
        }
    }

    /// The same without waiting for connections, and without closing servers first.
    pub fn kill(&mut self) {
        if self.life.die() {
            self.tell();
        }
    }

    fn tell(&mut self) {
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
impl<F> Worker<F> {
    /// A message from the primary. A descriptor that has no place is dropped.
    pub fn handle_message(&mut self, message: Message, carried: Carried<F>) {
        match message.body {
            Body::Reply(reply) => match self.replies.remove(&reply.ack) {
                Some(ReplyTo::Query(id)) => self.replied(id, reply, carried),
                Some(ReplyTo::DroppedQuery(query)) => self.unwanted(&query, reply),
                Some(ReplyTo::Exit) => self.life.told(),
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

    /// The next news of a server: to be taken after each command and message.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Whether the worker was asked to stop, or wants to: no connection comes any more.
    pub fn is_stopping(&self) -> bool {
        self.life != Life::Serving
    }

    /// Whether the primary knows of the worker's end, if it was the worker that wanted it.
    pub fn is_told(&self) -> bool {
        self.life.is_told()
    }

    /// Whether all is done: the channel is to be closed.
    pub fn is_done(&self) -> bool {
        self.life.is_done(self.busy)
    }
}
