//! Whatever workers do, no connection is lost or delivered twice.

use std::collections::{BTreeMap, BTreeSet};

use crossfork::proto::cluster::primary::Balance;
use proptest::prelude::*;
use serde_json::json;

use crate::cluster_primary::kit::{Hub, query};
use crate::cluster_primary::rotation::offers;

/// What is known from outside.
struct World {
    hub: Hub,
    alive: BTreeSet<u32>,
    last: u32,
    /// Unanswered offers: to whom, and which connection.
    open: BTreeMap<u64, (u32, usize)>,
    /// Who has accepted which connection.
    accepted: BTreeMap<usize, u32>,
    /// How many workers died with a connection.
    deaths: BTreeMap<usize, u32>,
    connections: usize,
}

impl World {
    fn new() -> Self {
        let mut world = World {
            hub: Hub::with(Balance::RoundRobin, true),
            alive: BTreeSet::new(),
            last: 0,
            open: BTreeMap::new(),
            accepted: BTreeMap::new(),
            deaths: BTreeMap::new(),
            connections: 0,
        };
        world.join();
        world
    }

    fn join(&mut self) {
        self.last += 1;
        self.alive.insert(self.last);
        self.hub.machine.add_worker(self.last);
        self.hub.says(self.last, query(8000));
        self.look();
        self.hub.machine.handle_bound(self.hub.servers[0], Ok(None));
        self.look();
    }

    /// Takes the pending actions, and checks the offers.
    fn look(&mut self) {
        for (worker, seq, file) in offers(&self.hub.actions()) {
            assert!(
                self.alive.contains(&worker),
                "connection {file} is offered to worker {worker}, which has exited"
            );
            assert!(!self.accepted.contains_key(&file), "connection {file} was accepted before");
            let elsewhere = self.open.values().any(|(_, other)| *other == file);
            assert!(!elsewhere, "connection {file} is offered to two workers");
            let busy = self.open.values().any(|(other, _)| *other == worker);
            assert!(!busy, "worker {worker} has not answered");
            self.open.insert(seq, (worker, file));
        }
    }

    fn reply(&mut self, seq: u64, accepted: bool) {
        let (worker, file) = self.open[&seq];
        self.hub.replies(worker, seq, accepted);
        self.open.remove(&seq);
        if accepted {
            self.accepted.insert(file, worker);
        }
        self.look();
    }

    fn step(&mut self, operation: u8, which: u8) {
        let pick = |count: usize| which as usize % count.max(1);
        let in_channel = self.hub.sent.keys().copied().nth(pick(self.hub.sent.len()));
        let unanswered = self.open.keys().copied().nth(pick(self.open.len()));
        let worker = self.alive.iter().copied().nth(pick(self.alive.len()));
        match operation % 10 {
            0 | 1 => {
                self.hub.connects();
                self.connections += 1;
            }
            2 | 3 => {
                if let Some(seq) = in_channel {
                    self.hub.arrived(seq);
                }
            }
            4 => {
                if let Some(seq) = unanswered {
                    self.reply(seq, true);
                }
            }
            5 => {
                if let Some(seq) = unanswered {
                    self.reply(seq, false);
                }
            }
            6 => self.hub.pause_is_over(),
            7 if self.alive.len() < 6 => self.join(),
            8 => {
                if let Some(worker) = worker {
                    self.die(worker, which & 0x40 != 0);
                }
            }
            9 => {
                if let Some(worker) = worker {
                    self.speak(worker, which);
                }
            }
            _ => {}
        }
        self.look();
    }

    /// The channel returns its connections before its end is known, or after.
    fn die(&mut self, worker: u32, before: bool) {
        while before && let Some(seq) = self.in_channel_to(worker) {
            self.open.remove(&seq);
            self.hub.lost(seq);
            self.look();
        }
        let its: Vec<_> =
            self.open.iter().filter(|(_, (to, _))| *to == worker).map(|(seq, _)| *seq).collect();
        for seq in &its {
            let (_, file) = self.open.remove(seq).expect("an offer");
            *self.deaths.entry(file).or_default() += u32::from(!self.hub.sent.contains_key(seq));
        }
        self.alive.remove(&worker);
        self.hub.machine.remove_worker(worker);
        self.look();
        for seq in its {
            if self.hub.sent.contains_key(&seq) {
                self.hub.lost(seq);
                self.look();
            }
        }
    }

    fn in_channel_to(&self, worker: u32) -> Option<u64> {
        let its = self.open.iter().filter(|(_, (to, _))| *to == worker).map(|(seq, _)| *seq);
        its.into_iter().find(|seq| self.hub.sent.contains_key(seq))
    }

    fn speak(&mut self, worker: u32, which: u8) {
        match which % 4 {
            0 => self.hub.machine.disconnect(worker),
            1 => self.hub.says(worker, json!({ "act": "close", "key": "null:8000:4:undefined" })),
            2 => self.hub.says(worker, query(8000)),
            // About another worker's message, or one that was never sent.
            _ => {
                let other = self.open.iter().find(|(_, (to, _))| *to != worker).map(|(seq, _)| *seq);
                self.hub.replies(worker, other.unwrap_or(1 << 40), which & 0x10 != 0);
            }
        }
    }

    /// From now on no faults occur: every open connection must be accepted.
    fn settle(&mut self) {
        for worker in self.alive.clone() {
            self.die(worker, true);
        }
        self.join();
        for _ in 0..self.connections * 2 + 10 {
            self.hub.pause_is_over();
            self.look();
            while let Some(seq) = self.hub.sent.keys().next().copied() {
                self.hub.arrived(seq);
                self.look();
            }
            if let Some(seq) = self.open.keys().next().copied() {
                self.reply(seq, true);
            }
        }
        for file in 0..self.connections {
            let killed = self.deaths.get(&file).is_some_and(|deaths| *deaths >= 10);
            assert!(self.accepted.contains_key(&file) || killed, "connection {file} is lost");
        }
        assert_eq!(self.hub.fds.descriptors(), 0, "leaked descriptors");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn clu_13_clu_16_each_connection_is_accepted_once_for_any_worker_behaviour(
        steps in prop::collection::vec(any::<(u8, u8)>(), 0..300),
    ) {
        let mut world = World::new();
        for (operation, which) in steps {
            world.step(operation, which);
        }
        world.settle();
    }
}
