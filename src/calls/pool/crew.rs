//! The workers of a pool: how many there are, and when they begin, are replaced, and end.

use std::time::Duration;

use super::place::Next;
use super::timers::Timer;
use super::worker::Worker;
use super::{Action, End, Failure, Machine, Phase, Time, WorkerId, WorkerState};

/// If each start has failed so often, the pool cannot start.
const TRIES: u32 = 3;
/// A worker that has lived so long has started.
const LIVED: Duration = Duration::from_secs(1);
/// A process whose channel is over has so long to end by itself.
const AFTER_CHANNEL: Duration = Duration::from_secs(1);
/// Workers that are alike do not end at the same time: earlier by up to this part.
const JITTER_PERCENT: u64 = 10;

/// From users.
impl Machine {
    /// Takes no more calls. When those that were taken are over, the workers are asked to end.
    pub(crate) fn close(&mut self, now: Time) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
            self.check_drain(now);
        }
    }

    /// All calls fail, and the workers are killed.
    pub(crate) fn destroy(&mut self, now: Time) {
        self.fail_waiting(&Failure::Closed);
        self.fail_running(&Failure::Closed);
        if self.phase < Phase::Ending {
            self.end_all(now);
        }
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            self.kill(id, None);
        }
    }

    /// Has as many workers started as there are at least.
    pub(crate) fn need_least(&mut self, now: Time) {
        for place in 0..self.settings.min.max(1) {
            self.need(place, now);
        }
    }
}

/// From workers.
impl Machine {
    /// A worker takes calls, as many at once as it has announced.
    pub(crate) fn ready(&mut self, id: WorkerId, announced: usize, now: Time) {
        let jitter = self.random(1000);
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.state == WorkerState::Starting)
        else {
            return;
        };
        worker.state = WorkerState::Ready;
        worker.limit = None;
        worker.concurrency = self.settings.concurrency.unwrap_or(announced).max(1);
        worker.ready_at = Some(now);
        worker.turned_at = now;
        worker.max_calls = self.settings.max_calls.map_or(u64::MAX, |calls| earlier(calls, jitter).max(1));
        if let Some(age) = self.settings.max_age {
            let age = earlier(age.as_micros().try_into().unwrap_or(u64::MAX), jitter);
            worker.expires = now.checked_add(Duration::from_micros(age));
            if let Some(at) = worker.expires {
                self.timers.set(at, Timer::Expiry(id));
            }
        }
        let at = worker.place;
        let place = &mut self.places[at];
        if place.next == Next::Starting(id) {
            place.next = Next::Nothing;
        }
        let old = place.worker.replace(id);
        self.problem = None;
        self.actions.push_back(Action::Ready(id));
        if let Some(old) = old {
            self.retire(old, now);
        }
        self.sweep_later(now);
        self.fill(id, now);
        self.reloaded(at, Ok(()), now);
    }

    /// A worker has failed before it was ready. Its end is still to come.
    pub(crate) fn not_ready(&mut self, id: WorkerId, reason: String) {
        if self.workers.get(&id).is_some_and(|worker| worker.state == WorkerState::Starting) {
            self.kill(id, Some(reason));
        }
    }

    /// A worker's channel is over.
    pub(crate) fn closed(&mut self, id: WorkerId, now: Time) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        if worker.state < WorkerState::Ending {
            worker.state = WorkerState::Ending;
            self.limit(id, now.saturating_add(AFTER_CHANNEL));
        }
    }

    /// A worker has said how much memory it has.
    pub(crate) fn resident(&mut self, id: WorkerId, bytes: u64, now: Time) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.resident = Some(bytes);
        }
        if self.settings.max_memory.is_some_and(|most| bytes > most)
            && let Some(place) = self.place_held_by(id)
        {
            self.replace(place, now);
        }
    }

    /// A worker's process has ended, or was never there.
    pub(crate) fn gone(&mut self, id: WorkerId, mut end: End, now: Time) {
        let Some(worker) = self.workers.remove(&id) else {
            return;
        };
        end.cause = end.cause.or(worker.cause);
        // One that was still starting had nothing to end in order.
        let had_to_be = worker.state == WorkerState::Killed && worker.ready_at.is_some();
        self.killed += usize::from(had_to_be && self.phase >= Phase::Closing);
        let at = worker.place;
        let place = &mut self.places[at];
        if place.next == Next::Starting(id) {
            place.next = Next::Nothing;
            self.failed(at, &end.to_string(), now);
        } else if place.worker == Some(id) {
            place.worker = None;
            self.stats.counts.restarts += 1;
            if worker.ready_at.is_some_and(|at| now.saturating_sub(at) >= LIVED) {
                place.failures = 0;
            }
            // One that ends before it is given anything may be the first of many.
            if worker.handed == 0 && self.phase == Phase::Open && place.next == Next::Nothing {
                let until = place.pause(now);
                self.timers.set(until, Timer::Pause(at));
            }
        }
        self.actions.push_back(match worker.ready_at {
            Some(_) => Action::Ended { worker: id, end: end.clone() },
            None => Action::NotStarted { worker: id, reason: end.to_string() },
        });
        self.lost(worker.calls, &end, now);
        self.refill(at, now);
        self.fill_all(now);
        self.over_if_empty();
    }
}

/// Starts and ends.
impl Machine {
    pub(super) fn fill_least(&mut self, now: Time) {
        for place in 0..self.settings.min {
            self.start(place, now);
        }
    }

    /// One more worker, if there is a place for it and more calls wait than workers are starting.
    pub(super) fn grow(&mut self, now: Time) {
        let starting = self.places.iter().filter(|place| matches!(place.next, Next::Starting(_))).count();
        if starting < self.waiting
            && let Some(place) = (0..self.places.len()).find(|place| self.may_start(*place))
        {
            self.start(place, now);
        }
    }

    /// Somebody waits for the worker of this place.
    pub(super) fn need(&mut self, place: usize, now: Time) {
        if self.may_start(place) && self.phase < Phase::Ending {
            self.start(place, now);
        }
    }

    pub(super) fn refill(&mut self, at: usize, now: Time) {
        let place = &self.places[at];
        let is_asked_for = !place.queue.is_empty() || !self.queue.is_empty() || self.is_room_wanted();
        let is_missing =
            !self.settings.lazy && self.phase == Phase::Open && self.occupied() < self.settings.min;
        if is_asked_for || is_missing {
            self.need(at, now);
        }
    }

    /// Starts another worker for a place that has one.
    pub(super) fn replace(&mut self, at: usize, now: Time) {
        if self.phase == Phase::Open && !self.places[at].is_trying() {
            self.start(at, now);
        }
    }

    pub(super) fn start(&mut self, at: usize, now: Time) {
        self.last_worker += 1;
        let id = WorkerId(self.last_worker);
        self.workers.insert(id, Worker::new(at, now));
        self.places[at].next = Next::Starting(id);
        self.limit(id, now.saturating_add(self.settings.start_timeout));
        self.actions.push_back(Action::Start { worker: id, place: at });
    }

    fn failed(&mut self, at: usize, reason: &str, now: Time) {
        if self.phase >= Phase::Ending {
            return;
        }
        let until = self.places[at].pause(now);
        self.timers.set(until, Timer::Pause(at));
        let is_hopeless = self
            .places
            .iter()
            .all(|place| place.worker.is_none() && (!place.is_trying() || place.failures >= TRIES));
        if is_hopeless {
            self.problem = Some(reason.to_owned());
        }
        if self.problem.is_some() {
            self.fail_waiting(&Failure::Start { reason: reason.to_owned() });
            self.check_drain(now);
        }
        self.reloaded(at, Err(Failure::Start { reason: reason.to_owned() }), now);
    }

    /// A worker takes no more calls; if it is the one of its place, another begins.
    pub(super) fn leave(&mut self, id: WorkerId, now: Time) {
        let Some(place) = self.place_held_by(id) else {
            return;
        };
        self.places[place].worker = None;
        self.retire(id, now);
        self.refill(place, now);
    }

    pub(super) fn retire(&mut self, id: WorkerId, now: Time) {
        if let Some(worker) = self.workers.get_mut(&id)
            && worker.state == WorkerState::Ready
        {
            worker.state = WorkerState::Retiring;
            self.end_if_done(id, now);
        }
    }

    pub(super) fn end_if_done(&mut self, id: WorkerId, now: Time) {
        let is_done = |worker: &Worker| worker.state == WorkerState::Retiring && worker.calls.is_empty();
        if self.workers.get(&id).is_some_and(is_done) {
            self.end(id, now);
        }
    }

    /// Asks a worker to end.
    fn end(&mut self, id: WorkerId, now: Time) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.state = WorkerState::Ending;
            self.limit(id, now.saturating_add(self.settings.close_timeout));
            self.actions.push_back(Action::Bye(id));
        }
    }

    pub(super) fn kill(&mut self, id: WorkerId, cause: Option<String>) {
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.state != WorkerState::Killed)
        else {
            return;
        };
        worker.state = WorkerState::Killed;
        worker.limit = None;
        worker.cause = cause;
        self.actions.push_back(Action::Kill(id));
    }

    fn limit(&mut self, id: WorkerId, at: Time) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.limit = Some(at);
            self.timers.set(at, Timer::Limit(id));
        }
    }

    pub(super) fn end_all(&mut self, now: Time) {
        self.phase = Phase::Ending;
        for place in &mut self.places {
            if let Next::Pausing(_) = place.next {
                place.next = Next::Nothing;
            }
        }
        for (id, state) in self.workers.iter().map(|(id, w)| (*id, w.state)).collect::<Vec<_>>() {
            match state {
                WorkerState::Starting => self.kill(id, None),
                WorkerState::Ready | WorkerState::Retiring => self.end(id, now),
                WorkerState::Ending | WorkerState::Killed => {}
            }
        }
        if let Some(reload) = self.reload.take() {
            let upto = reload.again.max(reload.upto);
            self.actions.push_back(Action::Reloaded { upto, result: Err(Failure::Closed) });
        }
        self.over_if_empty();
    }

    fn over_if_empty(&mut self) {
        if self.phase == Phase::Ending && self.workers.is_empty() {
            self.phase = Phase::Over;
        }
    }

    /// The place whose calls go to this worker.
    pub(super) fn place_held_by(&self, id: WorkerId) -> Option<usize> {
        let place = self.workers.get(&id)?.place;
        (self.places[place].worker == Some(id)).then_some(place)
    }

    pub(super) fn occupied(&self) -> usize {
        self.places.iter().filter(|place| !place.is_empty()).count()
    }
}

/// Up to a tenth less.
fn earlier(limit: u64, per_mille: u64) -> u64 {
    let part = u128::from(limit) * u128::from(per_mille) * u128::from(JITTER_PERCENT) / 100_000;
    limit - u64::try_from(part).unwrap_or(0)
}
