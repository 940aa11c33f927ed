//! Under arbitrary scripts, each descriptor is delivered once or closed once, and each connection is
//! answered once.

use std::collections::HashMap;

use crossfork::proto::cluster::worker::{Carried, Next, ServerId};
use crossfork::proto::cluster::{Act, Body, Message, Reply, WorkerMachine};
use proptest::prelude::*;

use super::kit::tcp;
use crate::sim::token::{Ledger, Token};

#[derive(Clone, Debug)]
enum Step {
    Listen,
    Own,
    TakeAnswer(u8),
    Listening(u8),
    Take(u8),
    CloseConnection(u8),
    Limit(u8, Option<u8>),
    Close(u8),
    Release(u8),
    Disconnect,
    Kill,
    /// The primary replies to this message of ours.
    Reply {
        ack: u8,
        key: Option<u8>,
        outcome: u8,
        carried: u8,
    },
    Connection {
        key: u8,
        carried: u8,
    },
    Stop,
}

fn step() -> impl Strategy<Value = Step> {
    let small = 0u8..6;
    prop_oneof![
        4 => Just(Step::Listen),
        1 => Just(Step::Own),
        2 => small.clone().prop_map(Step::TakeAnswer),
        1 => small.clone().prop_map(Step::Listening),
        6 => small.clone().prop_map(Step::Take),
        3 => any::<u8>().prop_map(Step::CloseConnection),
        1 => (small.clone(), prop::option::of(0u8..3)).prop_map(|(at, max)| Step::Limit(at, max)),
        2 => small.clone().prop_map(Step::Close),
        2 => small.clone().prop_map(Step::Release),
        1 => Just(Step::Disconnect),
        1 => Just(Step::Kill),
        6 => (0u8..12, prop::option::weighted(0.9, 0u8..4), any::<u8>(), any::<u8>())
            .prop_map(|(ack, key, outcome, carried)| Step::Reply { ack, key, outcome, carried }),
        8 => (0u8..5, any::<u8>()).prop_map(|(key, carried)| Step::Connection { key, carried }),
        1 => Just(Step::Stop),
    ]
}

#[derive(Default)]
struct World {
    worker: WorkerMachine<Token>,
    fds: Ledger,
    servers: Vec<ServerId>,
    /// Connections that were taken.
    taken: Vec<(ServerId, Token)>,
    /// Shared sockets that were taken.
    shared: Vec<Token>,
    /// By the primary's number, how often a connection was answered.
    answers: HashMap<u64, usize>,
    /// Connections that were accepted.
    accepted: usize,
    seq: u64,
}

impl World {
    fn run(&mut self, step: Step) {
        match step {
            Step::Listen => {
                let server = self.worker.listen(tcp(0));
                self.servers.push(server);
            }
            Step::Own => {
                let server = self.worker.own_server();
                self.servers.push(server);
            }
            Step::TakeAnswer(at) => {
                if let Some(crossfork::proto::cluster::worker::Answer::Shared { fd, .. }) =
                    self.server(at).and_then(|server| self.worker.take_answer(server))
                {
                    self.shared.push(fd);
                }
            }
            Step::Listening(at) => self.each(at, |worker, server| worker.listening(server, Some(1))),
            Step::Take(at) => {
                let Some(server) = self.server(at) else { return };
                if let Next::Connection(fd) = self.worker.next_connection(server) {
                    self.taken.push((server, fd));
                }
            }
            Step::CloseConnection(at) => {
                if !self.taken.is_empty() {
                    let (server, _closed) = self.taken.swap_remove(at as usize % self.taken.len());
                    self.worker.connection_closed(server);
                }
            }
            Step::Limit(at, max) => {
                self.each(at, |worker, server| worker.set_max_connections(server, max.map(usize::from)));
            }
            Step::Close(at) => self.each(at, WorkerMachine::close),
            Step::Release(at) => self.each(at, WorkerMachine::release),
            Step::Disconnect => self.worker.disconnect(),
            Step::Kill => self.worker.kill(),
            Step::Reply { ack, key, outcome, carried } => {
                let server = match outcome % 4 {
                    0 => Some(Err(98)),
                    1 if key.is_none() => None,
                    _ => Some(Ok(())),
                };
                let key = key.map(|key| key.to_string());
                let reply = Reply { ack: ack.into(), server, key, ..Reply::default() };
                self.hear(Body::Reply(reply), carried);
            }
            Step::Connection { key, carried } => {
                self.answers.insert(self.seq, 0);
                self.hear(Body::Act(Act::NewConnection { key: key.to_string() }), carried);
            }
            Step::Stop => self.hear(Body::Act(Act::Disconnect), 1),
        }
        while let Some(message) = self.worker.poll_transmit() {
            if let Body::Reply(Reply { ack, accepted: Some(accepted), .. }) = message.body {
                *self.answers.get_mut(&ack).expect("an answer to a connection") += 1;
                self.accepted += usize::from(accepted);
            }
        }
    }

    fn hear(&mut self, body: Body, carried: u8) {
        let carried = match carried % 4 {
            0 => Carried::Nothing,
            1 => Carried::Lost,
            _ => Carried::Handle(self.fds.open()),
        };
        self.worker.handle_message(Message { seq: self.seq, body }, carried);
        self.seq += 1;
    }

    fn server(&self, at: u8) -> Option<ServerId> {
        self.servers.get(at as usize).copied()
    }

    fn each(&mut self, at: u8, action: impl FnOnce(&mut WorkerMachine<Token>, ServerId)) {
        if let Some(server) = self.server(at) {
            action(&mut self.worker, server);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn each_descriptor_is_delivered_or_closed_and_each_connection_is_answered_once(
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut world = World::default();
        for step in steps {
            world.run(step);
            // Open descriptors are with us, or wait to be taken.
            prop_assert!(world.fds.descriptors() >= world.taken.len() + world.shared.len());
        }
        prop_assert!(world.answers.values().all(|count| *count == 1), "{:?}", world.answers);
        let servers = world.servers.clone();
        servers.iter().for_each(|server| world.worker.release(*server));
        prop_assert_eq!(world.fds.descriptors(), world.taken.len() + world.shared.len());
        // Only connections delay the end.
        world.worker.disconnect();
        world.hear(Body::Act(Act::Disconnect), 0);
        let open = std::mem::take(&mut world.taken);
        if !open.is_empty() && !world.worker.is_done() {
            for (server, _closed) in open {
                prop_assert!(!world.worker.is_done());
                world.worker.connection_closed(server);
            }
        }
        prop_assert!(world.worker.is_done());
    }
}
