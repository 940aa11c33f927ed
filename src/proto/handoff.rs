//! One handle in flight, and what waits behind it (HND-7).
//!
//! ```text
//!            send_handle                    first to last byte written
//!   Ready ───────────────▶ Writing ───────────────────────────────▶ AwaitingAck
//!     ▲                      ▲  ▲                                    │  │
//!     │                      │  └──── NACK, and not the last ────────┘  │
//!     │                      └─────── next handle among the held ───────┤
//!     └────────────────────────────── ACK, or the last NACK ────────────┘
//! ```
//!
//! In `Writing` and `AwaitingAck` every further message is held. When the handle is done with,
//! the held ones go out in order, up to and including the next handle. A reply in any other state
//! than `AwaitingAck` is the peer's mistake. The end of the channel leads to `Ready` from
//! everywhere, with everything lost.

use std::collections::VecDeque;

use bytes::Bytes;

/// Names a message that was accepted for sending; the next one has the next number.
pub type Ticket = u64;

/// How often a handle is transmitted before it is given up (HND-9).
pub(super) const TRANSMISSIONS: u32 = 4;

pub(super) enum Handoff<F> {
    Ready,
    /// The handle's frame is in the outbox.
    Writing(Flight<F>),
    /// The peer has the frame and owes a reply.
    AwaitingAck(Flight<F>),
}

pub(super) struct Flight<F> {
    pub(super) sent: Sent<F>,
    transmissions: u32,
    held: Held<F>,
}

/// What waits behind a handle, in order.
pub(super) struct Held<F> {
    queue: VecDeque<Outgoing<F>>,
    bytes: usize,
}

/// A handle and its frame, kept until the peer has replied (HND-13).
pub(super) struct Sent<F> {
    pub(super) ticket: Ticket,
    pub(super) frame: Bytes,
    pub(super) fd: F,
    /// How often it is transmitted at most.
    pub(super) most: u32,
}

pub(super) enum Outgoing<F> {
    Plain { ticket: Option<Ticket>, frame: Vec<u8> },
    Handle(Sent<F>),
}

/// What a reply of the peer leads to.
pub(super) enum Replied<F> {
    /// Nobody waits for one: the peer's mistake.
    Unexpected,
    /// The handle is the peer's now.
    Taken(Sent<F>),
    /// It is to be transmitted once more.
    Again,
    /// It was refused for the last time.
    Refused(Sent<F>),
}

impl<F> Handoff<F> {
    pub(super) fn flight(&self) -> Option<&Flight<F>> {
        match self {
            Handoff::Ready => None,
            Handoff::Writing(flight) | Handoff::AwaitingAck(flight) => Some(flight),
        }
    }

    fn flight_mut(&mut self) -> Option<&mut Flight<F>> {
        match self {
            Handoff::Ready => None,
            Handoff::Writing(flight) | Handoff::AwaitingAck(flight) => Some(flight),
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.flight().map_or(0, |flight| flight.held.bytes)
    }

    /// Holds the message if a handle is in flight; otherwise gives it back, to be written now.
    pub(super) fn hold(&mut self, message: Outgoing<F>) -> Option<Outgoing<F>> {
        let Some(flight) = self.flight_mut() else {
            return Some(message);
        };
        flight.held.push(message);
        None
    }

    /// The handle takes off, with what waits behind it: its frame is being put into the outbox.
    pub(super) fn start(&mut self, sent: Sent<F>, held: Held<F>) {
        debug_assert!(matches!(self, Handoff::Ready));
        *self = Handoff::Writing(Flight { sent, transmissions: 1, held });
    }

    /// The last byte of the frame is written.
    pub(super) fn written(&mut self) {
        *self = match std::mem::replace(self, Handoff::Ready) {
            Handoff::Writing(flight) => Handoff::AwaitingAck(flight),
            other => other,
        };
    }

    /// The peer acknowledged.
    pub(super) fn ack(&mut self) -> (Replied<F>, Held<F>) {
        match std::mem::replace(self, Handoff::Ready) {
            Handoff::AwaitingAck(flight) => (Replied::Taken(flight.sent), flight.held),
            other => self.unexpected(other),
        }
    }

    /// The peer had no descriptor.
    pub(super) fn nack(&mut self) -> (Replied<F>, Held<F>) {
        match std::mem::replace(self, Handoff::Ready) {
            Handoff::AwaitingAck(mut flight) if flight.transmissions < flight.sent.most => {
                flight.transmissions += 1;
                *self = Handoff::Writing(flight);
                (Replied::Again, Held::default())
            }
            Handoff::AwaitingAck(flight) => (Replied::Refused(flight.sent), flight.held),
            other => self.unexpected(other),
        }
    }

    fn unexpected(&mut self, state: Handoff<F>) -> (Replied<F>, Held<F>) {
        *self = state;
        (Replied::Unexpected, Held::default())
    }

    /// Takes back the handle whose frame has not begun to be written.
    pub(super) fn cancel(&mut self) -> Option<(Sent<F>, Held<F>)> {
        match std::mem::replace(self, Handoff::Ready) {
            Handoff::Writing(flight) => Some((flight.sent, flight.held)),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Takes back a held message.
    pub(super) fn withdraw_held(&mut self, ticket: Ticket) -> Option<Outgoing<F>> {
        self.flight_mut()?.held.remove(ticket)
    }

    /// The peer reads no more: what is not written is lost, but the reply to what is written may
    /// still come.
    pub(super) fn broken(&mut self) -> Held<F> {
        match self {
            Handoff::AwaitingAck(flight) => std::mem::take(&mut flight.held),
            Handoff::Ready | Handoff::Writing(_) => Held::default(),
        }
    }

    /// The channel is over.
    pub(super) fn end(&mut self) -> Option<(Sent<F>, Held<F>)> {
        match std::mem::replace(self, Handoff::Ready) {
            Handoff::Ready => None,
            Handoff::Writing(flight) | Handoff::AwaitingAck(flight) => Some((flight.sent, flight.held)),
        }
    }
}

impl<F> Held<F> {
    fn push(&mut self, message: Outgoing<F>) {
        self.bytes += message.len();
        self.queue.push_back(message);
    }

    pub(super) fn pop(&mut self) -> Option<Outgoing<F>> {
        let message = self.queue.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Outgoing<F>> {
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

impl<F> Outgoing<F> {
    pub(super) fn ticket(&self) -> Option<Ticket> {
        match self {
            Outgoing::Plain { ticket, .. } => *ticket,
            Outgoing::Handle(sent) => Some(sent.ticket),
        }
    }

    fn len(&self) -> usize {
        match self {
            Outgoing::Plain { frame, .. } => frame.len(),
            Outgoing::Handle(sent) => sent.frame.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum State {
        Ready,
        Writing,
        AwaitingFirst,
        AwaitingLast,
    }

    fn in_state(state: State) -> Handoff<u32> {
        let mut handoff = Handoff::Ready;
        if state == State::Ready {
            return handoff;
        }
        handoff.start(
            Sent { ticket: 1, frame: b"{}\n".to_vec().into(), fd: 7, most: TRANSMISSIONS },
            Held::default(),
        );
        assert!(handoff.hold(Outgoing::Plain { ticket: Some(2), frame: b"2\n".to_vec() }).is_none());
        if state == State::Writing {
            return handoff;
        }
        handoff.written();
        if state == State::AwaitingLast {
            for _ in 1..TRANSMISSIONS {
                assert!(matches!(handoff.nack().0, Replied::Again));
                handoff.written();
            }
        }
        handoff
    }

    fn name(handoff: &Handoff<u32>) -> &'static str {
        match handoff {
            Handoff::Ready => "ready",
            Handoff::Writing(_) => "writing",
            Handoff::AwaitingAck(_) => "awaiting",
        }
    }

    /// Each row: the state, the input, the state after it, and what came out of it.
    #[test]
    fn hnd_7_hnd_9_hnd_12_every_state_answers_every_input() {
        use State::*;
        type Row = (State, &'static str, &'static str, &'static str);
        let rows: &[Row] = &[
            (Ready, "send", "ready", "passed on"),
            (Writing, "send", "writing", "held"),
            (AwaitingFirst, "send", "awaiting", "held"),
            (AwaitingLast, "send", "awaiting", "held"),
            (Ready, "send_handle", "ready", "passed on"),
            (Writing, "send_handle", "writing", "held"),
            (AwaitingFirst, "send_handle", "awaiting", "held"),
            (AwaitingLast, "send_handle", "awaiting", "held"),
            (Ready, "written", "ready", ""),
            (Writing, "written", "awaiting", ""),
            (AwaitingFirst, "written", "awaiting", ""),
            (AwaitingLast, "written", "awaiting", ""),
            (Ready, "ack", "ready", "unexpected"),
            (Writing, "ack", "writing", "unexpected"),
            (AwaitingFirst, "ack", "ready", "taken, 1 held"),
            (AwaitingLast, "ack", "ready", "taken, 1 held"),
            (Ready, "nack", "ready", "unexpected"),
            (Writing, "nack", "writing", "unexpected"),
            (AwaitingFirst, "nack", "writing", "again"),
            (AwaitingLast, "nack", "ready", "refused, 1 held"),
            (Ready, "cancel", "ready", "nothing"),
            (Writing, "cancel", "ready", "handle 7, 1 held"),
            (AwaitingFirst, "cancel", "awaiting", "nothing"),
            (AwaitingLast, "cancel", "awaiting", "nothing"),
            (Ready, "broken", "ready", "0 held"),
            (Writing, "broken", "writing", "0 held"),
            (AwaitingFirst, "broken", "awaiting", "1 held"),
            (AwaitingLast, "broken", "awaiting", "1 held"),
            (Ready, "end", "ready", "nothing"),
            (Writing, "end", "ready", "handle 7, 1 held"),
            (AwaitingFirst, "end", "ready", "handle 7, 1 held"),
            (AwaitingLast, "end", "ready", "handle 7, 1 held"),
        ];
        for &(state, input, after, out) in rows {
            let mut handoff = in_state(state);
            let seen = apply(&mut handoff, input);
            assert_eq!((name(&handoff), seen.as_str()), (after, out), "{state:?} x {input}");
        }
    }

    fn apply(handoff: &mut Handoff<u32>, input: &str) -> String {
        let held = |passed: Option<Outgoing<u32>>| match passed {
            Some(_) => "passed on".to_string(),
            None => "held".to_string(),
        };
        let ended = |end: Option<(Sent<u32>, Held<u32>)>| match end {
            Some((sent, held)) => format!("handle {}, {} held", sent.fd, held.queue.len()),
            None => "nothing".to_string(),
        };
        match input {
            "send" => held(handoff.hold(Outgoing::Plain { ticket: Some(3), frame: b"3\n".to_vec() })),
            "send_handle" => {
                let sent = Sent { ticket: 3, frame: b"{}\n".to_vec().into(), fd: 8, most: TRANSMISSIONS };
                held(handoff.hold(Outgoing::Handle(sent)))
            }
            "written" => {
                handoff.written();
                String::new()
            }
            "ack" | "nack" => {
                let (replied, held) = if input == "ack" { handoff.ack() } else { handoff.nack() };
                match replied {
                    Replied::Unexpected => "unexpected".to_string(),
                    Replied::Again => "again".to_string(),
                    Replied::Taken(_) => format!("taken, {} held", held.queue.len()),
                    Replied::Refused(_) => format!("refused, {} held", held.queue.len()),
                }
            }
            "cancel" => ended(handoff.cancel()),
            "broken" => format!("{} held", handoff.broken().queue.len()),
            "end" => ended(handoff.end()),
            _ => unreachable!(),
        }
    }
}
