//! [`Watch`]: what becomes of the calls that a pool has handed over.

use std::collections::HashMap;
use std::task::Waker;

/// What a pool is told of one of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It has an answer.
    Answered,
    /// Its caller has gone before it was sent.
    Withdrawn,
    /// The other end has not begun it, and takes no others.
    NotBegun,
    /// The other end has broken the rules: the call has failed, was cancelled, and has no answer yet.
    Broken,
}

/// The calls of a pool, and what has become of them.
pub(super) struct Watch {
    waker: Waker,
    /// What the pool calls its calls, by their ids here.
    tags: HashMap<u64, u64>,
    fates: Vec<(u64, Fate)>,
}

impl Watch {
    pub(super) fn new(waker: Waker) -> Self {
        Watch { waker, tags: HashMap::new(), fates: Vec::new() }
    }

    pub(super) fn began(&mut self, id: u64, tag: u64) {
        self.tags.insert(id, tag);
    }

    /// Tells who is to be woken.
    pub(super) fn became(&mut self, id: u64, fate: Fate) -> Option<Waker> {
        let tag = match fate {
            Fate::Broken => *self.tags.get(&id)?,
            Fate::Answered | Fate::Withdrawn | Fate::NotBegun => self.tags.remove(&id)?,
        };
        self.fates.push((tag, fate));
        // It was woken for those that are there already.
        (self.fates.len() == 1).then(|| self.waker.clone())
    }

    pub(super) fn take(&mut self) -> Vec<(u64, Fate)> {
        std::mem::take(&mut self.fates)
    }
}
