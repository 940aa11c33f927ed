//! The machine of a pool, by hand and in any order.

mod limits;
mod order;
mod properties;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Action, CallId, End, Failure, Machine, Phase, Settings, Spec, Time, WorkerId};

/// A machine, and what it has asked for.
pub(super) struct Kit {
    pub(super) machine: Machine,
    pub(super) now: Time,
    /// Workers that were started and have not ended, with their places.
    pub(super) workers: BTreeMap<WorkerId, usize>,
    pub(super) starting: Vec<WorkerId>,
    pub(super) byes: Vec<WorkerId>,
    pub(super) kills: Vec<WorkerId>,
    pub(super) handed: Vec<(CallId, WorkerId)>,
    pub(super) failed: Vec<(CallId, Failure)>,
    pub(super) reloaded: Vec<Result<(), Failure>>,
    pub(super) drained: usize,
}

impl Kit {
    pub(super) fn new(settings: Settings) -> Self {
        let machine = Machine::new(settings, 7, Time::ZERO);
        let mut kit = Kit {
            machine,
            now: Time::ZERO,
            workers: BTreeMap::new(),
            starting: Vec::new(),
            byes: Vec::new(),
            kills: Vec::new(),
            handed: Vec::new(),
            failed: Vec::new(),
            reloaded: Vec::new(),
            drained: 0,
        };
        kit.look();
        kit
    }

    /// A pool whose workers are ready.
    pub(super) fn ready(settings: Settings) -> Self {
        let mut kit = Kit::new(settings);
        kit.all_ready();
        kit
    }

    pub(super) fn all_ready(&mut self) {
        for worker in std::mem::take(&mut self.starting) {
            self.machine.ready(worker, 1, self.now);
        }
        self.look();
    }

    /// Takes note of what is to be done.
    pub(super) fn look(&mut self) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Start { worker, place } => {
                    self.workers.insert(worker, place);
                    self.starting.push(worker);
                }
                Action::Hand { call, worker } => self.handed.push((call, worker)),
                Action::Fail { call, why } => self.failed.push((call, why)),
                Action::Bye(worker) => self.byes.push(worker),
                Action::Kill(worker) => self.kills.push(worker),
                Action::Reloaded { result, .. } => self.reloaded.push(result),
                Action::Drained => self.drained += 1,
                Action::Ready(_) | Action::Ended { .. } | Action::NotStarted { .. } => {}
            }
        }
    }

    pub(super) fn call(&mut self) -> CallId {
        self.make(Spec::default()).unwrap()
    }

    pub(super) fn make(&mut self, spec: Spec<'_>) -> Result<CallId, Failure> {
        let made = self.machine.make(spec, self.now);
        self.look();
        made
    }

    /// Who has a call.
    pub(super) fn worker_of(&self, call: CallId) -> Option<WorkerId> {
        self.handed.iter().rev().find(|(handed, _)| *handed == call).map(|(_, worker)| *worker)
    }

    pub(super) fn answer(&mut self, call: CallId) {
        let worker = self.worker_of(call).expect("it was handed over");
        self.handed.retain(|(handed, _)| *handed != call);
        self.machine.freed(call, worker, self.now);
        self.look();
    }

    pub(super) fn die(&mut self, worker: WorkerId) {
        self.machine.closed(worker, self.now);
        self.gone(worker, End { exit_code: Some(7), ..End::default() });
    }

    pub(super) fn gone(&mut self, worker: WorkerId, end: End) {
        self.workers.remove(&worker);
        self.starting.retain(|other| *other != worker);
        self.handed.retain(|(_, has)| *has != worker);
        self.machine.gone(worker, end, self.now);
        self.look();
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.machine.tick(self.now);
        self.look();
    }

    /// Workers do what they are asked for: those that are to end do.
    pub(super) fn obey(&mut self) {
        for worker in std::mem::take(&mut self.byes) {
            self.gone(worker, End { exit_code: Some(0), ..End::default() });
        }
        for worker in std::mem::take(&mut self.kills) {
            self.gone(worker, End { signal: Some(9), ..End::default() });
        }
    }

    pub(super) fn close(&mut self) {
        self.machine.close(self.now);
        self.look();
    }

    pub(super) fn reload(&mut self) {
        self.machine.reload(self.now);
        self.look();
    }

    pub(super) fn is_over(&self) -> bool {
        self.machine.phase() == Phase::Over
    }
}
