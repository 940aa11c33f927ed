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
//! A worker has one offer at a time. Who refuses one rests, and the connection goes to another;
//! when everybody rests, it waits. (Node offers it to the same worker again, at once.)

use std::collections::{HashMap, VecDeque};

use super::action::{Appetite, WorkerId};

/// As many connections may wait for a worker. More wait in the kernel, where they cost us no
/// descriptor.
const MAX_WAITING: usize = 256;

/// How many are woken by the end of a pause: however many rest, they are asked at a steady rate.
const WOKEN: usize = 4;

/// How many workers may die while they are offered the same connection, before it is closed: it
/// may be what kills them.
const MAX_DEATHS: u8 = 10;

pub(super) struct Rotation<F> {
    /// Who can be offered a connection, the longest idle first.
    free: VecDeque<WorkerId>,
    /// Who has refused one, the longest ago first.
    resting: VecDeque<WorkerId>,
    members: HashMap<WorkerId, Member>,
    /// The oldest first.
    waiting: VecDeque<Connection<F>>,
    arrived: u64,
    /// A pause has begun.
    pausing: bool,
    /// As it was last asked for.
    appetite: Appetite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Free,
    /// It has not answered the offer of this number.
    Busy(u64),
    Resting,
}

/// A connection that no worker has accepted yet.
pub(super) struct Connection<F> {
    pub(super) fd: F,
    /// How many came before it.
    pub(super) place: u64,
    /// How many workers died with it.
    pub(super) deaths: u8,
}

impl<F> Rotation<F> {
    pub(super) fn new() -> Self {
        Rotation {
            free: VecDeque::new(),
            resting: VecDeque::new(),
            members: HashMap::new(),
            waiting: VecDeque::new(),
            arrived: 0,
            pausing: false,
            appetite: Appetite::Hungry,
        }
    }

    /// One that was here before may have an offer of then that it has not answered.
    pub(super) fn add(&mut self, worker: WorkerId, unanswered: Option<u64>) {
        self.remove(worker);
        match unanswered {
            Some(number) => drop(self.members.insert(worker, Member::Busy(number))),
            None => {
                self.members.insert(worker, Member::Free);
                self.free.push_back(worker);
            }
        }
    }

    pub(super) fn remove(&mut self, worker: WorkerId) {
        match self.members.remove(&worker) {
            Some(Member::Free) => self.free.retain(|free| *free != worker),
            Some(Member::Resting) => self.resting.retain(|resting| *resting != worker),
            Some(Member::Busy(_)) | None => {}
        }
    }

    /// A new connection.
    pub(super) fn arrived(&mut self, fd: F) {
        self.waiting.push_back(Connection { fd, place: self.arrived, deaths: 0 });
        self.arrived += 1;
    }

    /// One that a worker did not take, which goes back to its place.
    pub(super) fn came_back(&mut self, connection: Connection<F>) {
        if connection.deaths < MAX_DEATHS {
            // Among the first, for it was one of them.
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
        self.members.insert(worker, Member::Busy(number));
        Some((worker, self.waiting.pop_front()?))
    }

    /// The worker has answered the offer of this number, or will not.
    pub(super) fn answered(&mut self, worker: WorkerId, number: u64, accepted: bool) {
        // It may have left since, and come again.
        match self.members.get_mut(&worker) {
            Some(member) if *member == Member::Busy(number) => {
                *member = if accepted { Member::Free } else { Member::Resting };
                let queue = if accepted { &mut self.free } else { &mut self.resting };
                queue.push_back(worker);
            }
            _ => {}
        }
    }

    /// Whether a pause is to begin now, for who rests.
    pub(super) fn begins_pause(&mut self) -> bool {
        !self.resting.is_empty() && !std::mem::replace(&mut self.pausing, true)
    }

    /// The pause is over for those who have rested the longest.
    pub(super) fn end_pause(&mut self) {
        self.pausing = false;
        for _ in 0..WOKEN {
            let Some(worker) = self.resting.pop_front() else {
                break;
            };
            self.members.insert(worker, Member::Free);
            self.free.push_back(worker);
        }
    }

    /// How much more connections are wanted. Once there are too many, not before half are gone.
    pub(super) fn appetite(&mut self) -> Appetite {
        let most = if self.appetite == Appetite::Full { MAX_WAITING / 2 } else { MAX_WAITING };
        self.appetite = match self.waiting.len() {
            0 => Appetite::Hungry,
            waiting if waiting < most => Appetite::Fed,
            _ => Appetite::Full,
        };
        self.appetite
    }

    /// Whether it is greater than when it was last asked for.
    pub(super) fn is_hungrier(&mut self) -> bool {
        let before = self.appetite;
        before != Appetite::Hungry && self.appetite() < before
    }
}
