//! Whether a worker's event loop runs: it acknowledges what it is sent (HND-6).
//!
//! ```text
//!            ask: nothing is on its way
//!   Quiet -----------------------------> Pinged(n) --- n is back: it answers, or was not asked ---> Quiet
//!     |                                    ^
//!     | ask: a connection is on its way    | it did not arrive
//!     +-------------------------------> Watched ------ it arrived: it answers ---------------------> Quiet
//! ```
//!
//! A ping is a connection for a server that does not exist, so every worker refuses it (CLU-13). Its
//! descriptor is a socket that is connected to nothing. One handle is in flight at a time (HND-7), so a worker
//! gets no connection before it has acknowledged a ping, and no ping while a connection is on its way: the
//! acknowledgement of the connection says as much.

use super::action::WorkerId;
use super::{Action, PrimaryMachine};
use crate::proto::cluster::message::{Act, Body};

/// The server that does not exist. The key of a server has three colons or more (CLU-15).
const NO_SERVER: &str = "crossfork:ping";

/// What a worker was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pulse {
    /// Nothing.
    #[default]
    Quiet,
    /// A connection on its way to it answers the question.
    Watched,
    /// The ping in the message of this number.
    Pinged(u64),
}

impl Pulse {
    /// The ping that it has not acknowledged.
    pub(super) fn ping(self) -> Option<u64> {
        match self {
            Pulse::Pinged(number) => Some(number),
            Pulse::Quiet | Pulse::Watched => None,
        }
    }
}

/// Commands and input.
impl<F> PrimaryMachine<F> {
    /// Asks whether the worker's event loop runs: [`Action::Answers`] says so when it does. False if the worker
    /// cannot be asked: it has not said that it runs (CLU-5), is leaving, or is gone.
    pub fn ask(&mut self, id: WorkerId) -> bool {
        let Some(worker) = self.workers.get_mut(&id).filter(|it| it.is_online && !it.life.is_leaving())
        else {
            return false;
        };
        if worker.pulse == Pulse::Quiet {
            match self.offers.is_on_its_way(id) {
                true => worker.pulse = Pulse::Watched,
                false => self.ping(id),
            }
        }
        true
    }

    /// The channel is done with a ping: the worker has `answered`, or could not be asked.
    pub fn handle_pinged(&mut self, id: WorkerId, answered: bool) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        let Pulse::Pinged(number) = worker.pulse else {
            return;
        };
        worker.pulse = Pulse::Quiet;
        for server in worker.servers.clone() {
            if let Some(rotation) = self.rotation(server) {
                rotation.answered(id, number, true);
                self.distribute(server);
            }
        }
        if answered {
            self.actions.push_back(Action::Answers { worker: id });
        }
    }

    /// A connection that was on its way to the worker has arrived, or has not.
    pub(super) fn connection_returned(&mut self, id: WorkerId, arrived: bool) {
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.pulse == Pulse::Watched) else {
            return;
        };
        match arrived {
            true => {
                worker.pulse = Pulse::Quiet;
                self.actions.push_back(Action::Answers { worker: id });
            }
            // Several are on their way when all that waited was handed out.
            false if self.offers.is_on_its_way(id) => {}
            false => self.ping(id),
        }
    }

    fn ping(&mut self, id: WorkerId) {
        let message = self.message(Body::Act(Act::NewConnection { key: NO_SERVER.to_owned() }));
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        worker.pulse = Pulse::Pinged(message.seq);
        for server in worker.servers.clone() {
            if let Some(rotation) = self.rotation(server) {
                rotation.hold(id, message.seq);
            }
        }
        self.actions.push_back(Action::Ping { worker: id, message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::cluster::message::{AddressType, Message, Query};
    use crate::proto::cluster::primary::{Balance, ServerId};

    const SERVER: ServerId = ServerId(1);

    type Machine = PrimaryMachine<u32>;

    fn says(machine: &mut Machine, act: Act) {
        machine.handle_message(1, Message { seq: 0, body: Body::Act(act) });
    }

    /// A worker that listens, and what it was asked.
    fn in_state(pulse: Pulse) -> Machine {
        let mut machine = Machine::new(Balance::RoundRobin, true);
        machine.add_worker(1);
        says(&mut machine, Act::Online);
        says(&mut machine, Act::QueryServer(Query { port: Some(80), ..Query::new(AddressType::Tcp4) }));
        machine.handle_bound(SERVER, Ok(None));
        if pulse == Pulse::Watched {
            machine.handle_connection(SERVER, 7);
        }
        assert!(pulse == Pulse::Quiet || machine.ask(1));
        actions(&mut machine);
        machine
    }

    fn actions(machine: &mut Machine) -> String {
        let mut seen = Vec::new();
        while let Some(action) = machine.poll_action() {
            match action {
                Action::Ping { message, .. } => seen.push(format!("ping {}", message.seq)),
                Action::Answers { .. } => seen.push("answers".to_owned()),
                Action::Offer { message, .. } => seen.push(format!("offer {}", message.seq)),
                _ => {}
            }
        }
        seen.join(", ")
    }

    /// Each row: the input, and for each state the state after it and what is to be done. Message 0 answered the
    /// worker's query; message 1 is the connection, or the ping.
    #[test]
    fn hnd_7_every_state_answers_every_input() {
        use Pulse::*;
        type Row<'a> = (&'a str, fn(&mut Machine), [(Pulse, &'a str); 3]);
        let rows: [Row<'_>; 9] = [
            ("ask", |machine| _ = machine.ask(1), [(Pinged(1), "ping 1"), (Watched, ""), (Pinged(1), "")]),
            (
                "it has the ping",
                |machine| machine.handle_pinged(1, true),
                [(Quiet, ""), (Watched, ""), (Quiet, "answers")],
            ),
            (
                "the ping could not be sent",
                |machine| machine.handle_pinged(1, false),
                [(Quiet, ""), (Watched, ""), (Quiet, "")],
            ),
            (
                "the connection arrived",
                |machine| machine.handle_returned(1, 7, true),
                [(Quiet, ""), (Quiet, "answers"), (Pinged(1), "")],
            ),
            (
                "the connection did not arrive",
                |machine| machine.handle_returned(1, 7, false),
                [(Quiet, ""), (Pinged(2), "ping 2"), (Pinged(1), "")],
            ),
            (
                "a client connects",
                |machine| machine.handle_connection(SERVER, 8),
                [(Quiet, "offer 1"), (Watched, ""), (Pinged(1), "")],
            ),
            (
                "a client connects, and it has the ping",
                |machine| {
                    machine.handle_connection(SERVER, 8);
                    machine.handle_pinged(1, true);
                },
                [(Quiet, "offer 1"), (Watched, ""), (Quiet, "offer 2, answers")],
            ),
            (
                "it listens on another port, and a client connects there",
                |machine| {
                    says(
                        machine,
                        Act::QueryServer(Query { port: Some(81), ..Query::new(AddressType::Tcp4) }),
                    );
                    machine.handle_bound(ServerId(2), Ok(None));
                    machine.handle_connection(ServerId(2), 8);
                },
                [(Quiet, "offer 2"), (Watched, "offer 3"), (Pinged(1), "")],
            ),
            (
                "it is retired, and resumed, and a client connects",
                |machine| {
                    machine.retire(1);
                    machine.resume(1);
                    machine.handle_connection(SERVER, 8);
                },
                [(Quiet, "offer 1"), (Watched, ""), (Pinged(1), "")],
            ),
        ];
        for (input, apply, outcomes) in rows {
            for (before, outcome) in [Quiet, Watched, Pinged(1)].into_iter().zip(outcomes) {
                let mut machine = in_state(before);
                apply(&mut machine);
                let seen = actions(&mut machine);
                assert_eq!((machine.workers[&1].pulse, seen.as_str()), outcome, "{before:?} x {input}");
            }
        }
    }

    #[test]
    fn never_10_only_a_worker_that_runs_and_is_not_leaving_is_asked() {
        let mut machine = Machine::new(Balance::RoundRobin, true);
        assert!(!machine.ask(1), "there is none");
        machine.add_worker(1);
        assert!(!machine.ask(1), "it has not said that it runs: it may be no worker at all");
        says(&mut machine, Act::Online);
        assert!(machine.ask(1));
        for leave in [
            |machine: &mut Machine| machine.disconnect(1),
            |machine: &mut Machine| {
                says(machine, Act::ExitedAfterDisconnect);
            },
        ] {
            let mut machine = in_state(Pulse::Quiet);
            leave(&mut machine);
            assert!(!machine.ask(1), "it is leaving");
            assert_eq!(actions(&mut machine), "");
        }
        machine.remove_worker(1);
        assert!(!machine.ask(1), "it is gone");
    }
}
