//! [`Call`]: a call that waits or that a worker has; and [`Queue`], those that wait.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Time, WorkerId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallId(pub(super) u64);

impl CallId {
    /// As a number, for those that know only numbers.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    pub(crate) fn of(number: u64) -> Self {
        CallId(number)
    }
}

/// How a call is to be made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spec<'a> {
    /// Calls with the same key go to the same worker.
    pub(crate) key: Option<&'a str>,
    /// Calls with a higher one go first.
    pub(crate) priority: i32,
    /// How many times it may be made again after it may have begun.
    pub(crate) retries: u32,
}

pub(super) struct Call {
    pub(super) state: State,
    /// Where its key belongs.
    pub(super) place: Option<usize>,
    pub(super) turn: Turn,
    pub(super) retries: u32,
    pub(super) attempts: u32,
    pub(super) since: Time,
    /// Nobody waits for it any more.
    pub(super) is_abandoned: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Handed { worker: WorkerId, at: Time },
}

/// When a call has its turn: the higher priority first, and then the older.
pub(super) type Turn = (Reverse<i32>, u64);

/// Calls that wait, in the order of their turns.
#[derive(Default)]
pub(super) struct Queue(BTreeMap<Turn, CallId>);

impl Queue {
    pub(super) fn push(&mut self, turn: Turn, call: CallId) {
        self.0.insert(turn, call);
    }

    pub(super) fn first(&self) -> Option<(Turn, CallId)> {
        self.0.first_key_value().map(|(turn, call)| (*turn, *call))
    }

    pub(super) fn remove(&mut self, turn: Turn) {
        self.0.remove(&turn);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
