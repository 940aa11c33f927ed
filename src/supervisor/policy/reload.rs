//! A rolling reload: a new worker is up before the old one of its slot is asked to go.
//!
//! ```text
//!            ┌── the first slot alone: the trial ──┐   ┌─ the others, so many at once ─┐
//!   new:     Forking ──► Starting ──up──► OnTrial ──► takes over    Forking ──► Starting ──up──► takes over
//!                                           │ min_uptime
//!   old:     ..................serves...................retires     .........serves................retires
//! ```
//!
//! If a new worker fails, the reload does: old ones that are still there stay, and new ones that have not taken
//! over go. A slot without an old worker gets the new one in its place.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::notice::{Notice, Subject};
use super::{Phase, Place, Policy, State, Time, Worker};

#[derive(Clone, Debug)]
pub(super) struct Reload {
    stage: Stage,
    /// The slots whose turn it is.
    steps: BTreeMap<usize, Step>,
    /// The first whose turn it has not been.
    next: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The first new worker has to show that it works.
    Trial,
    Rolling,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    new: New,
    /// Until when the new worker must be up.
    deadline: Time,
}

#[derive(Clone, Copy, Debug)]
enum New {
    /// The new worker is beside the old one.
    Beside(Newcomer),
    /// There is no old one: the new worker is in the slot, on trial until then if it is up.
    InPlace(Option<Time>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Newcomer {
    Forking,
    Starting(Worker),
    /// It could serve, and the old one does.
    OnTrial {
        worker: Worker,
        since: Time,
        until: Time,
    },
}

impl New {
    fn second_listen_is_due(&self) -> Option<Time> {
        match self {
            New::Beside(Newcomer::Starting(worker)) => worker.second_listen_is_due(),
            New::Beside(Newcomer::Forking | Newcomer::OnTrial { .. }) | New::InPlace(_) => None,
        }
    }
}

impl Newcomer {
    pub(super) fn worker(&self) -> Option<&Worker> {
        match self {
            Newcomer::Forking => None,
            Newcomer::Starting(worker) | Newcomer::OnTrial { worker, .. } => Some(worker),
        }
    }
}

impl Policy {
    /// Replaces all workers. While that goes on, it means: once more afterwards.
    pub fn reload(&mut self, now: Time) {
        if self.phase != Phase::Running {
            return;
        }
        if self.reload.is_some() {
            self.again = true;
            return;
        }
        self.print(Notice::Reloading);
        let stage = match self.settings.min_uptime {
            Duration::ZERO => Stage::Rolling,
            _ => Stage::Trial,
        };
        self.reload = Some(Reload { stage, steps: BTreeMap::new(), next: 0 });
        self.advance(now);
    }

    /// Begins with as many slots as there may be at once; and ends the reload if all are done.
    fn advance(&mut self, now: Time) {
        while let Some(reload) = &mut self.reload {
            let most = match reload.stage {
                Stage::Trial => 1,
                Stage::Rolling => self.settings.reload_batch.max(1),
            };
            if reload.steps.len() >= most {
                return;
            }
            if reload.next < self.slots.len() {
                let slot = reload.next;
                reload.next += 1;
                self.begin_step(slot, now);
            } else if reload.steps.is_empty() {
                self.reload = None;
                self.print(Notice::Reloaded);
                self.tidy_at = Some(self.when_to_tidy(now));
                self.reload_again(now);
            } else {
                return;
            }
        }
    }

    fn begin_step(&mut self, slot: usize, now: Time) {
        let new = match self.slots[slot].state {
            State::Starting(_) | State::Up(..) => {
                self.fork(slot);
                New::Beside(Newcomer::Forking)
            }
            State::Waiting { .. } | State::Closed => {
                self.slots[slot].failures = 0;
                self.fork_into(slot);
                New::InPlace(None)
            }
            State::Forking => New::InPlace(None),
        };
        let deadline = now.saturating_add(self.settings.listen_timeout);
        if let Some(reload) = &mut self.reload {
            reload.steps.insert(slot, Step { new, deadline });
        }
    }

    /// The new worker of this slot has shown that it works.
    fn end_step(&mut self, slot: usize, now: Time) {
        if let Some(reload) = &mut self.reload {
            reload.steps.remove(&slot);
            reload.stage = Stage::Rolling;
        }
        self.advance(now);
    }

    /// The newcomer of this slot is up.
    pub(super) fn newcomer_is_up(&mut self, slot: usize, now: Time) {
        let until = self.trial(now);
        let Some(newcomer) = self.newcomer(slot) else {
            return;
        };
        match (*newcomer, until) {
            (Newcomer::Starting(worker), Some(until)) => {
                *newcomer = Newcomer::OnTrial { worker, since: now, until };
                self.print(Notice::OnTrial(Subject { slot, pid: worker.pid }, self.settings.min_uptime));
            }
            (Newcomer::Starting(worker), None) => self.take_over(slot, worker, now),
            (Newcomer::Forking | Newcomer::OnTrial { .. }, _) => {}
        }
    }

    /// Whether the worker that comes beside the old one of this slot has to show that it works. Until then no client
    /// of it can be lost.
    pub(super) fn is_for_trial(&self, slot: usize) -> bool {
        let Some(Reload { stage: Stage::Trial, steps, .. }) = &self.reload else {
            return false;
        };
        matches!(steps.get(&slot), Some(Step { new: New::Beside(Newcomer::Forking), .. }))
    }

    fn take_over(&mut self, slot: usize, worker: Worker, now: Time) {
        let old = self.vacate(slot);
        self.slots[slot].failures = 0;
        self.enter(slot, worker, now);
        self.retire(old, slot, now);
        self.end_step(slot, now);
    }

    /// The worker in this slot is up, which may be what the reload waits for.
    pub(super) fn is_up_in_place(&mut self, slot: usize, now: Time) {
        let until = self.trial(now);
        match self.step(slot) {
            Some(Step { new: New::InPlace(trial @ None), .. }) if until.is_some() => *trial = until,
            Some(Step { new: New::InPlace(_), .. }) => self.end_step(slot, now),
            _ => {}
        }
    }

    /// A newcomer that was taken for up cannot listen.
    pub(super) fn newcomer_is_not_up(&mut self, slot: usize) {
        if let Some(newcomer) = self.newcomer(slot)
            && let Newcomer::OnTrial { worker, .. } = *newcomer
        {
            *newcomer = Newcomer::Starting(worker.unwatched());
        }
    }

    /// So it is with the worker in this slot.
    pub(super) fn trial_in_place_is_off(&mut self, slot: usize) {
        if let Some(Step { new: New::InPlace(trial), .. }) = self.step(slot) {
            *trial = None;
        }
    }

    /// Until when a worker that is up now has to show that it works, if it is the first.
    fn trial(&self, now: Time) -> Option<Time> {
        let is_trial = self.reload.as_ref().is_some_and(|reload| reload.stage == Stage::Trial);
        is_trial.then(|| now.saturating_add(self.settings.min_uptime))
    }

    /// The old worker is lost: the newcomer has the slot, up or not. False if there is none.
    pub(super) fn newcomer_moves_in(&mut self, slot: usize) -> bool {
        let Some(Step { new, .. }) = self.step(slot) else {
            return false;
        };
        let New::Beside(newcomer) = *new else {
            return false;
        };
        *new = New::InPlace(None);
        match newcomer {
            Newcomer::Forking => self.slots[slot].state = State::Forking,
            Newcomer::Starting(worker) => self.slots[slot].state = State::Starting(worker),
            Newcomer::OnTrial { worker, since, until } => {
                *new = New::InPlace(Some(until));
                self.enter(slot, worker, since);
            }
        }
        true
    }

    pub(super) fn tick_reload(&mut self, now: Time) {
        let slots: Vec<_> = self.reload.iter().flat_map(|reload| reload.steps.keys().copied()).collect();
        for slot in slots {
            // What came before may have ended it, or the reload.
            let Some(Step { new, deadline }) = self.step(slot).copied() else {
                continue;
            };
            let is_late = deadline.min(new.second_listen_is_due().unwrap_or(Time::MAX)) <= now;
            match (new, self.slots[slot].state) {
                (New::Beside(Newcomer::OnTrial { until, .. }) | New::InPlace(Some(until)), _)
                    if until > now => {}
                (New::Beside(Newcomer::OnTrial { worker, .. }), _) => self.take_over(slot, worker, now),
                (New::InPlace(Some(_)), _) => self.end_step(slot, now),
                (New::Beside(Newcomer::Starting(worker)), _) => {
                    if self.may_be_taken_for_up(slot, &worker, is_late, now) {
                        self.newcomer_is_up(slot, now);
                    } else if is_late {
                        self.newcomer_timed_out(slot, now);
                    }
                }
                (New::InPlace(None), State::Starting(worker))
                    if self.may_be_taken_for_up(slot, &worker, is_late, now) =>
                {
                    self.up(slot, now);
                }
                // It stays, for there is no other.
                (New::InPlace(None), State::Starting(worker)) if is_late => {
                    let why = self.why_not_up(&worker);
                    self.reload_failed(slot, why, now);
                }
                _ if is_late => self.reload_failed(slot, "does not listen", now),
                _ => {}
            }
        }
    }

    /// It does not come up, and the old one stays.
    pub(super) fn newcomer_timed_out(&mut self, slot: usize, now: Time) {
        if let Some(worker) = self.newcomer(slot).and_then(|newcomer| newcomer.worker().copied()) {
            let why = self.why_not_up(&worker);
            self.kill(worker, slot);
            self.reload_failed(slot, why, now);
        }
    }

    /// A worker of a program that does not listen.
    fn may_be_taken_for_up(&self, slot: usize, worker: &Worker, is_late: bool, now: Time) -> bool {
        let settled = self.settled(slot, worker);
        settled.is_some_and(|at| at <= now) || is_late && settled.is_some()
    }

    pub(super) fn reload_tick(&self) -> Option<Time> {
        let reload = self.reload.as_ref()?;
        let ticks = reload.steps.iter().map(|(slot, Step { new, deadline })| match new {
            New::Beside(Newcomer::OnTrial { until, .. }) | New::InPlace(Some(until)) => *until,
            New::Beside(Newcomer::Starting(worker)) => {
                let due = self.settled(*slot, worker).into_iter().chain(worker.second_listen_is_due());
                due.chain([*deadline]).min().unwrap_or(*deadline)
            }
            New::Beside(Newcomer::Forking) | New::InPlace(None) => *deadline,
        });
        ticks.min()
    }

    /// Because of the new worker of this slot. The workers that serve stay, old and new.
    pub(super) fn reload_failed(&mut self, slot: usize, why: impl Into<Cow<'static, str>>, now: Time) {
        let Some(Reload { steps, .. }) = self.reload.take() else {
            return;
        };
        let worker = steps.get(&slot).and_then(|step| match (&step.new, self.slots[slot].state) {
            (New::Beside(newcomer), _) => newcomer.worker().copied(),
            (New::InPlace(_), State::Starting(worker)) => Some(worker),
            (New::InPlace(_), _) => None,
        });
        let worker = worker.map(|worker| Subject { slot, pid: worker.pid });
        self.print(Notice::ReloadFailed { slot, worker, why: why.into() });
        for (other, step) in steps {
            if let New::Beside(newcomer) = step.new
                && let Some(worker) = newcomer.worker().copied()
                && other != slot
            {
                self.kill(worker, other);
            }
        }
        self.reload_again(now);
    }

    fn reload_again(&mut self, now: Time) {
        if std::mem::take(&mut self.again) {
            self.reload(now);
        }
    }

    /// Without a word, for all is to end. Gives the newcomers.
    pub(super) fn end_reload(&mut self) -> Vec<(usize, Worker)> {
        self.again = false;
        self.tidy_at = None;
        let steps = self.reload.take().map(|reload| reload.steps).unwrap_or_default();
        let newcomer = |(slot, step): (usize, Step)| match step.new {
            New::Beside(newcomer) => newcomer.worker().map(|worker| (slot, *worker)),
            New::InPlace(_) => None,
        };
        steps.into_iter().filter_map(newcomer).collect()
    }

    fn step(&mut self, slot: usize) -> Option<&mut Step> {
        self.reload.as_mut()?.steps.get_mut(&slot)
    }

    pub(super) fn newcomer(&mut self, slot: usize) -> Option<&mut Newcomer> {
        match self.step(slot) {
            Some(Step { new: New::Beside(newcomer), .. }) => Some(newcomer),
            _ => None,
        }
    }

    pub(super) fn newcomer_place(&self, id: u32) -> Option<Place> {
        self.reload.as_ref()?.steps.iter().find_map(|(slot, step)| match &step.new {
            New::Beside(newcomer) if newcomer.worker().is_some_and(|worker| worker.id == id) => {
                Some(Place::Newcomer(*slot))
            }
            _ => None,
        })
    }

    pub(super) fn is_reloaded_in_place(&self, slot: usize) -> bool {
        let step = self.reload.as_ref().and_then(|reload| reload.steps.get(&slot));
        step.is_some_and(|step| matches!(step.new, New::InPlace(_)))
    }
}

impl Reload {
    /// Those that are up, and watched before an old worker goes.
    pub(super) fn newcomers_on_trial(&self) -> impl Iterator<Item = &Worker> {
        self.steps.values().filter_map(|step| match &step.new {
            New::Beside(Newcomer::OnTrial { worker, .. }) => Some(worker),
            New::Beside(_) | New::InPlace(_) => None,
        })
    }

    pub(super) fn newcomers_on_trial_mut(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.steps.values_mut().filter_map(|step| match &mut step.new {
            New::Beside(Newcomer::OnTrial { worker, .. }) => Some(worker),
            _ => None,
        })
    }

    /// Those that are not up yet, and those on trial.
    pub(super) fn newcomers(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.steps.values_mut().filter_map(|step| match &mut step.new {
            New::Beside(Newcomer::Starting(worker) | Newcomer::OnTrial { worker, .. }) => Some(worker),
            New::Beside(Newcomer::Forking) | New::InPlace(_) => None,
        })
    }
}
