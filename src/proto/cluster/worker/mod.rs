//! A worker of a cluster: what it asks of its primary, and the connections that it is given.
//!
//! ```text
//!             listen            success                  close, the worker stops
//!   (nothing) ------> Asked(ack) ------> Open{key} ----------------------------> Closed
//!                         |                 ^
//!                         | failure, or     | own_server: a socket that the primary
//!                         v the worker      | knows nothing of
//!                       Closed  stops    (nothing)
//! ```
//!
//! A connection is accepted the moment it comes, whoever takes it when (CLU-13). What was accepted
//! before a server closed can still be taken.

mod life;

use std::collections::{HashMap, VecDeque};

use crate::proto::cluster::message::{Act, AddressType, Body, Message, Query, Reply, SockName};
use crate::proto::cluster::places::Places;
use crate::wire::v8::Value;
use life::Life;

/// How many connections of one server may wait to be taken before more are refused.
const MAX_WAITING: usize = 1024;

/// A worker, generic over the descriptor type `F`.
pub struct Worker<F> {
    life: Life,
    /// The number of our next message (CLU-1).
    seq: u64,
    transmits: VecDeque<Message>,
    /// By the number of our message, what becomes of its reply.
    replies: HashMap<u64, Asked>,
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

/// What became of a query.
#[derive(Debug, PartialEq)]
pub enum Answer<F> {
    /// The primary accepts, and hands each connection to one of its workers.
    RoundRobin {
        /// Where it listens, if it says so.
        sockname: Option<SockName>,
        /// What the servers of all workers share.
        data: Option<Value>,
    },
    /// All workers accept from this socket, which is bound and may not listen yet (CLU-12).
    Shared {
        /// The socket.
        fd: F,
        /// What the servers of all workers share.
        data: Option<Value>,
    },
    /// The primary could not: the number of an error.
    Failed(i32),
    /// The reply makes no sense, and why.
    Invalid(&'static str),
    /// This worker listens there already, or has asked to.
    InUse,
    /// This worker stops, and listens no more.
    Stopped,
}

/// The next connection of a server.
#[derive(Debug, PartialEq)]
pub enum Next<F> {
    /// This one. It counts as open until [`Worker::connection_closed`].
    Connection(F),
    /// None yet.
    None,
    /// None, and none will come.
    Closed,
}

struct Server<F> {
    query: Query,
    state: State,
    /// The answer, until it is taken.
    answer: Option<Answer<F>>,
    /// Connections that nobody has taken yet.
    waiting: VecDeque<F>,
    /// Connections that were taken and are not closed.
    open: usize,
    max: Option<usize>,
}

enum State {
    /// The reply to this message will tell.
    Asked(u64),
    /// Connections come. Without a key, the primary has no part in it.
    Open {
        key: Option<String>,
    },
    Closed,
}

/// What a reply is about.
enum Asked {
    Server(ServerId),
    /// A server that nobody wants any more: closed if it is granted.
    Nobody(Query),
    Exit,
}

impl<F> Server<F> {
    fn new(query: Query, state: State) -> Self {
        Server { query, state, answer: None, waiting: VecDeque::new(), open: 0, max: None }
    }

    fn has_room(&self) -> bool {
        self.max.is_none_or(|max| self.open + self.waiting.len() < max)
    }
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

/// Commands.
impl<F> Worker<F> {
    /// Tells the primary that the worker runs: the first message (CLU-5).
    pub fn online(&mut self) {
        self.send(Body::Act(Act::Online));
    }

    /// Asks the primary for a server (CLU-6). What becomes of it is told by
    /// [`take_answer`](Self::take_answer). The query's index is counted here.
    pub fn listen(&mut self, mut query: Query) -> ServerId {
        if self.is_stopping() {
            return self.refused(query, Answer::Stopped);
        }
        match self.places.take(&query) {
            Some(index) => query.index = index,
            None => return self.refused(query, Answer::InUse),
        }
        let seq = self.send(Body::Act(Act::QueryServer(query.clone())));
        let id = self.add(Server::new(query, State::Asked(seq)));
        self.replies.insert(seq, Asked::Server(id));
        id
    }

    /// A server whose socket is the worker's own: it is counted and closed as the others are.
    pub fn own_server(&mut self) -> ServerId {
        let state = if self.is_stopping() { State::Closed } else { State::Open { key: None } };
        self.add(Server::new(Query::new(AddressType::Fd), state))
    }

    /// What became of a query, once, when that is known.
    pub fn take_answer(&mut self, id: ServerId) -> Option<Answer<F>> {
        self.servers.get_mut(&id)?.answer.take()
    }

    /// Tells the primary that the server is up (CLU-8), and at which port.
    pub fn listening(&mut self, id: ServerId, port: Option<u16>) {
        let Some(Server { query, state: State::Open { key: Some(_) }, .. }) = self.servers.get(&id) else {
            return;
        };
        let query = Query { port, ..query.clone() };
        self.send(Body::Act(Act::Listening(query)));
    }

    /// Refuses connections while so many are open (CLU-13).
    pub fn set_max_connections(&mut self, id: ServerId, max: Option<usize>) {
        if let Some(server) = self.servers.get_mut(&id) {
            server.max = max;
            self.changes.push_back(Change::All(id));
        }
    }

    /// The next connection that the primary has handed over.
    pub fn next_connection(&mut self, id: ServerId) -> Next<F> {
        let Some(server) = self.servers.get_mut(&id) else {
            return Next::Closed;
        };
        match (server.waiting.pop_front(), &server.state) {
            (Some(connection), _) => {
                server.open += 1;
                Next::Connection(connection)
            }
            (None, State::Closed) => Next::Closed,
            (None, State::Asked(_) | State::Open { .. }) => Next::None,
        }
    }

    /// Whether this server takes connections still.
    pub fn is_open(&self, id: ServerId) -> bool {
        self.servers.get(&id).is_some_and(|server| matches!(server.state, State::Open { .. }))
    }

    /// Whether the limit allows one more connection.
    pub fn has_room(&self, id: ServerId) -> bool {
        self.servers.get(&id).is_some_and(Server::has_room)
    }

    /// Whether there is a limit.
    pub fn is_limited(&self, id: ServerId) -> bool {
        self.servers.get(&id).is_some_and(|server| server.max.is_some())
    }

    /// A connection was accepted from a shared socket.
    pub fn connection_opened(&mut self, id: ServerId) {
        self.busy += 1;
        if let Some(server) = self.servers.get_mut(&id) {
            server.open += 1;
        }
    }

    /// A connection that was taken or accepted is closed now.
    pub fn connection_closed(&mut self, id: ServerId) {
        self.busy = self.busy.saturating_sub(1);
        if let Some(server) = self.servers.get_mut(&id) {
            server.open = server.open.saturating_sub(1);
            if server.max.is_some() {
                self.changes.push_back(Change::One(id));
            }
        }
    }

    /// Takes no more connections for this server (CLU-9).
    pub fn close(&mut self, id: ServerId) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        self.changes.push_back(Change::All(id));
        match std::mem::replace(&mut server.state, State::Closed) {
            State::Asked(seq) => {
                server.answer = Some(Answer::Stopped);
                self.replies.insert(seq, Asked::Nobody(server.query.clone()));
            }
            State::Open { key: Some(key) } => {
                self.places.free(&server.query);
                self.keys.remove(&key);
                self.send(Body::Act(Act::Close { key }));
            }
            State::Open { key: None } | State::Closed => {}
        }
    }

    /// Closes a server that is used no more, and the connections that nobody has taken.
    pub fn release(&mut self, id: ServerId) {
        self.close(id);
        if let Some(server) = self.servers.remove(&id) {
            self.busy = self.busy.saturating_sub(server.waiting.len());
        }
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
        self.replies.insert(seq, Asked::Exit);
    }

    fn close_all(&mut self) {
        let mut ids: Vec<_> = self.servers.keys().copied().collect();
        ids.sort_by_key(|id| id.0);
        ids.into_iter().for_each(|id| self.close(id));
    }

    fn refused(&mut self, query: Query, answer: Answer<F>) -> ServerId {
        let mut server = Server::new(query, State::Closed);
        server.answer = Some(answer);
        self.add(server)
    }

    fn add(&mut self, server: Server<F>) -> ServerId {
        let id = ServerId(self.next_server);
        self.next_server += 1;
        self.servers.insert(id, server);
        id
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
                Some(Asked::Server(id)) => self.replied(id, reply, carried),
                Some(Asked::Nobody(query)) => self.unwanted(&query, reply),
                Some(Asked::Exit) => self.life.told(),
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

    fn replied(&mut self, id: ServerId, reply: Reply, carried: Carried<F>) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        self.changes.push_back(Change::One(id));
        let Reply { key, data, sockname, server: outcome, .. } = reply;
        let failure = match (outcome, &key) {
            (Some(Err(errno)), _) => Some(Answer::Failed(errno)),
            (None, _) | (_, None) => Some(Answer::Invalid("it grants a server without saying which")),
            // Closing it would close the one that has it.
            (_, Some(key)) if self.keys.contains_key(key) => {
                Some(Answer::Invalid("it grants a server that this worker has"))
            }
            _ => None,
        };
        let granted = match (failure, carried, key) {
            (Some(failure), ..) => Err((failure, None)),
            (None, Carried::Handle(fd), Some(key)) => Ok((key, Answer::Shared { fd, data })),
            (None, Carried::Lost, key) => Err((Answer::Invalid("its socket did not come"), key)),
            // There is no round robin of datagrams.
            (None, Carried::Nothing, key) if server.query.address_type.is_udp() => {
                Err((Answer::Invalid("it comes without a socket"), key))
            }
            (None, Carried::Nothing, Some(key)) => Ok((key, Answer::RoundRobin { sockname, data })),
            (None, _, None) => Err((Answer::Invalid("it grants a server without saying which"), None)),
        };
        match granted {
            Ok((key, answer)) => {
                server.state = State::Open { key: Some(key.clone()) };
                server.answer = Some(answer);
                self.keys.insert(key, id);
            }
            Err((answer, key)) => {
                server.state = State::Closed;
                server.answer = Some(answer);
                self.places.free(&server.query);
                if let Some(key) = key {
                    self.send(Body::Act(Act::Close { key }));
                }
            }
        }
    }

    fn unwanted(&mut self, query: &Query, reply: Reply) {
        self.places.free(query);
        if let (Some(Ok(())), Some(key)) = (reply.server, reply.key)
            && !self.keys.contains_key(&key)
        {
            self.send(Body::Act(Act::Close { key }));
        }
    }

    fn accept(&mut self, key: &str, carried: Carried<F>) -> bool {
        let Some((id, server)) = self.keys.get(key).and_then(|id| Some((*id, self.servers.get_mut(id)?)))
        else {
            return false;
        };
        match carried {
            Carried::Handle(connection) if server.has_room() && server.waiting.len() < MAX_WAITING => {
                server.waiting.push_back(connection);
                self.busy += 1;
                self.changes.push_back(Change::One(id));
                true
            }
            _ => false,
        }
    }
}
