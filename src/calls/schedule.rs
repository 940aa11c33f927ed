//! [`Schedule`]: which of the things that came may begin.

use std::collections::BTreeMap;

/// What waits to be carried out, in the order in which it came.
///
/// Notifications are handled one after the other, and what came behind one does not begin before it has
/// ended. So many calls run beside each other.
pub(crate) struct Schedule<T> {
    /// By their places, which grow. The map moves what it has each time that one is taken.
    waiting: BTreeMap<u64, Box<Waiting<T>>>,
    next_place: u64,
    /// What those who wait keep of the messages that they came in.
    bytes: usize,
    most: usize,
    running: usize,
    is_held: bool,
}

struct Waiting<T> {
    turn: Turn,
    bytes: usize,
    what: T,
}

/// How something is carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Beside others.
    Beside,
    /// What comes behind it waits for its end.
    Alone,
}

impl<T> Schedule<T> {
    pub(crate) fn new(most: usize) -> Self {
        Schedule { waiting: BTreeMap::new(), next_place: 0, bytes: 0, most, running: 0, is_held: false }
    }

    /// The place that what is added next will have.
    pub(crate) fn next_place(&self) -> u64 {
        self.next_place
    }

    /// Adds something that keeps so many bytes.
    pub(crate) fn add(&mut self, turn: Turn, bytes: usize, what: T) {
        self.bytes += bytes;
        self.waiting.insert(self.next_place, Box::new(Waiting { turn, bytes, what }));
        self.next_place += 1;
    }

    /// Takes what waits in this place; `None` if it has begun. The time does not depend on how many wait: a
    /// peer that cancels all of its calls would keep this end busy for a long time.
    pub(crate) fn withdraw(&mut self, place: u64) -> Option<T> {
        let Waiting { bytes, what, .. } = *self.waiting.remove(&place)?;
        self.bytes -= bytes;
        Some(what)
    }

    /// Takes what may begin now. Each that was taken is to [end](Self::ended).
    pub(crate) fn take(&mut self) -> Option<(Turn, T)> {
        if !self.may_take() {
            return None;
        }
        let Waiting { turn, bytes, what } = *self.waiting.pop_first()?.1;
        self.bytes -= bytes;
        self.running += 1;
        self.is_held = turn == Turn::Alone;
        Some((turn, what))
    }

    pub(crate) fn may_take(&self) -> bool {
        !self.waiting.is_empty() && !self.is_held && self.running < self.most
    }

    pub(crate) fn ended(&mut self, turn: Turn) {
        self.running -= 1;
        if turn == Turn::Alone {
            self.is_held = false;
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }

    /// Takes all that has not begun and is wanted.
    pub(crate) fn remove(&mut self, is_wanted: impl Fn(&T) -> bool) -> Vec<T> {
        let (gone, left): (BTreeMap<_, _>, _) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(_, waiting)| is_wanted(&waiting.what));
        self.waiting = left;
        self.bytes -= gone.values().map(|waiting| waiting.bytes).sum::<usize>();
        gone.into_values().map(|waiting| waiting.what).collect()
    }
}
