//! What holds after every step, and in the end.

use std::collections::BTreeMap;

use crossfork::proto::cluster::primary::ServerId;
use crossfork::proto::cluster::{Body, Message, Reply};

use super::{MOST_DEATHS, MOST_WAITING, Where, World};

impl World {
    pub(super) fn check(&self) {
        let mut waiting = BTreeMap::<ServerId, usize>::new();
        for (file, connection) in &self.connections {
            let is_open = self.ledger.is_open(*file);
            match connection.place {
                Where::Accepted => assert!(!is_open, "connection {file} was accepted, and is kept"),
                Where::Offered(seq) => assert!(is_open, "connection {file} is lost in {seq}"),
                Where::Waits => {
                    let wanted =
                        self.servers.contains_key(&connection.server) && connection.deaths < MOST_DEATHS;
                    assert_eq!(is_open, wanted, "connection {file}");
                    *waiting.entry(connection.server).or_default() += usize::from(wanted);
                }
            }
        }
        // Returned connections may exceed the limit.
        assert!(waiting.values().all(|count| *count <= MOST_WAITING + self.offers.len() + 6));
        for (id, worker) in &self.workers {
            let is_settled = !self.is_slow && self.shares.is_empty() && self.rebinds.is_empty();
            let open: i64 = worker.requests.values().sum();
            assert!(open == 0 || worker.forgiven || !is_settled, "worker {id} has no answer");
            assert_eq!(self.machine.is_leaving(*id), worker.is_leaving || worker.is_asked);
        }
    }

    /// From now on no faults occur: connections with a worker are accepted, and everything ends.
    pub(super) fn finish(mut self) {
        for server in self.servers.keys().copied().collect::<Vec<_>>() {
            if !self.servers[&server].is_bound {
                self.binds(server, 1);
            }
        }
        while let Some(share) = self.shares.pop() {
            self.shared(share, true);
        }
        while let Some(rebind) = self.rebinds.pop() {
            self.rebinds_now(rebind, 1);
        }
        self.is_slow = false;
        self.check();
        loop {
            let pausing: Vec<_> =
                self.servers.iter().filter(|(_, server)| server.pausing).map(|(id, _)| *id).collect();
            let offers: Vec<_> = self.offers.iter().map(|(seq, offer)| (*seq, offer.worker)).collect();
            let pings: Vec<_> = self.pings.keys().copied().collect();
            if pausing.is_empty() && offers.is_empty() && pings.is_empty() {
                break;
            }
            pings.into_iter().for_each(|id| self.pinged(id, true));
            pausing.into_iter().for_each(|server| self.pause_over(server));
            for (seq, worker) in offers {
                self.returns(seq, true);
                if self.workers.contains_key(&worker) {
                    self.answers(worker, seq, true);
                    let body = Body::Reply(Reply { ack: seq, accepted: Some(true), ..Reply::default() });
                    self.machine.handle_message(worker, Message { seq: 0, body });
                    self.look();
                }
            }
            self.check();
        }
        for (file, connection) in &self.connections {
            let Some(key) = self.servers.get(&connection.server).and_then(|server| server.key.as_ref())
            else {
                continue;
            };
            let mut workers = self.workers.values();
            let is_served = workers.any(|worker| worker.keys.contains(key) && !worker.is_retired);
            let is_over = connection.place == Where::Accepted || connection.deaths >= MOST_DEATHS;
            assert!(is_over || !is_served, "connection {file} waits although there are workers");
        }
        assert!(!self.workers.values().any(|worker| worker.is_asked_to_answer), "an answer is missing");
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            self.dies(id, true);
        }
        self.machine.close_unused();
        self.look();
        self.check();
        assert!(self.servers.is_empty(), "servers outlive their workers");
        assert_eq!(self.ledger.descriptors(), 0, "descriptors outlive their servers");
    }
}
