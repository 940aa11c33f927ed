//! How a channel ends: by us, by the peer, or by accident.

use super::{Channel, ChannelState};
use crate::error::SendError;
use crate::proto::event::{Event, LossReason, Outcome};
use crate::proto::handoff::{Handoff, Held, Pending, PendingHandle};
use crate::proto::sockets::Sockets;

/// By the peer.
impl<F> Channel<F> {
    /// Writing failed, because the peer is gone or closed its end. What it wrote before can still
    /// be read.
    pub fn handle_broken(&mut self) {
        let before = self.state;
        self.state.broken();
        match (before, self.state) {
            // The reply to what is written may still come.
            (ChannelState::Open, _) if matches!(self.handoff, Handoff::AwaitingAck(_)) => {
                self.lost += self.outbox.clear();
                let held = self.handoff.broken();
                self.lose_held(held);
            }
            (ChannelState::Open, _) => self.lose_outgoing(),
            (_, ChannelState::Closed { .. }) if !before.is_closed() => self.closed_now(),
            _ => {}
        }
    }

    /// The end of the stream, or a reset: both mean that the peer is gone (LIFE-2). Half a
    /// message is dropped (SER-8).
    pub fn handle_end(&mut self) {
        if !self.state.is_closed() {
            self.state.end();
            self.closed_now();
        }
    }
}

/// By us.
impl<F> Channel<F> {
    /// Ends the channel: what was accepted is still written, and handles that come meanwhile are
    /// still acknowledged (LIFE-5), but nothing more is delivered (LIFE-4). When
    /// [`is_flushed`](Self::is_flushed), either close the socket and call
    /// [`handle_end`](Self::handle_end), or close it for writing and call
    /// [`half_close`](Self::half_close).
    ///
    /// # Errors
    /// If the channel has ended, or is about to.
    pub fn disconnect(&mut self) -> Result<(), SendError> {
        self.state.disconnect()?;
        self.waiting.clear();
        self.sockets = Sockets::default();
        if self.state.is_closed() {
            self.closed_now();
        }
        Ok(())
    }

    /// Nothing more is written, and the peer is about to be told so. Until it closes its end too, read
    /// on: answers to our questions may still come, and a Node process that cannot write one fails.
    pub fn half_close(&mut self) {
        if self.is_flushed() {
            self.state.half_close();
        }
    }

    /// Ends the channel at once. What is not written is lost.
    pub fn close(&mut self) {
        if !self.state.is_closed() {
            self.state.close();
            self.closed_now();
        }
    }
}

/// What is lost when it ends.
impl<F> Channel<F> {
    fn closed_now(&mut self) {
        self.inbox.clear();
        self.sockets = Sockets::default();
        self.lose_outgoing();
        self.outcomes.extend(self.questions.end().map(|ticket| Outcome::Unanswered { ticket }));
        self.waiting.push_last(Event::Disconnected { lost: self.lost });
    }

    pub(super) fn lose_outgoing(&mut self) {
        self.lost += self.outbox.clear() + usize::from(self.handoff.is_unwritten());
        if let Some((handle, held)) = self.handoff.end() {
            self.lose(handle, LossReason::Disconnected);
            self.lose_held(held);
        }
    }

    fn lose_held(&mut self, mut held: Held<F>) {
        while let Some(message) = held.pop() {
            self.lost += usize::from(message.ticket().is_some());
            if let Pending::Handle(handle) = message {
                self.lose(handle, LossReason::Disconnected);
            }
        }
    }

    pub(super) fn lose(&mut self, handle: PendingHandle<F>, reason: LossReason) {
        self.outcomes.push_back(Outcome::Lost { ticket: handle.ticket, fd: handle.fd, reason });
    }
}
