//! All workers are replaced by new ones, one after the other; and workers that have nothing to do end.

use std::collections::VecDeque;
use std::time::Duration;

use super::place::{Next, Place};
use super::timers::Timer;
use super::{Action, Failure, Machine, Phase, Reload, Time, WorkerState};

impl Machine {
    /// Replaces each worker by a new one, one after the other. The end is told with this number, or a later one.
    pub(crate) fn reload(&mut self, now: Time) -> u64 {
        self.reloads += 1;
        match &mut self.reload {
            Some(reload) => reload.again = self.reloads,
            None => self.begin_reload(now),
        }
        self.reloads
    }

    fn begin_reload(&mut self, now: Time) {
        let left: VecDeque<_> =
            (0..self.places.len()).filter(|place| !self.places[*place].is_empty()).collect();
        self.reload = Some(Reload { left, upto: self.reloads, again: 0 });
        self.go_on_reloading(now);
    }

    /// Something has come of a place: if it is the one that is being reloaded, the next one's turn has come.
    pub(super) fn reloaded(&mut self, at: usize, result: Result<(), Failure>, now: Time) {
        let Some(reload) = self.reload.as_mut().filter(|reload| reload.left.front() == Some(&at)) else {
            return;
        };
        match result {
            Ok(()) => {
                reload.left.pop_front();
                self.go_on_reloading(now);
            }
            failed => self.end_reload(failed, now),
        }
    }

    fn go_on_reloading(&mut self, now: Time) {
        while let Some(reload) = &mut self.reload {
            let Some(&at) = reload.left.front() else {
                return self.end_reload(Ok(()), now);
            };
            if self.phase >= Phase::Ending {
                return self.end_reload(Err(Failure::Closed), now);
            }
            if self.places[at].is_empty() {
                reload.left.pop_front();
                continue;
            }
            // One that is starting may be an old one still.
            if let Next::Starting(next) = self.places[at].next {
                self.kill(next, None);
            }
            return self.start(at, now);
        }
    }

    fn end_reload(&mut self, result: Result<(), Failure>, now: Time) {
        let Some(Reload { upto, again, .. }) = self.reload.take() else {
            return;
        };
        self.actions.push_back(Action::Reloaded { upto, result });
        if again > upto {
            self.begin_reload(now);
        }
    }
}

/// Workers that have nothing to do.
impl Machine {
    pub(super) fn sweep_later(&mut self, now: Time) {
        let Some(idle) = self.settings.idle_timeout.filter(|_| self.settings.min < self.settings.max) else {
            return;
        };
        if !self.is_sweeping {
            self.is_sweeping = true;
            self.timers.set(now.saturating_add((idle / 2).max(Duration::from_millis(1))), Timer::Sweep);
        }
    }

    /// Ends workers beyond the least that have had nothing to do for long enough.
    pub(super) fn sweep(&mut self, now: Time) {
        self.is_sweeping = false;
        let Some(idle) = self.settings.idle_timeout.filter(|_| self.phase == Phase::Open) else {
            return;
        };
        for at in (0..self.places.len()).rev() {
            if self.occupied() <= self.settings.min {
                return;
            }
            let Place { worker: Some(id), next: Next::Nothing, .. } = self.places[at] else {
                continue;
            };
            let is_idle = self.workers.get(&id).is_some_and(|worker| {
                worker.state == WorkerState::Ready
                    && worker.calls.is_empty()
                    && now.saturating_sub(worker.turned_at) >= idle
            });
            if is_idle {
                self.places[at].worker = None;
                self.retire(id, now);
            }
        }
        self.sweep_later(now);
    }
}
