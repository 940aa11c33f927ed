//! Workers that hang: each that is up is asked, again and again, whether its event loop runs.
//!
//! ```text
//!            asked                   silent for hang_timeout
//!   Quiet ──────────► Asked ──────────────────────────────────► ended, and replaced
//!     ▲ after a step    │
//!     └── it answers ───┘
//! ```
//!
//! Silence is counted in steps, and no step counts for more than it was to take. So when all of this process
//! was stopped, or comes late because the machine is busy, its workers are not to blame for that time.

use std::time::Duration;

use super::notice::{Notice, Subject};
use super::reload::Reload;
use super::slots::{Place, State, Worker};
use super::{Action, Policy, Time};

/// The longest step. A worker is asked as often, and a worker that hangs is noticed as much later.
pub const LONGEST_STEP: Duration = Duration::from_secs(1);

/// How many steps the silence has at least after which a worker hangs.
const FEWEST_STEPS: u32 = 4;

/// Why a reload fails.
const WHY: &str = "does not answer: its event loop is blocked";

/// What is known of a worker's event loop.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    state: WatchState,
    /// How long it took to answer, the last time.
    delay: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
enum WatchState {
    /// It is asked then.
    Quiet(Time),
    /// It was asked, and has been silent for so long when we last looked.
    Asked { silent: Duration, looked: Time },
}

impl Default for WatchState {
    /// Asked as soon as it is up.
    fn default() -> Self {
        WatchState::Quiet(Time::ZERO)
    }
}

impl Policy {
    /// The worker has answered after so long.
    pub fn answered(&mut self, id: u32, delay: Duration, now: Time) {
        let next = now.saturating_add(self.step_of_watch());
        if let Some(worker) = self.watched().find(|worker| worker.id == id) {
            worker.watch = Watch { state: WatchState::Quiet(next), delay: Some(delay) };
        }
    }

    /// The worker could not be asked.
    pub fn not_asked(&mut self, id: u32, now: Time) {
        let next = now.saturating_add(self.step_of_watch());
        if let Some(worker) = self.watched().find(|worker| worker.id == id) {
            worker.watch.state = WatchState::Quiet(next);
        }
    }

    /// How long the worker's event loop took to come to the last question, or takes to come to this one. `None`
    /// if that was never measured.
    pub fn event_loop_delay(&self, id: u32) -> Option<Duration> {
        let Watch { state, delay } = self.up_workers().find(|worker| worker.id == id)?.watch;
        match state {
            WatchState::Asked { silent, .. } if !silent.is_zero() => {
                Some(silent.max(delay.unwrap_or_default()))
            }
            WatchState::Asked { .. } | WatchState::Quiet(_) => delay,
        }
    }

    pub(super) fn watch_tick(&self) -> Option<Time> {
        let step = self.step_of_watch();
        let tick = |worker: &Worker| match worker.watch.state {
            WatchState::Quiet(next) => next,
            WatchState::Asked { looked, .. } => looked.saturating_add(step),
        };
        self.watches().then(|| self.up_workers().map(tick).min()).flatten()
    }

    /// Asks those whose turn it is, and ends those that hang.
    pub(super) fn tick_watch(&mut self, now: Time) {
        if !self.watches() {
            return;
        }
        let step = self.step_of_watch();
        let timeout = self.settings.hang_timeout;
        let (mut asked, mut hanging) = (Vec::new(), Vec::new());
        for worker in self.watched() {
            match worker.watch.state {
                WatchState::Quiet(next) if next <= now => {
                    worker.watch.state = WatchState::Asked { silent: Duration::ZERO, looked: now };
                    asked.push(worker.id);
                }
                WatchState::Asked { silent, looked } if looked.saturating_add(step) <= now => {
                    let silent = silent + step;
                    worker.watch.state = WatchState::Asked { silent, looked: now };
                    if silent >= timeout {
                        hanging.push(worker.id);
                    }
                }
                WatchState::Quiet(_) | WatchState::Asked { .. } => {}
            }
        }
        self.actions.extend(asked.into_iter().map(|worker| Action::Ask { worker }));
        for id in hanging {
            self.hangs(id, now);
        }
    }

    fn hangs(&mut self, id: u32, now: Time) {
        match self.place(id) {
            Some(Place::Slot(slot)) => {
                let up_since = self.slots[slot].up_since();
                let worker = self.vacate(slot);
                self.end_hanging(worker, slot, now);
                if self.is_reloaded_in_place(slot) {
                    self.reload_failed(slot, WHY, now);
                }
                // It was of use before it hung.
                let worker = Worker { has_served: true, ..worker };
                match (self.newcomer_moves_in(slot), up_since) {
                    (false, Some(since)) => self.replace(slot, worker, since, now),
                    _ => self.keep_serving(now),
                }
            }
            Some(Place::Newcomer(slot)) => {
                if let Some(worker) = self.newcomer(slot).and_then(|newcomer| newcomer.worker().copied()) {
                    self.end_hanging(worker, slot, now);
                    self.reload_failed(slot, WHY, now);
                }
            }
            None => {}
        }
    }

    fn end_hanging(&mut self, worker: Worker, slot: usize, now: Time) {
        self.print(Notice::Hangs(Subject { slot, pid: worker.pid }, self.settings.hang_timeout));
        self.break_off(worker, slot, now);
    }

    fn watches(&self) -> bool {
        !self.settings.hang_timeout.is_zero()
    }

    fn step_of_watch(&self) -> Duration {
        // Rounded up, so that so many steps are enough.
        (self.settings.hang_timeout / FEWEST_STEPS + Duration::from_nanos(1)).min(LONGEST_STEP)
    }

    /// Those that are up, in their slots or on trial.
    fn up_workers(&self) -> impl Iterator<Item = &Worker> {
        let slots = self.slots.iter().filter_map(|slot| match &slot.state {
            State::Up(worker, _) => Some(worker),
            _ => None,
        });
        slots.chain(self.reload.iter().flat_map(Reload::newcomers_on_trial))
    }

    fn watched(&mut self) -> impl Iterator<Item = &mut Worker> {
        let slots = self.slots.iter_mut().filter_map(|slot| match &mut slot.state {
            State::Up(worker, _) => Some(worker),
            _ => None,
        });
        slots.chain(self.reload.iter_mut().flat_map(Reload::newcomers_on_trial_mut))
    }
}
