//! The primary's machine: who listens on what, and who gets which connection.
//!
//! **Commands**: [`add_worker`](PrimaryMachine::add_worker), [`remove_worker`](PrimaryMachine::remove_worker),
//! [`retire`](PrimaryMachine::retire), [`disconnect`](PrimaryMachine::disconnect),
//! [`close_unused`](PrimaryMachine::close_unused), [`ask`](PrimaryMachine::ask) (`pulse`),
//! [`connect`](PrimaryMachine::connect) (`direct`). **Input**:
//! [`handle_message`](PrimaryMachine::handle_message), here; about servers (`granting`)
//! [`handle_bound`](PrimaryMachine::handle_bound), [`handle_rebound`](PrimaryMachine::handle_rebound) and
//! [`handle_unshared`](PrimaryMachine::handle_unshared); about connections (`connections`)
//! [`handle_connection`](PrimaryMachine::handle_connection), [`handle_returned`](PrimaryMachine::handle_returned) and
//! [`handle_pause_over`](PrimaryMachine::handle_pause_over), and the command
//! [`hand_out`](PrimaryMachine::hand_out). **What is to be done**:
//! [`poll_action`](PrimaryMachine::poll_action), after each of these, until there is nothing.

mod action;
mod balance;
mod connections;
mod direct;
mod granting;
mod life;
mod offers;
mod pulse;
mod servers;

pub use action::{AcceptDemand, Action, Balance, ServerId, WorkerId};
pub use direct::Transport;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::proto::cluster::message::{Act, Body, Message, Reply};
use life::WorkerLife;
use offers::Offers;
use pulse::Pulse;
use servers::Servers;

/// The machine of a cluster's primary, generic over the descriptor type `F` of connections.
pub struct PrimaryMachine<F> {
    balance: Balance,
    keep_servers: bool,
    rebinds_paths: bool,
    workers: BTreeMap<WorkerId, Member>,
    servers: Servers<F>,
    offers: Offers<F>,
    actions: VecDeque<Action<F>>,
    next_seq: u64,
}

/// A worker of ours.
#[derive(Default)]
struct Member {
    /// It has said that it runs (CLU-5).
    is_online: bool,
    /// It has accepted a connection, or has a socket that it accepts from by itself.
    may_have_served: bool,
    life: WorkerLife,
    /// What it was asked and has not answered.
    pulse: Pulse,
    servers: BTreeSet<ServerId>,
}

/// Commands.
impl<F> PrimaryMachine<F> {
    /// A primary without workers. With `keep_servers`, a server stays open when no worker listens
    /// on it any more, and its clients wait for the next that does.
    pub fn new(balance: Balance, keep_servers: bool) -> Self {
        PrimaryMachine {
            balance,
            keep_servers,
            rebinds_paths: false,
            workers: BTreeMap::new(),
            servers: Servers::new(),
            offers: Offers::new(),
            actions: VecDeque::new(),
            next_seq: 0,
        }
    }

    /// From now on, a query for a path whose file is not ours any more binds it anew. All workers of such a
    /// server must get connections of the new socket, so the primary accepts them, whatever the [`Balance`].
    pub fn rebind_paths(&mut self) {
        self.rebinds_paths = true;
    }

    /// There is a new worker.
    pub fn add_worker(&mut self, id: WorkerId) {
        self.workers.insert(id, Member::default());
    }

    /// The channel to the worker is closed. What it was offered and had not accepted goes to other
    /// workers. Descriptors that the channel still had may come back before this call or after.
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

    /// Offers the worker no more connections, without telling it. It goes on with those that it has, and
    /// keeps its servers.
    pub fn retire(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        worker.life.retire();
        for server in worker.servers.clone() {
            if let Some(rotation) = self.rotation(server) {
                rotation.remove(id);
            }
        }
    }

    /// A retired worker gets connections again.
    pub fn resume(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        worker.life.resume();
        if !worker.life.takes_connections() {
            return;
        }
        for server in worker.servers.clone() {
            let unanswered = self.unanswered(id, server);
            if let Some(rotation) = self.rotation(server) {
                rotation.add(id, unanswered);
                self.distribute(server);
            }
        }
    }

    /// Asks the worker to disconnect (CLU-18), and offers it no more connections.
    pub fn disconnect(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        if !worker.life.disconnect() {
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
impl<F> PrimaryMachine<F> {
    /// A message came from a worker. What makes no sense is ignored (CLU-2).
    pub fn handle_message(&mut self, id: WorkerId, message: Message) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        match message.body {
            Body::Act(Act::Online) => {
                if !std::mem::replace(&mut worker.is_online, true) {
                    self.actions.push_back(Action::Online { worker: id });
                }
            }
            Body::Act(Act::QueryServer(query)) => {
                // A worker that is about to exit gets no reply (CLU-16).
                if !worker.life.is_leaving() {
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
                if worker.life.announces_exit() {
                    self.actions.push_back(Action::Leaving { worker: id });
                }
                self.send(id, Body::Reply(Reply { ack: message.seq, ..Reply::default() }));
            }
            Body::Reply(Reply { ack, accepted, .. }) => {
                let known = self.offers.replied(ack, id, accepted.unwrap_or(false));
                worker.may_have_served |=
                    known.as_ref().is_some_and(|known| matches!(known.answer, Some((_, true))));
                self.known(ack, known);
            }
            Body::Act(Act::NewConnection { .. } | Act::Disconnect) | Body::Unknown => {}
        }
    }
}

/// Output.
impl<F> PrimaryMachine<F> {
    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action<F>> {
        self.actions.pop_front()
    }

    /// Whether the worker's exit is voluntary: it has announced it, or was asked to disconnect (CLU-21).
    pub fn is_leaving(&self, id: WorkerId) -> bool {
        self.workers.get(&id).is_some_and(|worker| worker.life.is_leaving())
    }

    /// Whether the worker has accepted a connection, as far as we can know: one with a socket that it shares
    /// may have. False when its channel is closed.
    pub fn may_have_served(&self, id: WorkerId) -> bool {
        self.workers.get(&id).is_some_and(|worker| worker.may_have_served)
    }

    /// What the worker has not answered before which it gets no connection of this server.
    fn unanswered(&self, id: WorkerId, server: ServerId) -> Option<u64> {
        let ping = self.workers.get(&id).and_then(|worker| worker.pulse.ping());
        self.offers.unanswered(id, server).or(ping)
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
