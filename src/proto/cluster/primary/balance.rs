//! Who gets the next connection of a server: strict rotation (CLU-16).
//!
//! ```text
//!              offered                accepted
//!     Free ---------------> Busy ----------------> Free
//!      ^                     |
//!      |                     | refused
//!      +------ Resting <-----+
//!       a pause is over
//! ```
//!
//! `add` leads to `Free`, or to `Busy` if the worker still has an offer from before; `remove` takes it
//! out of the rotation. `hold` leads from `Free` and `Resting` to `Busy`.
//!
//! A worker has one offer at a time. A worker that refuses a connection gets no other before a pause is
//! over, and the connection goes to the next worker. When all workers rest, it waits. (Node offers it to
//! the same worker again, at once.)

use std::collections::{HashMap, VecDeque};

use super::action::{AcceptDemand, WorkerId};

/// How many connections may wait for a worker. More wait in the kernel, where they cost us no
/// descriptor.
const MAX_WAITING: usize = 256;

/// How many workers the end of a pause makes free. However many rest, they get offers at a steady rate.
const WOKEN: usize = 4;

/// How many workers may exit while they are offered the same connection before it is closed: it may
/// be what makes them crash.
const MAX_DEATHS: u8 = 10;

/// Each worker is in one of `free`, `busy` and `resting`.
pub(super) struct Rotation<F> {
    /// Who can be offered a connection, the longest idle first.
    free: VecDeque<WorkerId>,
    /// Who has not answered the offer of this number.
    busy: HashMap<WorkerId, u64>,
    /// Who has refused one, the longest ago first.
    resting: VecDeque<WorkerId>,
    /// Connections that wait for a worker, the oldest first.
    waiting: VecDeque<Connection<F>>,
    arrived: u64,
    /// A pause has begun.
    is_pausing: bool,
    /// As it was last asked for.
    demand: AcceptDemand,
}

/// A connection that no worker has accepted yet.
pub(super) struct Connection<F> {
    pub(super) fd: F,
    /// How many came before it.
    pub(super) place: u64,
    /// How many workers exited while they had it.
    pub(super) deaths: u8,
}

impl<F> Rotation<F> {
    pub(super) fn new() -> Self {
        Rotation {
            free: VecDeque::new(),
            busy: HashMap::new(),
            resting: VecDeque::new(),
            waiting: VecDeque::new(),
            arrived: 0,
            is_pausing: false,
            demand: AcceptDemand::High,
        }
    }

    /// A worker that was here before may still have an offer that it has not answered.
    pub(super) fn add(&mut self, worker: WorkerId, unanswered: Option<u64>) {
        self.remove(worker);
        match unanswered {
            Some(number) => drop(self.busy.insert(worker, number)),
            None => self.free.push_back(worker),
        }
    }

    pub(super) fn remove(&mut self, worker: WorkerId) {
        if self.busy.remove(&worker).is_none() {
            self.free.retain(|free| *free != worker);
            self.resting.retain(|resting| *resting != worker);
        }
    }

    /// The worker is asked something else, in the message of this number, and gets no offer before it has
    /// answered that.
    pub(super) fn hold(&mut self, worker: WorkerId, number: u64) {
        if self.free.contains(&worker) || self.resting.contains(&worker) {
            self.add(worker, Some(number));
        }
    }

    /// A new connection.
    pub(super) fn arrived(&mut self, fd: F) {
        self.waiting.push_back(Connection { fd, place: self.arrived, deaths: 0 });
        self.arrived += 1;
    }

    /// A connection that a worker did not take goes back to its place in the queue.
    pub(super) fn came_back(&mut self, connection: Connection<F>) {
        if connection.deaths < MAX_DEATHS {
            // The search is short: it was near the front.
            let at = self.waiting.iter().take_while(|other| other.place < connection.place).count();
            self.waiting.insert(at, connection);
        }
    }

    /// Who is to be offered which connection, if there are both. The offer gets this number.
    pub(super) fn next(&mut self, number: u64) -> Option<(WorkerId, Connection<F>)> {
        if self.waiting.is_empty() {
            return None;
        }
        let worker = self.free.pop_front()?;
        self.busy.insert(worker, number);
        Some((worker, self.waiting.pop_front()?))
    }

    /// All that wait, each with one of the workers in turn, busy or not. Nothing if there is no worker.
    pub(super) fn hand_out(&mut self) -> Vec<(WorkerId, Connection<F>)> {
        let mut workers: Vec<WorkerId> = self.free.iter().chain(self.busy.keys()).copied().collect();
        if workers.is_empty() {
            workers.extend(&self.resting);
        }
        if workers.is_empty() {
            return Vec::new();
        }
        workers.into_iter().cycle().zip(self.waiting.drain(..)).collect()
    }

    /// The worker has answered the offer of this number, or will not.
    pub(super) fn answered(&mut self, worker: WorkerId, number: u64, accepted: bool) {
        // It may have left since, and come again.
        if self.busy.get(&worker) == Some(&number) {
            self.busy.remove(&worker);
            let queue = if accepted { &mut self.free } else { &mut self.resting };
            queue.push_back(worker);
        }
    }

    /// Whether a pause is to begin now, because workers rest.
    pub(super) fn begins_pause(&mut self) -> bool {
        !self.resting.is_empty() && !std::mem::replace(&mut self.is_pausing, true)
    }

    /// The pause is over for those who have rested the longest.
    pub(super) fn end_pause(&mut self) {
        self.is_pausing = false;
        let woken = self.resting.len().min(WOKEN);
        self.free.extend(self.resting.drain(..woken));
    }

    /// How much more connections are wanted. Once there are too many, not before half are gone.
    pub(super) fn demand(&mut self) -> AcceptDemand {
        let most = if self.demand == AcceptDemand::None { MAX_WAITING / 2 } else { MAX_WAITING };
        self.demand = match self.waiting.len() {
            0 => AcceptDemand::High,
            waiting if waiting < most => AcceptDemand::Low,
            _ => AcceptDemand::None,
        };
        self.demand
    }

    /// Whether it is greater than when it was last asked for.
    pub(super) fn demand_has_grown(&mut self) -> bool {
        let before = self.demand;
        before != AcceptDemand::High && self.demand() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: WorkerId = 1;

    #[derive(Clone, Copy, Debug)]
    enum State {
        Absent,
        Free,
        /// It was offered number 5.
        Busy,
        Resting,
    }

    fn in_state(state: State) -> Rotation<u32> {
        let mut rotation = Rotation::new();
        rotation.arrived(7);
        rotation.arrived(8);
        match state {
            State::Absent => {}
            State::Free => rotation.add(WORKER, None),
            State::Busy | State::Resting => {
                rotation.add(WORKER, None);
                assert!(rotation.next(5).is_some());
            }
        }
        if let State::Resting = state {
            rotation.answered(WORKER, 5, false);
        }
        rotation
    }

    fn name(rotation: &Rotation<u32>) -> String {
        let is_in = |queue: &VecDeque<WorkerId>| queue.iter().filter(|worker| **worker == WORKER).count();
        let busy = rotation.busy.get(&WORKER);
        match (is_in(&rotation.free), busy, is_in(&rotation.resting)) {
            (0, None, 0) => "absent".to_owned(),
            (1, None, 0) => "free".to_owned(),
            (0, Some(number), 0) => format!("busy {number}"),
            (0, None, 1) => "resting".to_owned(),
            other => panic!("in several places: {other:?}"),
        }
    }

    /// Each row: the input, and the states after it.
    #[test]
    fn clu_16_every_state_answers_every_input() {
        use State::*;
        type Input = fn(&mut Rotation<u32>);
        let states = [Absent, Free, Busy, Resting];
        let rows: [(&str, Input, [&str; 4]); 9] = [
            ("add", |r| r.add(WORKER, None), ["free", "free", "free", "free"]),
            ("add, with an offer", |r| r.add(WORKER, Some(3)), ["busy 3", "busy 3", "busy 3", "busy 3"]),
            ("hold", |r| r.hold(WORKER, 6), ["absent", "busy 6", "busy 5", "busy 6"]),
            ("remove", |r| r.remove(WORKER), ["absent", "absent", "absent", "absent"]),
            ("next", |r| _ = r.next(6), ["absent", "busy 6", "busy 5", "resting"]),
            ("accepted", |r| r.answered(WORKER, 5, true), ["absent", "free", "free", "resting"]),
            ("refused", |r| r.answered(WORKER, 5, false), ["absent", "free", "resting", "resting"]),
            ("another offer", |r| r.answered(WORKER, 4, true), ["absent", "free", "busy 5", "resting"]),
            ("end_pause", Rotation::end_pause, ["absent", "free", "busy 5", "free"]),
        ];
        for (input, apply, after) in rows {
            for (state, after) in states.into_iter().zip(after) {
                let mut rotation = in_state(state);
                apply(&mut rotation);
                assert_eq!(name(&rotation), after, "{state:?} x {input}");
            }
        }
    }
}
