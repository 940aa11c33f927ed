//! A rolling reload: slot by slot, a new worker listens before the old one is asked to go.

use super::notice::{Notice, Subject};
use super::{Action, Phase, Place, Policy, SETTLE, State, Time, Worker};

#[derive(Clone, Debug)]
pub(super) struct Reload {
    slot: usize,
    step: Step,
    /// Until when the new worker must be up.
    deadline: Time,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The new worker starts beside the old one.
    Beside(Newcomer),
    /// There is no old one: the new worker is in the slot.
    InPlace,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Newcomer {
    Forking,
    Starting(Worker),
}

impl Policy {
    /// Replaces all workers, one by one. While that goes on, it means: once more afterwards.
    pub fn reload(&mut self, now: Time) {
        if self.phase != Phase::Running {
            return;
        }
        if self.reload.is_some() {
            self.again = true;
            return;
        }
        self.print(Notice::Reloading);
        self.reload_slot(0, now);
    }

    pub(super) fn reload_slot(&mut self, slot: usize, now: Time) {
        let Some(state) = self.slots.get(slot).map(|slot| slot.state) else {
            self.reload = None;
            self.print(Notice::Reloaded);
            self.tidy_at = Some(self.when_to_tidy(now));
            return self.reload_again(now);
        };
        let step = match state {
            State::Starting(_) | State::Up(..) => {
                self.fork(slot);
                Step::Beside(Newcomer::Forking)
            }
            State::Waiting { .. } | State::Closed => {
                self.slots[slot].failures = 0;
                self.fork_into(slot);
                Step::InPlace
            }
            State::Forking => Step::InPlace,
        };
        let deadline = now.saturating_add(self.settings.listen_timeout);
        self.reload = Some(Reload { slot, step, deadline });
    }

    /// The newcomer is up.
    pub(super) fn take_over(&mut self, now: Time) {
        let Some(Reload { slot, step: Step::Beside(Newcomer::Starting(worker)), .. }) = self.reload else {
            return;
        };
        let old = self.vacate(slot);
        self.enter(slot, worker, now);
        self.retire(old, slot, now);
        self.reload_slot(slot + 1, now);
    }

    /// The old worker is lost: the newcomer has the slot, up or not. False if there is none.
    pub(super) fn newcomer_moves_in(&mut self, slot: usize) -> bool {
        match &mut self.reload {
            Some(Reload { slot: reloaded, step, .. }) if *reloaded == slot => {
                let Step::Beside(newcomer) = *step else {
                    return false;
                };
                *step = Step::InPlace;
                self.slots[slot].state = match newcomer {
                    Newcomer::Forking => State::Forking,
                    Newcomer::Starting(worker) => State::Starting(worker),
                };
                true
            }
            _ => false,
        }
    }

    pub(super) fn tick_reload(&mut self, now: Time) {
        let Some(&Reload { slot, step, deadline }) = self.reload.as_ref() else {
            return;
        };
        let is_late = deadline <= now;
        let is_online = |worker: &Worker| worker.online.is_some();
        let has_server = self.slots[slot].has_listened;
        match (step, self.slots[slot].state) {
            (Step::Beside(Newcomer::Starting(worker)), _) => {
                let settled = self.slots[slot].settled(&worker).is_some_and(|at| at <= now);
                if settled || is_late && !has_server && is_online(&worker) {
                    self.take_over(now);
                } else if is_late {
                    self.kill(worker, slot);
                    self.reload_failed("it does not listen", now);
                }
            }
            (Step::InPlace, State::Starting(worker)) if is_late && !has_server && is_online(&worker) => {
                self.up(slot, now);
            }
            // It stays, for there is no other.
            _ if is_late => self.reload_failed("it does not listen", now),
            _ => {}
        }
    }

    pub(super) fn reload_tick(&self) -> Option<Time> {
        let Reload { slot, step, deadline } = self.reload.as_ref()?;
        match step {
            Step::Beside(Newcomer::Starting(worker)) => {
                Some(self.slots[*slot].settled(worker).map_or(*deadline, |at| at.min(*deadline)))
            }
            Step::Beside(Newcomer::Forking) | Step::InPlace => Some(*deadline),
        }
    }

    /// The workers that there are stay, old and new.
    pub(super) fn reload_failed(&mut self, why: &'static str, now: Time) {
        let Some(Reload { slot, step, .. }) = self.reload.take() else {
            return;
        };
        let worker = match (step, self.slots[slot].state) {
            (Step::Beside(Newcomer::Starting(worker)), _) | (Step::InPlace, State::Starting(worker)) => {
                Some(Subject { slot, pid: worker.pid })
            }
            _ => None,
        };
        self.print(Notice::ReloadFailed { slot, worker, why });
        self.reload_again(now);
    }

    /// New workers may listen elsewhere. A socket is kept for the sake of a worker that is not
    /// there, so this is no time to close any while one is missing, or not sure to have them all.
    pub(super) fn tidy(&mut self, now: Time) {
        if self.tidy_at.is_some_and(|at| at <= now) {
            let is_settled = |since: Time| now.saturating_sub(since) >= SETTLE;
            let complete =
                self.slots.iter().all(|slot| matches!(slot.state, State::Up(_, since) if is_settled(since)));
            self.tidy_at = (!complete).then(|| self.when_to_tidy(now));
            if complete {
                self.actions.push_back(Action::CloseUnusedServers);
            }
        }
    }

    pub(super) fn when_to_tidy(&self, now: Time) -> Time {
        now.saturating_add(self.settings.listen_timeout.max(SETTLE))
    }

    fn reload_again(&mut self, now: Time) {
        if std::mem::take(&mut self.again) {
            self.reload(now);
        }
    }

    /// Without a word, for all is to end. Gives the newcomer.
    pub(super) fn end_reload(&mut self) -> Option<(usize, Worker)> {
        self.again = false;
        self.tidy_at = None;
        match self.reload.take()? {
            Reload { slot, step: Step::Beside(Newcomer::Starting(worker)), .. } => Some((slot, worker)),
            _ => None,
        }
    }

    pub(super) fn newcomer(&mut self, slot: usize) -> Option<&mut Newcomer> {
        match &mut self.reload {
            Some(Reload { slot: reloaded, step: Step::Beside(newcomer), .. }) if *reloaded == slot => {
                Some(newcomer)
            }
            _ => None,
        }
    }

    pub(super) fn newcomer_place(&self, id: u32) -> Option<Place> {
        match &self.reload {
            Some(Reload { slot, step: Step::Beside(Newcomer::Starting(worker)), .. }) if worker.id == id => {
                Some(Place::Newcomer(*slot))
            }
            _ => None,
        }
    }

    pub(super) fn is_reloaded_in_place(&self, slot: usize) -> bool {
        matches!(self.reload, Some(Reload { slot: reloaded, step: Step::InPlace, .. }) if reloaded == slot)
    }
}

impl Reload {
    pub(super) fn newcomer_worker(&mut self) -> Option<&mut Worker> {
        match &mut self.step {
            Step::Beside(Newcomer::Starting(worker)) => Some(worker),
            Step::Beside(Newcomer::Forking) | Step::InPlace => None,
        }
    }
}
