//! Who waits on a link, and for what. A call is woken when what it waits for may have come, and
//! at no other time.
//!
//! Wakers are called when the link's lock is free again, for they are the code of others: see
//! [`Waiters::woken`].

use std::collections::BTreeMap;
use std::task::Waker;

use crate::proto::Ticket;
use crate::proto::cluster::worker::ServerId;

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// The kernel has all of this message.
    Written(Ticket),
    /// What became of this handle or question.
    Outcome(Ticket),
    /// The kernel has all that was accepted.
    Flushed,
    /// The next message, or other news of the peer: one call for each.
    Message,
    /// The answer, the next connection, or room for it, of a cluster's server: one call for each.
    Server(ServerId),
    /// The end of a cluster's server.
    Over(ServerId),
    /// A worker is to stop.
    Stopping,
    /// The primary knows that a worker stops.
    Told,
    /// The end of the channel.
    End,
}

/// Names a call that waits.
pub(crate) type Place = (Topic, u64);

/// The calls that wait, in the order in which they came.
#[derive(Default)]
pub(crate) struct Waiters {
    waiting: BTreeMap<Place, Waker>,
    woken: Vec<(Place, Waker)>,
    next: u64,
}

impl Waiters {
    /// A call waits until it is woken, once.
    pub(crate) fn enter(&mut self, topic: Topic, waker: Waker) -> Place {
        let place = (topic, self.next);
        self.next += 1;
        self.waiting.insert(place, waker);
        place
    }

    /// It waits no more, and is not called if it was chosen to be woken.
    pub(crate) fn leave(&mut self, place: Place) -> Left {
        let waiting = self.waiting.remove(&place);
        let was_woken = waiting.is_none();
        let chosen = self.woken.iter().position(|(woken, _)| *woken == place);
        let waker = waiting.or_else(|| Some(self.woken.remove(chosen?).1));
        Left { was_woken, _waker: waker }
    }

    #[cfg(any(feature = "tokio", test))]
    pub(crate) fn is_waiting(&self, place: Place) -> bool {
        self.waiting.contains_key(&place)
    }

    /// Whether nobody waits who has not been woken.
    #[cfg(any(feature = "tokio", test))]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Wakes the call that has waited longest.
    pub(crate) fn wake_one(&mut self, topic: Topic) -> bool {
        let first = self.first(topic, topic);
        first.is_some_and(|place| self.wake(place))
    }

    /// Wakes everybody who waits for this.
    pub(crate) fn wake_all(&mut self, topic: Topic) {
        self.wake_range(topic, topic);
    }

    /// Wakes everybody who waits for one of these topics, which are ordered.
    pub(crate) fn wake_range(&mut self, first: Topic, last: Topic) {
        while let Some(place) = self.first(first, last) {
            self.wake(place);
        }
    }

    /// Wakes somebody, whoever it is. False if nobody waits.
    pub(crate) fn wake_any(&mut self) -> bool {
        let first = self.waiting.first_key_value().map(|(place, _)| *place);
        first.is_some_and(|place| self.wake(place))
    }

    /// Wakes everybody.
    pub(crate) fn wake_everybody(&mut self) {
        self.woken.extend(std::mem::take(&mut self.waiting));
    }

    /// Those to be called when the lock is free.
    pub(crate) fn woken(&mut self) -> Woken {
        Woken(std::mem::take(&mut self.woken))
    }

    /// The first call, by topic, that waits for one of these.
    pub(super) fn first(&self, first: Topic, last: Topic) -> Option<Place> {
        // Most of the time one call waits, and then there is nothing to search for.
        let (lowest, _) = self.waiting.first_key_value()?;
        let found = if lowest.0 >= first {
            *lowest
        } else if self.waiting.last_key_value()?.0.0 < first {
            return None;
        } else {
            *self.waiting.range((first, 0)..).next()?.0
        };
        (found.0 <= last).then_some(found)
    }

    /// Wakes this call. False if it does not wait.
    pub(crate) fn wake(&mut self, place: Place) -> bool {
        let waker = self.waiting.remove(&place);
        let waits = waker.is_some();
        self.woken.extend(waker.map(|waker| (place, waker)));
        waits
    }
}

/// A call that waits no more. To be dropped when the lock is free, for a waker is the code of
/// others even then.
#[must_use]
pub(crate) struct Left {
    /// It had been woken: tasks pass that on, and threads look for themselves.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    pub(crate) was_woken: bool,
    _waker: Option<Waker>,
}

/// Calls that are to be woken.
#[must_use]
pub(crate) struct Woken(Vec<(Place, Waker)>);

impl Woken {
    pub(crate) fn call(self) {
        self.0.into_iter().for_each(|(_, waker)| waker.wake());
    }
}
