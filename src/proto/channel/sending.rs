//! What is sent: messages and handles of our caller, and in which order they are written.

use super::Channel;
use crate::error::SendError;
use crate::proto::event::{LossReason, Transmit};
use crate::proto::handoff::{Handoff, Held, Pending, PendingHandle, TRANSMISSIONS, Ticket};
use crate::proto::outbox::Carries;
use crate::proto::sockets::Question;
use crate::wire::control::{self, SocketKey};

/// Commands.
impl<F> Channel<F> {
    /// Accepts a frame made by [`json::encode`](crate::wire::json::encode) or
    /// [`advanced::encode`](crate::wire::advanced::encode). It is written when
    /// [`is_written`](Self::is_written) says so.
    pub fn send(&mut self, frame: Vec<u8>) -> Result<Ticket, SendError> {
        self.check(&frame)?;
        let ticket = self.ticket();
        self.push(Pending::Plain { ticket: Some(ticket), frame });
        Ok(ticket)
    }

    /// Accepts a frame of Node's own machinery, such as the cluster's.
    pub fn send_internal(&mut self, frame: Vec<u8>) -> Result<Ticket, SendError> {
        if !self.state.accepts() {
            return Err(self.closed());
        }
        let ticket = self.ticket();
        self.push(Pending::Plain { ticket: Some(ticket), frame });
        Ok(ticket)
    }

    /// Accepts a small message that is to be written together with others. It cannot be withdrawn.
    pub fn feed(&mut self, frame: &[u8]) -> Result<(), SendError> {
        self.check(frame)?;
        let ticket = self.ticket();
        match self.handoff {
            Handoff::Ready => self.outbox.append(ticket, frame),
            Handoff::Writing(..) | Handoff::AwaitingAck(_) => {
                self.push(Pending::Plain { ticket: Some(ticket), frame: frame.to_vec() });
            }
        }
        Ok(())
    }

    /// Accepts a handle with a frame made by [`control::encode_handle`]. Its [`Outcome`](crate::proto::Outcome) follows.
    /// A handle that is not accepted is given back. The caller makes sure that the message inside is not
    /// reserved ([`control::reserved_cmd`]), unless it is Node's own.
    pub fn send_handle(&mut self, frame: Vec<u8>, fd: F) -> Result<Ticket, (SendError, F)> {
        self.accept_handle(frame, fd, TRANSMISSIONS)
    }

    /// The same, but it is transmitted once, as Node does with those of a cluster (HND-9). A worker that
    /// does not get it says so itself, and would answer the second transmission too (CLU-13).
    pub fn send_handle_once(&mut self, frame: Vec<u8>, fd: F) -> Result<Ticket, (SendError, F)> {
        self.accept_handle(frame, fd, 1)
    }

    fn accept_handle(
        &mut self,
        frame: Vec<u8>,
        fd: F,
        max_transmissions: u32,
    ) -> Result<Ticket, (SendError, F)> {
        if !self.state.accepts() {
            return Err((self.closed(), fd));
        }
        let ticket = self.ticket();
        self.push(Pending::Handle(PendingHandle { ticket, frame, fd, max_transmissions }));
        Ok(ticket)
    }

    /// Asks the peer about the sockets that it was sent with this key. The [`Outcome`](crate::proto::Outcome) follows.
    pub fn ask(&mut self, key: &SocketKey, question: Question) -> Result<Ticket, SendError> {
        if !self.state.accepts() {
            return Err(self.closed());
        }
        let ticket = self.ticket();
        self.questions.ask(key, question, ticket);
        let frame = match question {
            Question::Count => control::encode_get_count(self.serialization, key),
            Question::AllClosed => control::encode_notify_close(self.serialization, key),
        };
        self.push(Pending::Plain { ticket: Some(ticket), frame });
        Ok(ticket)
    }

    /// Takes a message back, unless its first byte is written. `Some(Some(..))` is the handle that was to
    /// go with it.
    pub fn withdraw(&mut self, ticket: Ticket) -> Option<Option<F>> {
        if let Some(message) = self.handoff.withdraw_held(ticket) {
            return Some(match message {
                Pending::Plain { .. } => None,
                Pending::Handle(handle) => Some(handle.fd),
            });
        }
        if self.handoff.ticket() != Some(ticket) {
            return self.outbox.withdraw(ticket).then_some(None);
        }
        let (handle, held) = self.handoff.cancel()?;
        self.replay(held);
        Some(Some(handle.fd))
    }

    /// The kernel refuses to carry the descriptor of the last transmit. Its message is given up,
    /// and the channel goes on.
    pub fn handle_unsendable(&mut self, errno: i32) {
        if let Some((handle, held)) = self.handoff.cancel() {
            self.lose(handle, LossReason::System { errno });
            self.replay(held);
        }
    }

    fn check(&self, frame: &[u8]) -> Result<(), SendError> {
        if !self.state.accepts() {
            return Err(self.closed());
        }
        match control::reserved_cmd(self.serialization, frame) {
            Some(cmd) => Err(SendError::Reserved { cmd }),
            None => Ok(()),
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        self.next_ticket
    }
}

/// The order in which messages are written.
impl<F> Channel<F> {
    pub(super) fn push(&mut self, message: Pending<F>) {
        match self.handoff.hold(message) {
            None => {}
            Some(Pending::Plain { ticket, frame }) => self.write(ticket, frame),
            Some(Pending::Handle(handle)) => self.handoff.start(handle, Held::default()),
        }
    }

    /// What was held goes on in order: up to the next handle, behind which the rest is held again.
    pub(super) fn replay(&mut self, mut held: Held<F>) {
        while let Some(message) = held.pop() {
            match message {
                Pending::Plain { ticket, frame } => self.write(ticket, frame),
                Pending::Handle(handle) => return self.handoff.start(handle, held),
            }
        }
    }

    fn write(&mut self, ticket: Option<Ticket>, bytes: Vec<u8>) {
        let carries = ticket.map_or(Carries::Answer(bytes.len()), Carries::Message);
        self.outbox.push(carries, bytes);
    }
}

/// To be written.
impl<F> Channel<F> {
    /// What to write next, in one call to the kernel. The message of a handle goes alone, after all
    /// that was accepted before it; the rest of one that was cut off goes first.
    pub fn poll_transmit(&self) -> Option<Transmit<'_, F>> {
        if !self.wants_output() {
            return None;
        }
        let handle = self.handoff.next_write().filter(|_| self.is_handles_turn());
        Some(match handle {
            Some(write) => Transmit::one(write.bytes, write.fd),
            None => Transmit::many(self.outbox.unwritten()),
        })
    }

    /// The kernel took the first `n` bytes of the last transmit.
    pub fn transmitted(&mut self, mut n: usize) {
        if self.is_handles_turn() {
            if let Some(ticket) = self.handoff.advance(n) {
                self.written = ticket;
            }
            return;
        }
        while let Some(completed) = self.outbox.advance(&mut n) {
            match completed {
                Carries::Message(ticket) | Carries::Batch(ticket, _) => self.written = ticket,
                Carries::Answer(length) => {
                    self.answers -= 1;
                    self.answer_bytes -= length;
                }
            }
        }
    }

    fn is_handles_turn(&self) -> bool {
        self.handoff.has_begun() || self.outbox.is_empty()
    }

    /// Whether there is something to write to a peer that may still read it.
    pub fn wants_output(&self) -> bool {
        let is_due = !self.outbox.is_empty() || matches!(self.handoff, Handoff::Writing(..));
        is_due && self.state.writes()
    }

    /// Whether the kernel has all of this message. Never true for a message that was lost with
    /// the channel. What happened to a handle is told by its [`Outcome`](crate::proto::Outcome).
    pub fn is_written(&self, ticket: Ticket) -> bool {
        ticket <= self.written
    }

    /// The last message of our caller that the kernel has all of.
    pub fn last_written(&self) -> Ticket {
        self.written
    }

    /// How many messages were accepted and, because the channel ended, not written. What happened to
    /// handles is told by their [`Outcome`](crate::proto::Outcome)s.
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// Bytes that were accepted and are not written yet.
    pub fn queued_bytes(&self) -> usize {
        self.outbox.queued_bytes() + self.handoff.queued_bytes()
    }
}
