//! [`Watch`]: what becomes of the calls that a pool has handed over.

use std::collections::HashMap;
use std::task::Waker;

/// What a pool is told of one of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallState {
    /// It has an answer.
    Answered,
    /// Its caller has gone before it was sent.
    Withdrawn,
    /// The other end has not begun it, and takes no others.
    NotBegun,
    /// Its handle is on its way to the other end, and so it cannot be made again.
    HandleSent,
    /// The other end has broken the rules: the call has failed, was cancelled, and has no answer yet.
    Broken,
}

/// The calls of a pool, and what has become of them.
pub(super) struct Watch {
    waker: Waker,
    /// What the pool calls its calls, by their ids here.
    tags: HashMap<u64, u64>,
    changes: Vec<(u64, CallState)>,
}

impl Watch {
    pub(super) fn new(waker: Waker) -> Self {
        Watch { waker, tags: HashMap::new(), changes: Vec::new() }
    }

    pub(super) fn began(&mut self, id: u64, tag: u64) {
        self.tags.insert(id, tag);
    }

    /// Tells who is to be woken.
    pub(super) fn became(&mut self, id: u64, state: CallState) -> Option<Waker> {
        let tag = match state {
            CallState::Broken | CallState::HandleSent => *self.tags.get(&id)?,
            CallState::Answered | CallState::Withdrawn | CallState::NotBegun => self.tags.remove(&id)?,
        };
        self.changes.push((tag, state));
        // It was woken for those that are there already.
        (self.changes.len() == 1).then(|| self.waker.clone())
    }

    pub(super) fn take(&mut self) -> Vec<(u64, CallState)> {
        std::mem::take(&mut self.changes)
    }
}
