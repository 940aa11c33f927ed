//! Which worker gets which call, and what becomes of those whose worker is gone.

use std::cmp::Reverse;

use super::call::{Call, State};
use super::place::place_of;
use super::timers::Timer;
use super::{Action, CallId, End, Failure, Machine, Phase, Spec, Time, WorkerId};

/// A call that so many workers have had goes to no other.
const MOST_ATTEMPTS: u32 = 16;

/// From callers.
impl Machine {
    /// Takes on a call. It is [handed](Action::Hand) to a worker now or later, or [fails](Action::Fail).
    pub(crate) fn make(&mut self, spec: Spec<'_>, now: Time) -> Result<CallId, Failure> {
        if self.phase != Phase::Open {
            return Err(Failure::Closed);
        }
        if let Some(reason) = &self.problem
            && self.places.iter().any(|place| place.is_trying())
        {
            return Err(Failure::Start { reason: reason.clone() });
        }
        let place = spec.key.map(|key| place_of(key, self.places.len()));
        let worker = self.worker_for(place);
        if worker.is_none() && !self.may_wait(place) {
            self.needs_drain = true;
            return Err(Failure::QueueFull { limit: self.settings.max_queue });
        }
        self.last_call += 1;
        let id = CallId(self.last_call);
        let call = Call {
            state: State::Waiting,
            place,
            turn: (Reverse(spec.priority), id.0),
            retries: spec.retries,
            attempts: 0,
            since: now,
            is_abandoned: false,
        };
        self.calls.insert(id, call);
        match worker {
            Some(worker) => self.hand(id, worker, now),
            None => self.wait(id, now),
        }
        Ok(id)
    }

    /// Somebody waits until one more call can be taken on.
    pub(crate) fn need_room(&mut self) {
        self.needs_drain |= !self.has_room();
    }

    /// Nobody waits for a call any more.
    pub(crate) fn abandon(&mut self, id: CallId, now: Time) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| !call.is_abandoned) else {
            return;
        };
        match call.state {
            State::Waiting => {
                self.remove_waiting(id);
                self.check_drain(now);
            }
            State::Handed { worker, .. } => {
                call.is_abandoned = true;
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.overdue += 1;
                }
                // Without end it is no limit.
                if let Some(at) = now.checked_add(self.settings.grace) {
                    self.timers.set(at, Timer::Grace(id, worker));
                }
            }
        }
    }

    /// Something has come of a call: it is not made again.
    pub(crate) fn begun(&mut self, id: CallId) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.retries = 0;
            call.attempts = MOST_ATTEMPTS;
        }
    }

    /// Has the calls that wait fail.
    pub(crate) fn cancel_waiting(&mut self, now: Time) {
        self.fail_waiting(&Failure::Cancelled);
        self.check_drain(now);
    }
}

/// From workers.
impl Machine {
    /// A worker has answered a call.
    pub(crate) fn freed(&mut self, id: CallId, worker: WorkerId, now: Time) {
        let Some(at) = self.handed_at(id, worker) else {
            return;
        };
        self.stats.ran.record(now.saturating_sub(at));
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.completed += 1;
            self.places[worker.place].failures = 0;
        }
        self.withdrawn(id, worker, now);
    }

    /// A worker has a call no more, whose caller has gone before it was sent.
    pub(crate) fn withdrawn(&mut self, id: CallId, worker: WorkerId, now: Time) {
        if self.handed_at(id, worker).is_some() {
            self.release(id, worker, now);
            self.calls.remove(&id);
            self.end_if_done(worker, now);
            self.fill(worker, now);
        }
    }

    /// A worker has not begun a call, and takes no other.
    pub(crate) fn not_begun(&mut self, id: CallId, worker: WorkerId, now: Time) {
        if self.handed_at(id, worker).is_none() {
            return;
        }
        self.release(id, worker, now);
        self.again(id, End::default(), false, now);
        self.leave(worker, now);
        self.fill_all(now);
    }

    /// The calls of a worker that is gone.
    pub(super) fn lost(&mut self, calls: impl IntoIterator<Item = CallId>, end: &End, now: Time) {
        for id in calls {
            self.running -= 1;
            match self.calls.get_mut(&id) {
                Some(call) if call.retries > 0 && self.phase < Phase::Ending => {
                    call.retries -= 1;
                    self.again(id, end.clone(), true, now);
                }
                Some(call) if !call.is_abandoned => {
                    self.fail(id, Failure::Died { begun: true, end: end.clone() })
                }
                _ => {
                    self.calls.remove(&id);
                }
            }
        }
    }

    /// A call goes to another worker, if it may.
    fn again(&mut self, id: CallId, end: End, begun: bool, now: Time) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.is_abandoned {
            self.calls.remove(&id);
        } else if self.phase >= Phase::Ending {
            self.fail(id, Failure::Closed);
        } else if call.attempts >= MOST_ATTEMPTS {
            self.fail(id, Failure::Died { begun, end });
        } else {
            call.state = State::Waiting;
            call.since = now;
            self.wait(id, now);
        }
    }

    /// Since when this worker has the call, if it does.
    fn handed_at(&self, id: CallId, worker: WorkerId) -> Option<Time> {
        match self.calls.get(&id)?.state {
            State::Handed { worker: has, at } if has == worker => Some(at),
            _ => None,
        }
    }

    /// A worker has a call no more.
    fn release(&mut self, id: CallId, worker: WorkerId, now: Time) {
        self.running -= 1;
        let is_abandoned = self.calls.get(&id).is_some_and(|call| call.is_abandoned);
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.release(id, now);
            worker.overdue -= usize::from(is_abandoned);
        }
    }
}

/// Who waits, and who has whom.
impl Machine {
    /// Who can have a call that has just been made, if nobody waits before it.
    fn worker_for(&mut self, place: Option<usize>) -> Option<WorkerId> {
        let Some(place) = place else {
            return if self.queue.is_empty() { self.least_busy() } else { None };
        };
        let place = &self.places[place];
        let worker = place.worker.filter(|worker| self.workers.get(worker).is_some_and(|w| w.is_free()));
        if place.queue.is_empty() { worker } else { None }
    }

    fn wait(&mut self, id: CallId, now: Time) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        self.waiting += 1;
        if self.waiting >= self.settings.max_queue.min(self.capacity()) {
            self.needs_drain = true;
        }
        match call.place {
            Some(place) => {
                self.places[place].queue.push(call.turn, id);
                self.need(place, now);
            }
            None => {
                self.queue.push(call.turn, id);
                self.grow(now);
            }
        }
    }

    fn remove_waiting(&mut self, id: CallId) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        self.waiting -= 1;
        match call.place {
            Some(place) => self.places[place].queue.remove(call.turn),
            None => self.queue.remove(call.turn),
        }
    }

    fn hand(&mut self, id: CallId, worker: WorkerId, now: Time) {
        let (Some(call), Some(has)) = (self.calls.get_mut(&id), self.workers.get_mut(&worker)) else {
            return;
        };
        call.state = State::Handed { worker, at: now };
        call.attempts += 1;
        self.running += 1;
        self.stats.waited.record(now.saturating_sub(call.since));
        has.take(id, now);
        let is_last = has.handed >= has.max_calls;
        self.actions.push_back(Action::Hand { call: id, worker });
        if is_last {
            self.leave(worker, now);
        }
    }

    /// Gives a worker what waits for it.
    pub(super) fn fill(&mut self, id: WorkerId, now: Time) {
        while let Some(worker) = self.workers.get(&id).filter(|worker| worker.is_free()) {
            let at = worker.place;
            let place = &self.places[at];
            // Only who has the place has what waits for the place.
            let own = if place.worker == Some(id) { place.queue.first() } else { None };
            let Some((turn, call)) = own.into_iter().chain(self.queue.first()).min() else {
                break;
            };
            match own {
                Some((first, _)) if first == turn => self.places[at].queue.remove(turn),
                _ => self.queue.remove(turn),
            }
            self.waiting -= 1;
            self.hand(call, id, now);
        }
        self.check_drain(now);
    }

    pub(super) fn fill_all(&mut self, now: Time) {
        for at in 0..self.places.len() {
            if let Some(worker) = self.places[at].worker {
                self.fill(worker, now);
            }
        }
        if !self.queue.is_empty() {
            self.grow(now);
        }
        self.check_drain(now);
    }

    pub(super) fn check_drain(&mut self, now: Time) {
        if self.waiting > 0 {
            return;
        }
        if self.needs_drain && self.has_room() {
            self.needs_drain = false;
            self.actions.push_back(Action::Drained);
        }
        if self.running == 0 && self.phase == Phase::Closing {
            self.end_all(now);
        }
    }

    /// How many calls the workers take at once.
    fn capacity(&self) -> usize {
        let of = |worker: Option<WorkerId>| worker.and_then(|id| self.workers.get(&id));
        self.places.iter().map(|place| of(place.worker).map_or(1, |worker| worker.concurrency)).sum()
    }

    /// The worker that takes calls and has the fewest. Where several have as few it is their turn; but in a pool
    /// that can shrink the first, so that the last have nothing to do.
    fn least_busy(&mut self) -> Option<WorkerId> {
        let places = self.places.len();
        let first = if self.settings.min < self.settings.max { 0 } else { self.turn };
        let in_turn = (0..places).map(|i| (first + i) % places);
        let free = in_turn.filter_map(|at| {
            let id = self.places[at].worker?;
            let worker = self.workers.get(&id).filter(|worker| worker.is_free())?;
            Some((worker.calls.len(), at, id))
        });
        let (_, at, id) = free.min_by_key(|(busy, ..)| *busy)?;
        self.turn = (at + 1) % places;
        Some(id)
    }

    pub(super) fn fail_waiting(&mut self, why: &Failure) {
        let waiting = |call: &Call| call.state == State::Waiting;
        let mut ids: Vec<_> =
            self.calls.iter().filter(|(_, call)| waiting(call)).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        for id in ids {
            self.remove_waiting(id);
            self.actions.push_back(Action::Fail { call: id, why: why.clone() });
        }
    }

    /// A call that no worker has, and that does not wait, fails.
    fn fail(&mut self, id: CallId, why: Failure) {
        self.calls.remove(&id);
        self.actions.push_back(Action::Fail { call: id, why });
    }

    /// The calls that workers have fail at once. Their slots stay taken.
    pub(super) fn fail_running(&mut self, why: &Failure) {
        let mut failed: Vec<_> = self.calls.iter_mut().filter(|(_, call)| !call.is_abandoned).collect();
        failed.sort_unstable_by_key(|(id, _)| **id);
        for (id, call) in failed {
            let State::Handed { worker, .. } = call.state else {
                continue;
            };
            call.is_abandoned = true;
            if let Some(worker) = self.workers.get_mut(&worker) {
                worker.overdue += 1;
            }
            self.actions.push_back(Action::Fail { call: *id, why: why.clone() });
        }
    }
}
