//! What was received and waits for our user, and how much of it may wait. This is the backpressure on
//! the peer: while the queue is full, [`Channel::wants_input`](super::Channel::wants_input) is false,
//! nothing is read, and the peer's writes wait in the kernel.

use std::collections::VecDeque;

use crate::limits::Limits;
use crate::proto::event::Event;

/// How many events' room is kept when all are taken. More is freed, so that a burst does not cost
/// memory forever.
const ROOM: usize = 1024;

/// Events that nobody has taken, in order.
pub(super) struct Waiting<F> {
    events: VecDeque<(Event<F>, Cost)>,
    bytes: usize,
    fds: usize,
    /// How much of the stream the events until now account for.
    counted: u64,
}

/// What an event makes us keep, as it counts for the limits.
#[derive(Clone, Copy)]
struct Cost {
    /// The part of the stream since the event before it: its payload may share memory with all
    /// of that.
    bytes: usize,
    fds: usize,
}

impl<F> Waiting<F> {
    pub(super) fn new() -> Self {
        Waiting { events: VecDeque::new(), bytes: 0, fds: 0, counted: 0 }
    }

    /// Whether as much as the limits allow waits.
    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        self.events.len() >= limits.max_waiting_messages
            || self.bytes >= limits.max_waiting_bytes
            || self.fds >= limits.max_waiting_descriptors
    }

    /// Adds an event. So much of the stream has been consumed with it.
    pub(super) fn push(&mut self, event: Event<F>, consumed: u64) {
        let brings_fd =
            matches!(event, Event::Message { handle: Some(_), .. } | Event::Cluster { handle: Some(_), .. });
        let cost = Cost { bytes: (consumed - self.counted) as usize, fds: usize::from(brings_fd) };
        self.counted = consumed;
        self.bytes += cost.bytes;
        self.fds += cost.fds;
        self.events.push_back((event, cost));
    }

    /// Adds the last event, which costs nothing.
    pub(super) fn push_last(&mut self, event: Event<F>) {
        self.events.push_back((event, Cost { bytes: 0, fds: 0 }));
    }

    pub(super) fn pop(&mut self) -> Option<Event<F>> {
        let (event, cost) = self.events.pop_front()?;
        self.bytes -= cost.bytes;
        self.fds -= cost.fds;
        if self.events.is_empty() && self.events.capacity() > ROOM {
            self.events = VecDeque::new();
        }
        Some(event)
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Nobody will take them.
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.bytes = 0;
        self.fds = 0;
    }
}
