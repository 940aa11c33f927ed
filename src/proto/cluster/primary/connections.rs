//! Which worker gets which connection: a server's rotation chooses, the worker is offered the
//! connection, and accepts or refuses it.

use super::balance::{Connection, Rotation};
use super::offers::OfferOutcome;
use super::servers::ServerState;
use super::{AcceptDemand, Action, PrimaryMachine, ServerId, WorkerId};
use crate::proto::cluster::message::{Act, Body};

/// Input.
impl<F> PrimaryMachine<F> {
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
        let worker = self.offers.worker(seq);
        let known = self.offers.returned(seq, fd, arrived);
        self.known(seq, known);
        if let Some(worker) = worker {
            self.connection_returned(worker, arrived);
        }
    }

    /// An [`Action::Pause`] is over.
    pub fn handle_pause_over(&mut self, server: ServerId) {
        if let Some(rotation) = self.rotation(server) {
            rotation.end_pause();
            self.distribute(server);
        }
    }

    /// The server accepts no more connections. Those that wait are offered at once, although their workers have
    /// not answered earlier offers: what a worker is told afterwards comes behind them.
    pub fn hand_out(&mut self, server: ServerId) {
        let Some(found) = self.servers.get_mut(server) else {
            return;
        };
        let ServerState::Listening { rotation, .. } = &mut found.state else {
            return;
        };
        let key = found.key.clone();
        for (worker, connection) in rotation.hand_out() {
            self.offer(worker, server, key.clone(), connection);
        }
    }

    /// How much the server wants connections accepted. When the demand grows after this, an
    /// [`Action::Resume`] follows.
    pub fn accept_demand(&mut self, server: ServerId) -> AcceptDemand {
        self.rotation(server).map_or(AcceptDemand::None, Rotation::demand)
    }
}

impl<F> PrimaryMachine<F> {
    /// The worker has answered an offer, or its descriptor is back. A connection whose server is closed
    /// is closed too.
    pub(super) fn known(&mut self, seq: u64, known: Option<OfferOutcome<F>>) {
        let Some(OfferOutcome { server, answer, back }) = known else {
            return;
        };
        let ping = answer.and_then(|(worker, _)| self.workers.get(&worker)?.pulse.ping());
        let Some(rotation) = self.rotation(server) else {
            return;
        };
        if let Some((worker, accepted)) = answer {
            rotation.answered(worker, seq, accepted);
            if let Some(ping) = ping {
                rotation.hold(worker, ping);
            }
        }
        if let Some(connection) = back {
            rotation.came_back(connection);
        }
        self.distribute(server);
    }

    /// Offers connections to workers, as long as there are both.
    pub(super) fn distribute(&mut self, server: ServerId) {
        let Some(found) = self.servers.get_mut(server) else {
            return;
        };
        let key = found.key.clone();
        while let Some((worker, connection)) = self.next_offer(server) {
            self.offer(worker, server, key.clone(), connection);
        }
        let Some(rotation) = self.rotation(server) else {
            return;
        };
        if rotation.begins_pause() {
            self.actions.push_back(Action::Pause { server });
        }
        if self.rotation(server).is_some_and(Rotation::demand_has_grown) {
            self.actions.push_back(Action::Resume { server });
        }
    }

    fn next_offer(&mut self, server: ServerId) -> Option<(WorkerId, Connection<F>)> {
        let number = self.next_seq;
        self.rotation(server)?.next(number)
    }

    fn offer(&mut self, worker: WorkerId, server: ServerId, key: String, connection: Connection<F>) {
        let message = self.message(Body::Act(Act::NewConnection { key }));
        let fd = self.offers.insert(message.seq, worker, server, connection);
        self.actions.push_back(Action::Offer { worker, message, fd });
    }

    pub(super) fn rotation(&mut self, server: ServerId) -> Option<&mut Rotation<F>> {
        match &mut self.servers.get_mut(server)?.state {
            ServerState::Listening { rotation, .. } => Some(rotation),
            ServerState::Binding { .. } | ServerState::Shared => None,
        }
    }
}
