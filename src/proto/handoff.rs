//! One handle in flight, and what waits behind it (HND-7).
//!
//! ```text
//!            start                          first to last byte written
//!   Ready ───────────────▶ Writing ───────────────────────────────▶ AwaitingAck
//!     ▲                      ▲  ▲                                    │  │
//!     │                      │  └── NACK, and not the last: resend ──┘  │
//!     │                      └─────── next handle among the held ───────┤
//!     └────────────────────────────── ACK, or the last NACK ────────────┘
//! ```
//!
//! The handle's message is here from the moment it takes off until the peer has replied, and nowhere
//! else. It is written from here, and a resend begins to write it again. In `Writing` and
//! `AwaitingAck` every further message is held. When the handle is done with, the held ones go out in
//! order, up to and including the next handle. Until its first byte is written, a handle can be taken
//! back (`cancel`), which leads from `Writing` to `Ready`. A reply in any other state than
//! `AwaitingAck` is the peer's mistake. The end of the channel leads to `Ready` from everywhere, with
//! everything lost.

use std::collections::VecDeque;

/// Names a message that was accepted for sending; the next one has the next number.
pub type Ticket = u64;

/// How often a handle is transmitted before it is given up (HND-9).
pub(super) const TRANSMISSIONS: u32 = 4;

pub(super) enum Handoff<F> {
    Ready,
    /// So many bytes of its message are written.
    Writing(InFlight<F>, usize),
    /// The peer has the message and owes a reply.
    AwaitingAck(InFlight<F>),
}

pub(super) struct InFlight<F> {
    handle: PendingHandle<F>,
    /// How often its message was begun.
    transmissions: u32,
    held: Held<F>,
}

/// What waits behind a handle, in order.
pub(super) struct Held<F> {
    queue: VecDeque<Pending<F>>,
    bytes: usize,
}

/// A message that was accepted and is not written.
pub(super) enum Pending<F> {
    /// Without a ticket it is not our caller's, but an answer to the peer (SOCK-6).
    Plain {
        ticket: Option<Ticket>,
        frame: Vec<u8>,
    },
    Handle(PendingHandle<F>),
}

/// A handle and its message, kept until the peer has replied (HND-13).
pub(super) struct PendingHandle<F> {
    pub(super) ticket: Ticket,
    pub(super) frame: Vec<u8>,
    pub(super) fd: F,
    pub(super) max_transmissions: u32,
}

/// What of a handle's message is to be written next.
pub(super) struct HandleWrite<'a, F> {
    pub(super) bytes: &'a [u8],
    /// The descriptor, which rides on the first byte. The rest goes without (HND-2).
    pub(super) fd: Option<&'a F>,
}

/// What a reply of the peer leads to.
pub(super) enum Replied<F> {
    /// Nobody waits for one: the peer's mistake.
    Unexpected,
    /// The peer has the handle. Our copy is to be closed (HND-13).
    Acked(PendingHandle<F>),
    /// It is transmitted once more.
    Resend,
    /// It was refused for the last time.
    Refused(PendingHandle<F>),
}

/// Accepting.
impl<F> Handoff<F> {
    /// Holds the message if a handle is in flight; otherwise gives it back, to be written now.
    pub(super) fn hold(&mut self, message: Pending<F>) -> Option<Pending<F>> {
        let Some(flight) = self.flight_mut() else {
            return Some(message);
        };
        flight.held.push(message);
        None
    }

    /// The handle takes off, with what waits behind it. It is written after what was accepted before.
    pub(super) fn start(&mut self, handle: PendingHandle<F>, held: Held<F>) {
        debug_assert!(matches!(self, Handoff::Ready));
        *self = Handoff::Writing(InFlight { handle, transmissions: 1, held }, 0);
    }

    /// Takes back a handle whose message has not begun to be written.
    pub(super) fn cancel(&mut self) -> Option<(PendingHandle<F>, Held<F>)> {
        match std::mem::replace(self, Handoff::Ready) {
            Handoff::Writing(flight, 0) => Some((flight.handle, flight.held)),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Takes back a held message.
    pub(super) fn withdraw_held(&mut self, ticket: Ticket) -> Option<Pending<F>> {
        self.flight_mut()?.held.remove(ticket)
    }
}

/// Writing.
impl<F> Handoff<F> {
    pub(super) fn next_write(&self) -> Option<HandleWrite<'_, F>> {
        match self {
            Handoff::Writing(InFlight { handle, .. }, written) => Some(HandleWrite {
                bytes: &handle.frame[*written..],
                fd: (*written == 0).then_some(&handle.fd),
            }),
            Handoff::Ready | Handoff::AwaitingAck(_) => None,
        }
    }

    /// Whether its message is written in part, after which nothing may come but the rest.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self, Handoff::Writing(_, 1..))
    }

    /// The kernel took so many bytes of what was to be written next. Gives the ticket if these were
    /// the last.
    pub(super) fn advance(&mut self, n: usize) -> Option<Ticket> {
        match std::mem::replace(self, Handoff::Ready) {
            Handoff::Writing(flight, written) if written + n < flight.handle.frame.len() => {
                *self = Handoff::Writing(flight, written + n);
                None
            }
            Handoff::Writing(flight, _) => {
                let ticket = flight.handle.ticket;
                *self = Handoff::AwaitingAck(flight);
                Some(ticket)
            }
            other => {
                *self = other;
                None
            }
        }
    }

    /// Bytes that are not written, of the handle's message and of the held ones.
    pub(super) fn queued_bytes(&self) -> usize {
        let unwritten = self.next_write().map_or(0, |write| write.bytes.len());
        unwritten + self.flight().map_or(0, |flight| flight.held.bytes)
    }

    /// Whether the peer does not have all of a handle's message, and never had.
    pub(super) fn is_unwritten(&self) -> bool {
        matches!(self, Handoff::Writing(InFlight { transmissions: 1, .. }, _))
    }

    /// Whose message is being written, or to be replied to.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        self.flight().map(|flight| flight.handle.ticket)
    }
}

/// The peer's replies.
impl<F> Handoff<F> {
    /// The peer acknowledged.
    pub(super) fn ack(&mut self) -> (Replied<F>, Held<F>) {
        match std::mem::replace(self, Handoff::Ready) {
            Handoff::AwaitingAck(flight) => (Replied::Acked(flight.handle), flight.held),
            other => self.unexpected(other),
        }
    }

    /// The peer had no descriptor. The message is written again, unless that was the last time.
    pub(super) fn nack(&mut self) -> (Replied<F>, Held<F>) {
        match std::mem::replace(self, Handoff::Ready) {
            Handoff::AwaitingAck(mut flight) if flight.transmissions < flight.handle.max_transmissions => {
                flight.transmissions += 1;
                *self = Handoff::Writing(flight, 0);
                (Replied::Resend, Held::default())
            }
            Handoff::AwaitingAck(flight) => (Replied::Refused(flight.handle), flight.held),
            other => self.unexpected(other),
        }
    }

    fn unexpected(&mut self, state: Handoff<F>) -> (Replied<F>, Held<F>) {
        *self = state;
        (Replied::Unexpected, Held::default())
    }
}

/// The end.
impl<F> Handoff<F> {
    /// The peer reads no more: what is held is lost, but the reply to what is written may still come.
    pub(super) fn broken(&mut self) -> Held<F> {
        match self {
            Handoff::AwaitingAck(flight) => std::mem::take(&mut flight.held),
            Handoff::Ready | Handoff::Writing(..) => Held::default(),
        }
    }

    /// The channel is over.
    pub(super) fn end(&mut self) -> Option<(PendingHandle<F>, Held<F>)> {
        match std::mem::replace(self, Handoff::Ready) {
            Handoff::Ready => None,
            Handoff::Writing(flight, _) | Handoff::AwaitingAck(flight) => Some((flight.handle, flight.held)),
        }
    }

    fn flight(&self) -> Option<&InFlight<F>> {
        match self {
            Handoff::Ready => None,
            Handoff::Writing(flight, _) | Handoff::AwaitingAck(flight) => Some(flight),
        }
    }

    fn flight_mut(&mut self) -> Option<&mut InFlight<F>> {
        match self {
            Handoff::Ready => None,
            Handoff::Writing(flight, _) | Handoff::AwaitingAck(flight) => Some(flight),
        }
    }
}

impl<F> Held<F> {
    fn push(&mut self, message: Pending<F>) {
        self.bytes += message.len();
        self.queue.push_back(message);
    }

    pub(super) fn pop(&mut self) -> Option<Pending<F>> {
        let message = self.queue.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Pending<F>> {
        let at = self.queue.iter().position(|m| m.ticket() == Some(ticket))?;
        let message = self.queue.remove(at)?;
        self.bytes -= message.len();
        Some(message)
    }
}

impl<F> Default for Held<F> {
    fn default() -> Self {
        Held { queue: VecDeque::new(), bytes: 0 }
    }
}

impl<F> Pending<F> {
    pub(super) fn ticket(&self) -> Option<Ticket> {
        match self {
            Pending::Plain { ticket, .. } => *ticket,
            Pending::Handle(handle) => Some(handle.ticket),
        }
    }

    fn len(&self) -> usize {
        match self {
            Pending::Plain { frame, .. } => frame.len(),
            Pending::Handle(handle) => handle.frame.len(),
        }
    }
}

#[cfg(test)]
mod tests;
