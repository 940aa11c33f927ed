//! Who waits on a link, and for what. A call is woken when what it waits for may have come, and
//! at no other time.
//!
//! Wakers are called when the link's lock is free again, because they run code of our users: see
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
    /// What happened to this handle or question.
    Outcome(Ticket),
    /// The kernel has all that was accepted.
    Flushed,
    /// The next message, or other news of the peer: one call for each.
    Message,
    /// The answer, the next connection, or room for it, of a cluster's server: one call for each.
    Server(ServerId),
    /// The end of a cluster's server.
    ServerClosed(ServerId),
    /// A worker is to stop.
    Stopping,
    /// The primary knows that a worker stops.
    ExitAcknowledged,
    /// The end of the channel.
    End,
}

/// Names a call that waits.
pub(crate) type WaiterId = (Topic, u64);

/// The calls that wait, in the order in which they came.
#[derive(Default)]
pub(crate) struct Waiters {
    waiting: Waiting,
    woken: Woken,
    next: u64,
}

/// Those that have not been woken. One that waits alone, as most of the time, costs no memory and no
/// search.
#[derive(Default)]
struct Waiting {
    /// There only if there are no others.
    alone: Option<(WaiterId, Waker)>,
    several: BTreeMap<WaiterId, Waker>,
}

impl Waiting {
    fn insert(&mut self, place: WaiterId, waker: Waker) {
        if self.is_empty() {
            self.alone = Some((place, waker));
        } else {
            self.several.extend(self.alone.take());
            self.several.insert(place, waker);
        }
    }

    fn remove(&mut self, place: WaiterId) -> Option<Waker> {
        match self.alone.take_if(|(alone, _)| *alone == place) {
            Some((_, waker)) => Some(waker),
            None if self.several.is_empty() => None,
            None => self.several.remove(&place),
        }
    }

    #[cfg(any(feature = "tokio", test))]
    fn contains(&self, place: WaiterId) -> bool {
        self.alone.as_ref().is_some_and(|(alone, _)| *alone == place) || self.several.contains_key(&place)
    }

    fn is_empty(&self) -> bool {
        self.alone.is_none() && self.several.is_empty()
    }

    /// The first that waits for this topic, or for one that comes after it.
    fn first_from(&self, topic: Topic) -> Option<WaiterId> {
        if let Some((alone, _)) = &self.alone {
            return (alone.0 >= topic).then_some(*alone);
        }
        let (lowest, _) = self.several.first_key_value()?;
        if lowest.0 >= topic {
            return Some(*lowest);
        }
        self.several.range((topic, 0)..).next().map(|(place, _)| *place)
    }

    fn drain(&mut self) -> impl Iterator<Item = (WaiterId, Waker)> + use<> {
        self.alone.take().into_iter().chain(std::mem::take(&mut self.several))
    }
}

impl Waiters {
    /// A call waits until it is woken, once.
    pub(crate) fn enter(&mut self, topic: Topic, waker: Waker) -> WaiterId {
        let place = (topic, self.next);
        self.next += 1;
        self.waiting.insert(place, waker);
        place
    }

    /// It waits no more, and is not called if it was chosen to be woken.
    pub(crate) fn leave(&mut self, place: WaiterId) -> Left {
        let waiting = self.waiting.remove(place);
        let was_woken = waiting.is_none();
        Left { was_woken, _waker: waiting.or_else(|| self.woken.remove(place)) }
    }

    #[cfg(any(feature = "tokio", test))]
    pub(crate) fn is_waiting(&self, place: WaiterId) -> bool {
        self.waiting.contains(place)
    }

    /// Whether nobody waits who has not been woken.
    #[cfg(any(feature = "tokio", test))]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether one call waits, and nobody is to be called.
    pub(crate) fn is_one(&self) -> bool {
        self.waiting.alone.is_some() && self.woken.is_empty()
    }

    /// Whether nobody waits, and nobody is to be called.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.woken.is_empty()
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

    /// Wakes any one call. False if none waits.
    pub(crate) fn wake_any(&mut self) -> bool {
        let first = self.waiting.first_from(Topic::Written(0));
        first.is_some_and(|place| self.wake(place))
    }

    /// Wakes everybody.
    pub(crate) fn wake_everybody(&mut self) {
        self.waiting.drain().for_each(|(place, waker)| self.woken.push(place, waker));
    }

    /// Those to be called when the lock is free.
    pub(crate) fn woken(&mut self) -> Woken {
        std::mem::take(&mut self.woken)
    }

    /// The first call, by topic, that waits for one of these.
    pub(super) fn first(&self, first: Topic, last: Topic) -> Option<WaiterId> {
        let found = self.waiting.first_from(first)?;
        (found.0 <= last).then_some(found)
    }

    /// Wakes this call. False if it does not wait.
    pub(crate) fn wake(&mut self, place: WaiterId) -> bool {
        let waker = self.waiting.remove(place);
        let waits = waker.is_some();
        waker.into_iter().for_each(|waker| self.woken.push(place, waker));
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

/// Calls that are to be woken, in order. One alone costs no memory.
#[must_use]
#[derive(Default)]
pub(crate) struct Woken {
    first: Option<(WaiterId, Waker)>,
    rest: Vec<(WaiterId, Waker)>,
}

impl Woken {
    pub(crate) fn call(self) {
        self.first.into_iter().chain(self.rest).for_each(|(_, waker)| waker.wake());
    }

    fn push(&mut self, place: WaiterId, waker: Waker) {
        match self.is_empty() {
            true => self.first = Some((place, waker)),
            false => self.rest.push((place, waker)),
        }
    }

    fn remove(&mut self, place: WaiterId) -> Option<Waker> {
        if let Some((_, waker)) = self.first.take_if(|(first, _)| *first == place) {
            return Some(waker);
        }
        let at = self.rest.iter().position(|(woken, _)| *woken == place)?;
        Some(self.rest.remove(at).1)
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty()
    }
}
