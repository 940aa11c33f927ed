//! What happens to the primary: clients connect, workers speak, answer, leave and die, and the system binds.

use crossfork::proto::cluster::primary::{AcceptDemand, ServerId, WorkerId};
use crossfork::proto::cluster::{Act, Body, Message, Reply, SockName};
use serde_json::{Value, json};

use super::super::heard;
use super::super::script::Script;
use super::{Connection, Where, Worker, World};

impl World {
    pub(super) fn joins(&mut self) {
        if self.workers.len() < 6 {
            self.last += 1;
            self.workers.insert(self.last, Worker::default());
            self.machine.add_worker(self.last);
        }
    }

    /// All that waits goes to workers, also to those that have not answered.
    pub(super) fn hands_out(&mut self) {
        self.is_handing_out = true;
        for server in self.servers.keys().copied().collect::<Vec<_>>() {
            self.machine.hand_out(server);
        }
        self.look();
        self.is_handing_out = false;
    }

    pub(super) fn connects(&mut self, server: ServerId) {
        if self.machine.accept_demand(server) < AcceptDemand::None {
            let fd = self.ledger.open();
            let connection = Connection { server, deaths: 0, place: Where::Waits };
            self.connections.insert(fd.file(), connection);
            self.machine.handle_connection(server, fd);
            self.look();
        }
    }

    /// The channel returns a connection.
    pub(super) fn returns(&mut self, seq: u64, arrived: bool) {
        let Some(offer) = self.offers.get_mut(&seq) else { return };
        let Some(fd) = offer.fd.take() else { return };
        let (file, answer, is_orphaned) = (offer.file, offer.answer, offer.is_orphaned);
        match (answer, arrived) {
            (Some(true), _) => self.ends(seq, Where::Accepted),
            (Some(false), _) | (None, false) => self.ends(seq, Where::Waits),
            (None, true) if is_orphaned => {
                self.connections.get_mut(&file).expect("a connection").deaths += 1;
                self.ends(seq, Where::Waits);
            }
            (None, true) => {}
        }
        self.machine.handle_returned(seq, fd, arrived);
        self.look();
    }

    /// The outcome of an offer is final.
    fn ends(&mut self, seq: u64, place: Where) {
        let offer = self.offers.remove(&seq).expect("an offer");
        let connection = self.connections.get_mut(&offer.file).expect("a connection");
        assert_eq!(connection.place, Where::Offered(seq));
        connection.place = place;
    }

    /// The channel is done with a ping.
    pub(super) fn pinged(&mut self, id: WorkerId, answered: bool) {
        self.pings.remove(&id);
        if let Some(worker) = self.workers.get_mut(&id)
            && !answered
        {
            // Nobody is told.
            worker.is_asked_to_answer = false;
        }
        self.machine.handle_pinged(id, answered);
        self.look();
    }

    pub(super) fn reply(&mut self, script: &mut Script) -> Value {
        let guess = u64::from(script.byte());
        let ack = script.pick(self.offers.keys().copied()).filter(|_| guess >= 16).unwrap_or(guess);
        json!({ "ack": ack, "accepted": !script.byte().is_multiple_of(4) })
    }

    pub(super) fn says(&mut self, script: &mut Script, fields: Value) {
        let seq = u64::from(script.byte() % 32);
        let text = script.text(fields, seq);
        self.hear(script, &text);
    }

    /// One of the workers has sent this.
    pub(super) fn hear(&mut self, script: &mut Script, text: &[u8]) {
        let (Some(message), Some(id)) =
            (heard(self.serialization, text), script.pick(self.workers.keys().copied()))
        else {
            return;
        };
        let seq = message.seq;
        let worker = self.worker(id);
        match &message.body {
            Body::Act(Act::QueryServer(_)) if !worker.is_leaving && !worker.is_asked => {
                *worker.requests.entry(seq).or_default() += 1;
            }
            Body::Act(Act::ExitedAfterDisconnect) => {
                *worker.requests.entry(seq).or_default() += 1;
                worker.is_leaving = true;
            }
            Body::Act(Act::Close { key }) => {
                worker.keys.remove(key);
                worker.forgiven = true;
            }
            Body::Reply(Reply { ack, accepted, .. }) => self.answers(id, *ack, accepted.unwrap_or(false)),
            _ => {}
        }
        self.machine.handle_message(id, message);
        self.look();
    }

    /// The answer counts if the worker had an offer and has not answered it.
    pub(super) fn answers(&mut self, id: WorkerId, seq: u64, accepted: bool) {
        let Some(offer) = self.offers.get_mut(&seq).filter(|offer| offer.worker == id) else {
            return;
        };
        if offer.answer.is_some() || offer.is_orphaned {
            return;
        }
        offer.answer = Some(accepted);
        if offer.fd.is_none() {
            self.ends(seq, if accepted { Where::Accepted } else { Where::Waits });
        }
    }

    pub(super) fn disconnects(&mut self, id: WorkerId) {
        let worker = self.worker(id);
        worker.is_asked = true;
        worker.forgiven = true;
        worker.keys.clear();
        self.machine.disconnect(id);
        self.look();
    }

    /// The channel returns its connections before its end is known, or after.
    pub(super) fn dies(&mut self, id: WorkerId, before: bool) {
        for seq in self.offers_of(id) {
            if before {
                self.returns(seq, false);
            }
        }
        self.workers.remove(&id);
        self.pings.remove(&id);
        for seq in self.offers_of(id) {
            let Some(offer) = self.offers.get_mut(&seq) else { continue };
            if offer.fd.is_none() {
                self.connections.get_mut(&offer.file).expect("a connection").deaths += 1;
                self.ends(seq, Where::Waits);
            } else {
                offer.is_orphaned = true;
            }
        }
        let (its, others) = std::mem::take(&mut self.shares).into_iter().partition(|share| share.0 == id);
        self.shares = others;
        self.machine.remove_worker(id);
        self.look();
        for (worker, server, reply) in its {
            self.machine.handle_unshared(worker, server, reply, 32);
            self.look();
        }
    }

    pub(super) fn pause_over(&mut self, server: ServerId) {
        self.servers.get_mut(&server).expect("a server").pausing = false;
        self.machine.handle_pause_over(server);
        self.look();
    }

    pub(super) fn binds(&mut self, id: ServerId, errno: u8) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        let bound = match errno {
            248.. => Err(98),
            0 => Ok(None),
            port => Ok(Some(SockName { address: "::1".to_owned(), is_ipv6: true, port: port.into() })),
        };
        server.is_bound = true;
        if bound.is_err() {
            self.servers.remove(&id);
            self.closed.insert(id);
        }
        self.machine.handle_bound(id, bound);
        self.look();
    }

    pub(super) fn rebinds_now(&mut self, (worker, seq, server): (WorkerId, u64, ServerId), errno: u8) {
        self.machine.handle_rebound(worker, seq, server, if errno < 248 { Ok(()) } else { Err(98) });
        self.look();
    }

    pub(super) fn shared(&mut self, (worker, server, reply): (WorkerId, ServerId, Message), arrived: bool) {
        if !arrived {
            return self.machine.handle_unshared(worker, server, reply, 24);
        }
        self.said(worker, &reply);
    }
}
