//! What a supervisor decides: a machine that knows neither a clock nor processes.
//!
//! There is a slot for each instance, and in it
//!
//! ```text
//!  Waiting ──due──► Forking ──forked──► Starting ──listening──► Up
//!     ▲                │                   │                     │
//!     └── a pause ─────┴─── it failed ─────┘     it was lost:    │
//!     └── until SPACING is over, or at once ─────────────────────┘
//! ```
//!
//! (`restarts` says how long the pauses are). If no worker was ever up, and each slot has failed
//! [`Settings::start_attempts`] times, all is given up.
//!
//! Besides there are workers that leave, each with a deadline, and in a reload one newcomer, which
//! takes its slot when it listens. A worker is lost when it says that it leaves, when its channel
//! ends, when it ends itself, or when it hangs (`watch`), whichever is first.
//!
//! A slot whose workers never listened has no server in it. A worker there is up when it has been
//! online for [`SETTLE`], or until the deadline of a reload if that is shorter.

mod action;
mod coming_up;
mod leaving;
mod notice;
mod probes;
mod reload;
mod restarts;
mod slots;
mod tidy;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::process::Signal;
use leaving::Leaving;
use probes::Probe;
use reload::{Newcomer, Reload};
use restarts::Restarts;
use slots::{Place, Slot, State, Worker};

pub use action::{Action, Settings, exit_code};
pub use leaving::{HANGING_GRACE, LAST_WARNING, RETIREMENT};
pub use notice::{Ended, ListenFailure, Notice, Subject};
pub use probes::{PROBE_PAUSE, Probed};
pub use restarts::{DARK_PAUSE, FIRST_PAUSE, LONGEST_PAUSE, MANY_RESTARTS, PROVEN, SPACING};
pub use slots::{MOST_PATIENCE, SECOND_LISTEN};
pub use watch::LONGEST_STEP;

/// A point in time: how long after some moment that is the same for all calls.
pub type Time = Duration;

/// How long a worker that does not listen must be online to count as up.
pub const SETTLE: Duration = Duration::from_secs(3);

/// A signal to stop that comes so soon after the first is the same one: a terminal sends it to a
/// wrapper such as `npx` too, which passes it on.
pub const SAME_SIGNAL: Duration = Duration::from_millis(250);

/// The machine.
#[derive(Clone, Debug)]
pub struct Policy {
    settings: Settings,
    slots: Vec<Slot>,
    leaving: BTreeMap<u32, Leaving>,
    reload: Option<Reload>,
    /// Workers that start and are asked for a page, by their ids.
    probes: BTreeMap<u32, Probe>,
    /// Another reload was asked for meanwhile.
    again: bool,
    /// When the sockets are to be closed that no worker wants any more since one was replaced.
    tidy_at: Option<Time>,
    restarts: Restarts,
    /// No worker was up when this was last looked at.
    dark: bool,
    /// Some worker was.
    has_been_up: bool,
    phase: Phase,
    /// Forks that were ordered and not yet answered.
    forking: usize,
    has_forked: bool,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Until all workers have ended.
    Stopping {
        code: u8,
        since: Time,
    },
    Done,
}

impl Policy {
    /// Begins with a fork for each instance.
    pub fn new(settings: Settings) -> Self {
        let slot = Slot { state: State::Closed, failures: 0, has_listened: false };
        let slots = vec![slot; settings.instances];
        let mut policy = Policy {
            settings,
            slots,
            leaving: BTreeMap::new(),
            reload: None,
            probes: BTreeMap::new(),
            again: false,
            tidy_at: None,
            restarts: Restarts::default(),
            dark: true,
            has_been_up: false,
            phase: Phase::Running,
            forking: 0,
            has_forked: false,
            actions: VecDeque::new(),
        };
        for slot in 0..settings.instances {
            policy.fork_into(slot);
        }
        policy
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`tick`](Self::tick) is to be called.
    pub fn next_tick(&self) -> Option<Time> {
        let slots = self.slots.iter().enumerate().filter_map(|(i, slot)| match &slot.state {
            State::Waiting { until, .. } => Some(*until),
            State::Starting(worker) => {
                self.settled(i, worker).into_iter().chain(self.boot_deadline(i, worker)).min()
            }
            State::Forking | State::Up(..) | State::Closed => None,
        });
        let leaving = self.leaving.values().filter_map(Leaving::next_tick);
        let others = [self.reload_tick(), self.probe_tick(), self.watch_tick(), self.tidy_at];
        slots.chain(leaving).chain(others.into_iter().flatten()).min()
    }

    /// The time has come that [`next_tick`](Self::next_tick) said.
    pub fn tick(&mut self, now: Time) {
        self.press(now);
        for i in 0..self.slots.len() {
            self.tick_slot(i, now);
        }
        self.tick_reload(now);
        self.tick_probes(now);
        self.tick_watch(now);
        self.tidy(now);
    }

    fn tick_slot(&mut self, slot: usize, now: Time) {
        let is_due = |at: Time| at <= now;
        match self.slots[slot].state {
            State::Starting(worker) if self.settled(slot, &worker).is_some_and(is_due) => self.up(slot, now),
            State::Starting(worker) if self.boot_deadline(slot, &worker).is_some_and(is_due) => {
                self.boot_timed_out(slot, now);
                // Another has taken its place, which may have had its time, too.
                self.tick_slot(slot, now);
            }
            State::Waiting { until, .. } if is_due(until) => self.start(slot, now),
            _ => {}
        }
    }

    /// The fork that was ordered for this slot has given this worker.
    pub fn forked(&mut self, slot: usize, id: u32, pid: u32, now: Time) {
        self.forking -= 1;
        self.has_forked = true;
        let is_held = self.tells_when_up() || self.is_for_trial(slot);
        if is_held {
            self.actions.push_back(Action::Hold { worker: id });
        }
        let worker = Worker::new(id, pid, now, is_held, self.settings.drains);
        if let Some(newcomer) = self.newcomer(slot)
            && matches!(newcomer, Newcomer::Forking)
        {
            *newcomer = Newcomer::Starting(worker);
        } else if matches!(self.slots[slot].state, State::Forking) && self.phase == Phase::Running {
            self.slots[slot].state = State::Starting(worker);
        } else {
            self.slots[slot].close_if_forking();
            self.dismiss(worker, slot, now);
        }
    }

    /// This worker does not drain itself, although others do.
    pub fn cannot_drain(&mut self, id: u32) {
        if let Some(worker) = self.worker_mut(id) {
            worker.drains = false;
        }
        if let Some(leaving) = self.leaving.get_mut(&id) {
            leaving.drains = false;
        }
    }

    /// The fork that was ordered for this slot has failed. If it was the very first, all is over.
    pub fn fork_failed(&mut self, slot: usize, reason: String, now: Time) {
        self.forking -= 1;
        self.print(Notice::ForkFailed { slot, reason });
        if !self.has_forked {
            return self.finish(exit_code::NOT_STARTED);
        }
        if self.newcomer(slot).is_some_and(|newcomer| matches!(newcomer, Newcomer::Forking)) {
            self.reload_failed(slot, "could not be started", now);
        } else if matches!(self.slots[slot].state, State::Forking) {
            self.slots[slot].state = State::Closed;
            self.start_failed(slot, "could not be started", now);
        }
        self.finish_if_all_have_ended();
    }

    /// The worker has said that it leaves (CLU-10): its successor is not to wait for its end.
    pub fn leaving(&mut self, id: u32, now: Time) {
        match self.place(id) {
            Some(Place::Slot(slot)) if matches!(self.slots[slot].state, State::Up(..)) => {
                let up_since = self.slots[slot].up_since();
                let worker = self.vacate(slot);
                self.keep_until_it_ends(worker, slot, now);
                self.print(Notice::Leaving(Subject { slot, pid: worker.pid }));
                match (self.newcomer_moves_in(slot), up_since) {
                    (false, Some(since)) => self.replace(slot, worker, since, now),
                    _ => self.keep_serving(now),
                }
            }
            // Who leaves before having been of use would be replaced without end.
            Some(_) => self.lost(id, now),
            None => self.goes_by_itself(id, now),
        }
    }

    /// The worker's channel has ended.
    pub fn disconnected(&mut self, id: u32, now: Time) {
        self.lost(id, now);
        self.channel_ended(id, now);
    }

    /// The worker has ended.
    pub fn exited(&mut self, id: u32, how: Ended, now: Time) {
        self.lost(id, now);
        if let Some(left) = self.leaving.remove(&id) {
            self.print(Notice::Ended(left.subject, how));
            if let Phase::Stopping { code: code @ exit_code::STOPPED, .. } = &mut self.phase
                && left.was_cut(how)
            {
                *code = exit_code::TIMED_OUT;
            }
        }
        self.finish_if_all_have_ended();
    }

    /// Asks all workers to go; asked again, kills them.
    pub fn stop(&mut self, signal: Signal, now: Time) {
        match self.phase {
            Phase::Running => {
                self.print(Notice::Stopping { signal });
                self.stop_all(exit_code::STOPPED, now);
            }
            Phase::Stopping { since, .. } if now.saturating_sub(since) >= SAME_SIGNAL => {
                self.phase = Phase::Stopping { code: exit_code::killed_by(signal), since };
                self.kill_all();
            }
            Phase::Stopping { .. } | Phase::Done => {}
        }
        self.finish_if_all_have_ended();
    }

    fn stop_all(&mut self, code: u8, now: Time) {
        self.phase = Phase::Stopping { code, since: now };
        self.ask_retired(now);
        for (slot, worker) in self.end_reload() {
            self.dismiss(worker, slot, now);
        }
        for slot in 0..self.slots.len() {
            match self.slots[slot].state {
                State::Starting(worker) | State::Up(worker, _) => {
                    self.slots[slot].state = State::Closed;
                    self.dismiss(worker, slot, now);
                }
                State::Waiting { .. } => self.slots[slot].state = State::Closed,
                State::Forking | State::Closed => {}
            }
        }
        // New clients are better refused than kept waiting for nobody.
        self.actions.push_back(Action::CloseUnusedServers);
    }

    /// Does not serve any more, and was not asked to go.
    fn lost(&mut self, id: u32, now: Time) {
        match self.place(id) {
            Some(Place::Slot(slot)) => {
                let up_since = self.slots[slot].up_since();
                let worker = self.vacate(slot);
                self.keep_until_it_ends(worker, slot, now);
                if self.newcomer_moves_in(slot) {
                    self.keep_serving(now);
                } else if let Some(since) = up_since {
                    self.replace(slot, worker, since, now);
                } else {
                    self.start_failed(slot, "exited before it was up", now);
                }
            }
            Some(Place::Newcomer(slot)) => {
                let Some(newcomer) = self.newcomer(slot).copied() else {
                    return;
                };
                if let Some(worker) = newcomer.worker() {
                    self.keep_until_it_ends(*worker, slot, now);
                }
                let why = match newcomer {
                    Newcomer::OnTrial { .. } => "exited too soon after it was up",
                    Newcomer::Forking | Newcomer::Starting(_) => "exited before it was up",
                };
                self.reload_failed(slot, why, now);
            }
            None => {}
        }
    }

    /// A worker is to come into this slot, in which nobody is.
    fn fork_into(&mut self, slot: usize) {
        self.slots[slot].state = State::Forking;
        self.fork(slot);
    }

    fn fork(&mut self, slot: usize) {
        self.forking += 1;
        self.actions.push_back(Action::Fork { slot });
    }

    fn finish_if_all_have_ended(&mut self) {
        if let Phase::Stopping { code, .. } = self.phase
            && self.leaving.is_empty()
            && self.forking == 0
        {
            self.finish(code);
        }
    }

    fn finish(&mut self, code: u8) {
        self.phase = Phase::Done;
        self.actions.push_back(Action::Done { code });
    }

    fn print(&mut self, notice: Notice) {
        self.actions.push_back(Action::Print(notice));
    }
}
