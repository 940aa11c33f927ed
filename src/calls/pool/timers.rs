//! [`Timers`]: what is to be looked at when. Entries of what has changed since are passed over.

use std::collections::BTreeSet;

use super::place::Next;
use super::{CallId, Machine, Time, WorkerId, WorkerState, call};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A worker has taken too long to start, or to end.
    Limit(WorkerId),
    /// A worker is old enough.
    Expiry(WorkerId),
    /// A worker has not answered a call that was cancelled.
    Grace(CallId, WorkerId),
    /// A place may be filled again.
    Pause(usize),
    /// Workers may have had nothing to do for long enough.
    Sweep,
}

#[derive(Default)]
pub(super) struct Timers(BTreeSet<(Time, Timer)>);

impl Timers {
    pub(super) fn set(&mut self, at: Time, timer: Timer) {
        self.0.insert((at, timer));
    }
}

impl Machine {
    /// When [`tick`](Self::tick) is to be called.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.timers.0.first().map(|(at, _)| *at)
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Time) {
        while let Some(&(at, timer)) = self.timers.0.first() {
            if at > now {
                return;
            }
            self.timers.0.pop_first();
            self.expired(at, timer, now);
        }
    }

    fn expired(&mut self, at: Time, timer: Timer, now: Time) {
        match timer {
            Timer::Limit(id) => {
                let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.limit == Some(at)) else {
                    return;
                };
                let why = (worker.state == WorkerState::Starting).then(|| {
                    let limit = self.settings.start_timeout;
                    format!("it was not ready in {limit:?}: does it call serve(), or run a Service?")
                });
                self.kill(id, why);
            }
            Timer::Expiry(id) => {
                if let Some(place) = self.place_held_by(id) {
                    self.replace(place, now);
                }
            }
            Timer::Grace(call, worker) => {
                let is_still_there = self.calls.get(&call).is_some_and(
                    |call| matches!(call.state, call::State::Handed { worker: has, .. } if has == worker),
                );
                if is_still_there {
                    let grace = self.settings.grace;
                    self.kill(worker, Some(format!("it did not react to a cancelled call in {grace:?}")));
                }
            }
            Timer::Pause(place) => {
                if self.places[place].next == Next::Pausing(at) {
                    self.places[place].next = Next::Nothing;
                    self.refill(place, now);
                    // One that was to be replaced still is.
                    let worker = self.places[place].worker.and_then(|id| self.workers.get(&id));
                    if worker.and_then(|worker| worker.expires).is_some_and(|at| at <= now) {
                        self.replace(place, now);
                    }
                }
            }
            Timer::Sweep => self.sweep(now),
        }
    }
}
