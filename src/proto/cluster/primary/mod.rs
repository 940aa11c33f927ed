//! The primary's machine: who listens on what, and who gets which connection.
//!
//! **Commands**: [`add_worker`](Primary::add_worker), [`remove_worker`](Primary::remove_worker),
//! [`retire`](Primary::retire), [`disconnect`](Primary::disconnect), [`close_unused`](Primary::close_unused). **Input**:
//! [`handle_message`](Primary::handle_message), [`handle_bound`](Primary::handle_bound),
//! [`handle_unshared`](Primary::handle_unshared), [`handle_connection`](Primary::handle_connection),
//! [`handle_returned`](Primary::handle_returned),
//! [`handle_pause_over`](Primary::handle_pause_over). **What is to be done**:
//! [`poll_action`](Primary::poll_action), after each of these, until there is nothing.

mod action;
mod balance;
mod offers;
mod servers;

pub use action::{Action, Appetite, Balance, ServerId, WorkerId};

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::proto::cluster::message::{Act, Body, Message, Query, Reply, SockName};
use balance::Rotation;
use offers::{Known, Offers};
use servers::{Servers, State, key};

/// How many servers one worker may have. Each may cost the primary a descriptor.
const MAX_SERVERS_OF_ONE: usize = 256;

/// The primary of a cluster, generic over the descriptor type `F` of connections.
pub struct Primary<F> {
    balance: Balance,
    keep_servers: bool,
    workers: BTreeMap<WorkerId, Worker>,
    servers: Servers<F>,
    offers: Offers<F>,
    actions: VecDeque<Action<F>>,
    next_seq: u64,
}

#[derive(Default)]
struct Worker {
    online: bool,
    /// It said so itself (CLU-10).
    leaving: bool,
    /// It was asked to (CLU-14).
    asked: bool,
    /// It is to be asked soon, and gets no more connections.
    retired: bool,
    servers: BTreeSet<ServerId>,
}

/// Commands.
impl<F> Primary<F> {
    /// A primary without workers. With `keep_servers`, a server stays open when no worker listens
    /// on it any more, and its clients wait for the next that does.
    pub fn new(balance: Balance, keep_servers: bool) -> Self {
        Primary {
            balance,
            keep_servers,
            workers: BTreeMap::new(),
            servers: Servers::new(),
            offers: Offers::new(),
            actions: VecDeque::new(),
            next_seq: 0,
        }
    }

    /// There is a new worker.
    pub fn add_worker(&mut self, id: WorkerId) {
        self.workers.insert(id, Worker::default());
    }

    /// The channel to the worker is over. What it was offered and had not accepted goes to others:
    /// descriptors that the channel still had may come back before this or after.
    pub fn remove_worker(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.remove(&id) else {
            return;
        };
        let mut servers = worker.servers;
        for server in &servers {
            self.leave(id, *server);
        }
        for (server, connection) in self.offers.abandoned(id) {
            if let Some(rotation) = self.rotation(server) {
                rotation.came_back(connection);
                servers.insert(server);
            }
        }
        for server in servers {
            self.distribute(server);
        }
    }

    /// The worker gets no more connections, but is not told: it goes on with those that it has, and
    /// its servers are still its own.
    pub fn retire(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        worker.retired = true;
        for server in worker.servers.clone() {
            if let Some(rotation) = self.rotation(server) {
                rotation.remove(id);
            }
        }
    }

    /// The worker shall end (CLU-18). It gets no more connections.
    pub fn disconnect(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut worker.asked, true) {
            return;
        }
        let servers = std::mem::take(&mut worker.servers);
        self.send(id, Body::Act(Act::Disconnect));
        for server in servers {
            self.leave(id, server);
        }
    }

    /// Closes the servers on which no worker listens.
    pub fn close_unused(&mut self) {
        for server in self.servers.unused() {
            self.close(server);
        }
    }
}

/// Input.
impl<F> Primary<F> {
    /// A message came from a worker. What makes no sense is ignored (CLU-2).
    pub fn handle_message(&mut self, id: WorkerId, message: Message) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        match message.body {
            Body::Act(Act::Online) => {
                if !std::mem::replace(&mut worker.online, true) {
                    self.actions.push_back(Action::Online { worker: id });
                }
            }
            Body::Act(Act::QueryServer(query)) => {
                // Who is about to leave is never answered (CLU-16).
                if !worker.leaving && !worker.asked {
                    self.query(id, message.seq, query);
                }
            }
            Body::Act(Act::Listening(query)) => {
                self.actions.push_back(Action::Listening { worker: id, query });
            }
            Body::Act(Act::Close { key }) => {
                if let Some(server) = self.servers.of_key(&key)
                    && worker.servers.remove(&server)
                {
                    self.leave(id, server);
                }
            }
            Body::Act(Act::ExitedAfterDisconnect) => {
                if !std::mem::replace(&mut worker.leaving, true) {
                    self.actions.push_back(Action::Leaving { worker: id });
                }
                self.send(id, Body::Reply(Reply { ack: message.seq, ..Reply::default() }));
            }
            Body::Reply(Reply { ack, accepted, .. }) => {
                let known = self.offers.replied(ack, id, accepted.unwrap_or(false));
                self.known(ack, known);
            }
            Body::Act(Act::NewConnection { .. } | Act::Disconnect) | Body::Unknown => {}
        }
    }

    /// The server's socket was made, and has this name if it is one of TCP; or the system gave
    /// the number of an error.
    pub fn handle_bound(&mut self, server: ServerId, bound: Result<Option<SockName>, i32>) {
        let Some(found) = self.servers.get_mut(server) else {
            return;
        };
        let State::Binding { shared, asked } = &mut found.state else {
            return;
        };
        let (shared, asked) = (*shared, std::mem::take(asked));
        match bound {
            Ok(_) if shared => found.state = State::Shared,
            Ok(sockname) => found.state = State::Listening { sockname, rotation: Rotation::new() },
            Err(errno) => return self.unbound(server, asked, errno),
        }
        for (worker, seq) in asked {
            self.admit(worker, seq, server);
        }
    }

    /// The worker cannot have the shared socket that this reply was to bring.
    pub fn handle_unshared(&mut self, id: WorkerId, server: ServerId, reply: Message, errno: i32) {
        let Body::Reply(reply) = reply.body else {
            return;
        };
        if self.workers.get_mut(&id).is_some_and(|worker| worker.servers.remove(&server)) {
            self.leave(id, server);
        }
        self.send(id, Body::Reply(Reply { server: Some(Err(errno)), ..reply }));
    }

    /// The server has accepted a connection.
    pub fn handle_connection(&mut self, server: ServerId, fd: F) {
        if let Some(rotation) = self.rotation(server) {
            rotation.arrived(fd);
            self.distribute(server);
        }
    }

    /// The channel is done with a connection that was offered in the message of this number: it
    /// has `arrived`, and is kept until the worker replies; or it has not.
    pub fn handle_returned(&mut self, seq: u64, fd: F, arrived: bool) {
        let known = self.offers.returned(seq, fd, arrived);
        self.known(seq, known);
    }

    /// An [`Action::Pause`] is over.
    pub fn handle_pause_over(&mut self, server: ServerId) {
        if let Some(rotation) = self.rotation(server) {
            rotation.end_pause();
            self.distribute(server);
        }
    }
}

/// Output.
impl<F> Primary<F> {
    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action<F>> {
        self.actions.pop_front()
    }

    /// How much the server wants more connections. When it wants them more than it said here, an
    /// [`Action::Resume`] follows.
    pub fn appetite(&mut self, server: ServerId) -> Appetite {
        self.rotation(server).map_or(Appetite::Full, Rotation::appetite)
    }

    /// Whether the worker's end is voluntary: it said so, or was asked to (CLU-21).
    pub fn is_leaving(&self, id: WorkerId) -> bool {
        self.workers.get(&id).is_some_and(|worker| worker.leaving || worker.asked)
    }
}

impl<F> Primary<F> {
    fn query(&mut self, id: WorkerId, seq: u64, query: Query) {
        let shared = self.balance == Balance::Shared || query.address_type.is_udp();
        let its = self.workers.get(&id).map_or(0, |worker| worker.servers.len());
        let found = match its < MAX_SERVERS_OF_ONE {
            true => self.servers.join(id, &query, shared),
            false => Err(libc::EMFILE),
        };
        match found {
            Ok((server, is_new)) => {
                if let Some(worker) = self.workers.get_mut(&id) {
                    worker.servers.insert(server);
                }
                if is_new {
                    self.actions.push_back(Action::Bind { server, query, accept: !shared });
                }
                self.admit(id, seq, server);
            }
            Err(errno) => {
                let key = Some(key(&query));
                let server = Some(Err(errno));
                self.send(
                    id,
                    Body::Reply(Reply { ack: seq, server, key, data: query.data, ..Reply::default() }),
                );
            }
        }
    }

    /// Answers a query, now or when the socket is made (CLU-11).
    fn admit(&mut self, id: WorkerId, seq: u64, server: ServerId) {
        let retired = self.workers.get(&id).is_some_and(|worker| worker.retired);
        let Some(found) = self.servers.get_mut(server) else {
            return;
        };
        let mut reply = Reply {
            ack: seq,
            server: Some(Ok(())),
            key: Some(found.key.clone()),
            data: found.data.clone(),
            ..Reply::default()
        };
        match &mut found.state {
            State::Binding { asked, .. } => asked.push((id, seq)),
            State::Listening { sockname, rotation } => {
                reply.sockname = sockname.clone();
                if !retired {
                    rotation.add(id, self.offers.unanswered(id, server));
                }
                self.send(id, Body::Reply(reply));
                self.distribute(server);
            }
            State::Shared => {
                let reply = self.message(Body::Reply(reply));
                self.actions.push_back(Action::Share { worker: id, server, reply });
            }
        }
    }

    /// There is no such socket. Who asks next makes us try again.
    fn unbound(&mut self, server: ServerId, asked: Vec<(WorkerId, u64)>, errno: i32) {
        let Some(gone) = self.servers.remove(server) else {
            return;
        };
        for (worker, seq) in asked {
            if let Some(worker) = self.workers.get_mut(&worker) {
                worker.servers.remove(&server);
            }
            let (key, data) = (Some(gone.key.clone()), gone.data.clone());
            let server = Some(Err(errno));
            self.send(worker, Body::Reply(Reply { ack: seq, server, key, data, ..Reply::default() }));
        }
    }

    /// The worker does not listen on this server any more. The last one closes it.
    fn leave(&mut self, id: WorkerId, server: ServerId) {
        let Some(found) = self.servers.get_mut(server) else {
            return;
        };
        found.members.remove(&id);
        match &mut found.state {
            State::Binding { asked, .. } => asked.retain(|(worker, _)| *worker != id),
            State::Listening { rotation, .. } => rotation.remove(id),
            State::Shared => {}
        }
        if found.members.is_empty() && !self.keep_servers {
            self.close(server);
        }
    }

    /// Connections that wait for it are closed with it.
    fn close(&mut self, server: ServerId) {
        if self.servers.remove(server).is_some() {
            self.actions.push_back(Action::Close { server });
        }
    }

    /// Something is known of an offer. A connection of a server that is closed now is closed too.
    fn known(&mut self, seq: u64, known: Option<Known<F>>) {
        let Some(Known { server, answer, back }) = known else {
            return;
        };
        let Some(rotation) = self.rotation(server) else {
            return;
        };
        if let Some((worker, accepted)) = answer {
            rotation.answered(worker, seq, accepted);
        }
        if let Some(connection) = back {
            rotation.came_back(connection);
        }
        self.distribute(server);
    }

    /// Offers connections to workers, as long as there are both.
    fn distribute(&mut self, server: ServerId) {
        let Some(found) = self.servers.get_mut(server) else {
            return;
        };
        let State::Listening { rotation, .. } = &mut found.state else {
            return;
        };
        while let Some((worker, connection)) = rotation.next(self.next_seq) {
            let body = Body::Act(Act::NewConnection { key: found.key.clone() });
            let message = Message { seq: self.next_seq, body };
            let fd = self.offers.insert(self.next_seq, worker, server, connection);
            self.actions.push_back(Action::Offer { worker, message, fd });
            self.next_seq += 1;
        }
        if rotation.begins_pause() {
            self.actions.push_back(Action::Pause { server });
        }
        if rotation.is_hungrier() {
            self.actions.push_back(Action::Resume { server });
        }
    }

    fn rotation(&mut self, server: ServerId) -> Option<&mut Rotation<F>> {
        match &mut self.servers.get_mut(server)?.state {
            State::Listening { rotation, .. } => Some(rotation),
            State::Binding { .. } | State::Shared => None,
        }
    }

    fn send(&mut self, worker: WorkerId, body: Body) {
        let message = self.message(body);
        self.actions.push_back(Action::Send { worker, message });
    }

    /// Messages to all workers are numbered together (CLU-1).
    fn message(&mut self, body: Body) -> Message {
        let seq = self.next_seq;
        self.next_seq += 1;
        Message { seq, body }
    }
}
