//! What the primary does, each against what the model allows.

use crossfork::proto::cluster::primary::{AcceptDemand, Action, WorkerId};
use crossfork::proto::cluster::{Act, Body, Message, Reply};

use super::super::check_said;
use super::{MOST_SERVERS, Offer, Server, Where, World};
use crate::sim::token::Token;

impl World {
    /// Performs the pending actions.
    pub(super) fn look(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Send { worker, message } => {
                    self.number(&message);
                    self.said(worker, &message);
                }
                Action::Connect { .. } => unreachable!("nothing is sent by itself"),
                Action::Ping { worker, message } => {
                    self.number(&message);
                    let Body::Act(Act::NewConnection { key }) = &message.body else {
                        panic!("{message:?} is no ping");
                    };
                    assert!(!self.keys().contains(key), "a ping for a server that exists");
                    let its = self.offers.values().filter(|offer| offer.worker == worker);
                    assert!(!its.into_iter().any(|offer| offer.fd.is_some()), "a connection is on its way");
                    assert!(self.pings.insert(worker, message.seq).is_none(), "two pings at once");
                }
                Action::Answers { worker } => {
                    let worker = self.workers.get_mut(&worker).expect("a worker");
                    assert!(std::mem::take(&mut worker.is_asked_to_answer), "nobody has asked");
                }
                Action::Share { worker, server, reply } => {
                    let found = self.servers.get(&server);
                    assert!(found.is_some_and(|server| server.is_bound && !server.accept));
                    self.number(&reply);
                    self.shares.push((worker, server, reply));
                }
                Action::Offer { worker, message, fd } => {
                    self.number(&message);
                    self.offered(worker, message, fd);
                }
                Action::Bind { server, accept, .. } => {
                    assert!(!self.closed.contains(&server), "a reused number");
                    let new = Server { accept, is_bound: false, pausing: false, key: None };
                    assert!(self.servers.insert(server, new).is_none());
                    assert!(self.servers.len() <= MOST_SERVERS);
                    if !self.is_slow {
                        self.binds(server, 1);
                    }
                }
                Action::Rebind { server, worker, seq, .. } => {
                    let found = self.servers.get(&server);
                    assert!(found.is_some_and(|server| server.is_bound && server.accept));
                    self.rebinds.push((worker, seq, server));
                    if !self.is_slow {
                        let rebind = self.rebinds.remove(0);
                        self.rebinds_now(rebind, 1);
                    }
                }
                Action::Close { server } => {
                    assert!(self.servers.remove(&server).is_some(), "closed twice");
                    self.closed.insert(server);
                }
                Action::Resume { server } => assert!(self.machine.accept_demand(server) < AcceptDemand::None),
                Action::Pause { server } => {
                    let server = self.servers.get_mut(&server).expect("a server");
                    assert!(!std::mem::replace(&mut server.pausing, true), "two pauses at once");
                }
                Action::Online { worker } => {
                    let worker = self.worker(worker);
                    worker.online += 1;
                    assert_eq!(worker.online, 1);
                }
                Action::Leaving { worker } => {
                    let worker = self.worker(worker);
                    worker.told_leaving += 1;
                    assert_eq!(worker.told_leaving, 1);
                }
                Action::Listening { worker, .. } | Action::ListenFailed { worker, .. } => {
                    assert!(self.workers.contains_key(&worker));
                }
            }
        }
    }

    fn number(&mut self, message: &Message) {
        check_said(self.serialization, message);
        assert!(self.seq < Some(message.seq), "numbers that grow (CLU-1)");
        self.seq = Some(message.seq);
    }

    pub(super) fn said(&mut self, id: WorkerId, message: &Message) {
        // Messages to an exited worker are not read.
        let Some(worker) = self.workers.get_mut(&id) else { return };
        match &message.body {
            Body::Reply(Reply { ack, server, key, .. }) => {
                let open = worker.requests.get_mut(ack).expect("a reply to a request");
                *open -= 1;
                assert!(*open >= 0, "a second reply to the request {ack} of worker {id}");
                // By then the worker may have announced its exit, or been asked to end: it gets no connections then.
                let is_ending = worker.is_asked || worker.is_leaving;
                if let (Some(Ok(())), Some(key), false) = (server, key, is_ending) {
                    worker.keys.insert(key.clone());
                }
            }
            Body::Act(Act::Disconnect) => assert!(worker.is_asked),
            other => panic!("a primary says {other:?}"),
        }
    }

    fn offered(&mut self, id: WorkerId, message: Message, fd: Token) {
        let file = fd.file();
        let Body::Act(Act::NewConnection { key }) = message.body else {
            panic!("{message:?} is no offer");
        };
        let worker = self.workers.get(&id).expect("an exited worker gets no offers");
        assert!(!worker.is_retired && !worker.is_asked, "worker {id} gets no more connections");
        assert!(worker.keys.contains(&key), "worker {id} has no server {key}");
        let connection = self.connections.get_mut(&file).expect("a connection");
        assert_eq!(connection.place, Where::Waits, "connection {file}");
        connection.place = Where::Offered(message.seq);
        let server = self.servers.get_mut(&connection.server).expect("a server that is open");
        assert_eq!(server.key.get_or_insert_with(|| key.clone()), &key, "another server's");
        // A reopened server has the same key, but is a different server.
        let its = connection.server;
        let mut unanswered =
            self.offers.values().filter(|offer| offer.answer.is_none() && !offer.is_orphaned);
        assert!(
            self.is_handing_out || !self.pings.contains_key(&id),
            "worker {id} has not answered a ping (HND-7)"
        );
        let is_busy =
            unanswered.any(|offer| offer.worker == id && self.connections[&offer.file].server == its);
        assert!(self.is_handing_out || !is_busy, "worker {id} has not answered (CLU-13)");
        let offer = Offer { worker: id, file, fd: Some(fd), answer: None, is_orphaned: false };
        self.offers.insert(message.seq, offer);
    }
}
