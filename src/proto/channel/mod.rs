//! The channel: one machine for either role and either driver.
//!
//! - **Input** (`input`): [`read_buffer`](Channel::read_buffer) and
//!   [`handle_input`](Channel::handle_input), while [`wants_input`](Channel::wants_input).
//! - **Commands** (`sending`): [`send`](Channel::send), [`send_handle`](Channel::send_handle),
//!   [`ask`](Channel::ask), [`withdraw`](Channel::withdraw),
//!   [`socket_closed`](Channel::socket_closed).
//! - **Output** (`sending`): [`poll_transmit`](Channel::poll_transmit) and then
//!   [`transmitted`](Channel::transmitted).
//! - **What happened** (`waiting`): [`poll_event`](Channel::poll_event),
//!   [`poll_outcome`](Channel::poll_outcome).
//! - **The end** (`ending`, and `state`, which has the picture): [`disconnect`](Channel::disconnect),
//!   [`half_close`](Channel::half_close), [`close`](Channel::close),
//!   [`handle_broken`](Channel::handle_broken), [`handle_end`](Channel::handle_end).
//!
//! They may be called in any order. After any input or command there may be something to write and
//! something that happened.

mod ending;
mod input;
mod sending;
mod state;
mod waiting;

use std::collections::VecDeque;

use super::cluster::worker::Carried;
use super::event::{Attached, Event, Outcome};
use super::handoff::{Handoff, Ticket};
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::sockets::{Questions, Sockets};
use crate::error::SendError;
use crate::limits::Limits;
use crate::message::Payload;
use crate::wire::Serialization;
use state::ChannelState;
use waiting::Waiting;

/// How many replies and answers may wait for a peer that does not read before we stop reading
/// from it, or leave answers out. Replies are short, and the bytes of answers are limited too.
const MAX_WAITING_REPLIES: usize = 1024;

/// A channel, generic over the descriptor type `F`.
pub struct Channel<F> {
    serialization: Serialization,
    limits: Limits,
    state: ChannelState,
    inbox: Inbox<F>,
    /// What was received, until our user takes it.
    waiting: Waiting<F>,
    cluster: ClusterMessages<F>,
    /// The reply to a handle whose message is too long, due at the end of it.
    due_reply: Option<&'static [u8]>,
    outbox: Outbox,
    handoff: Handoff<F>,
    outcomes: VecDeque<Outcome<F>>,
    next_ticket: Ticket,
    /// The last message of our caller that the kernel has all of.
    written: Ticket,
    /// Messages that were accepted and never written.
    lost: usize,
    sockets: Sockets,
    questions: Questions,
    /// Answers to the peer's questions that have not been written (SOCK-6), and their bytes.
    answers: usize,
    answer_bytes: usize,
}

/// What happens to messages of a cluster.
enum ClusterMessages<F> {
    /// They are swallowed: this channel is not part of a cluster.
    Ignored,
    /// They are events among the others, in their order.
    InOrder,
    /// They wait in a queue of their own, so that messages that wait for the user do not delay them.
    Apart(VecDeque<(Payload, Carried<Attached<F>>)>),
}

/// Which part of a cluster is at this end of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterRole {
    /// Its messages are events in their order: [`Event::Cluster`].
    Primary,
    /// Its messages come from [`poll_cluster`](Channel::poll_cluster), which is to be called after
    /// each input.
    Worker,
}

impl<F> Channel<F> {
    /// A channel on which nothing has happened yet.
    pub fn new(serialization: Serialization, limits: Limits) -> Self {
        Channel {
            serialization,
            limits,
            state: ChannelState::Open,
            inbox: Inbox::new(serialization),
            waiting: Waiting::new(),
            cluster: ClusterMessages::Ignored,
            due_reply: None,
            outbox: Outbox::default(),
            handoff: Handoff::Ready,
            outcomes: VecDeque::new(),
            next_ticket: 0,
            written: 0,
            lost: 0,
            sockets: Sockets::default(),
            questions: Questions::default(),
            answers: 0,
            answer_bytes: 0,
        }
    }

    /// From now on messages of a cluster are received. Before, they are swallowed (INT-1).
    pub fn join_cluster(&mut self, role: ClusterRole) {
        self.cluster = match role {
            ClusterRole::Primary => ClusterMessages::InOrder,
            ClusterRole::Worker => ClusterMessages::Apart(VecDeque::new()),
        };
    }
}

/// Backpressure, and what happened.
impl<F> Channel<F> {
    /// Whether input is wanted now. This is the backpressure on the peer: nothing is read while as much
    /// as the limits allow waits to be received, or while the peer does not read our replies.
    pub fn wants_input(&self) -> bool {
        !self.is_closed() && !self.is_full() && self.outbox.replies() < MAX_WAITING_REPLIES
    }

    /// Whether as much as the limits allow waits to be received.
    pub fn is_full(&self) -> bool {
        self.waiting.is_full(&self.limits)
    }

    /// What was received, in order.
    pub fn poll_event(&mut self) -> Option<Event<F>> {
        self.waiting.pop()
    }

    /// How many events wait.
    pub fn waiting_events(&self) -> usize {
        self.waiting.len()
    }

    /// The next message of the cluster's primary, for a [`ClusterRole::Worker`].
    pub fn poll_cluster(&mut self) -> Option<(Payload, Carried<Attached<F>>)> {
        match &mut self.cluster {
            ClusterMessages::Apart(waiting) => waiting.pop_front(),
            ClusterMessages::Ignored | ClusterMessages::InOrder => None,
        }
    }

    /// What happened to the handles that were sent, in order.
    pub fn poll_outcome(&mut self) -> Option<Outcome<F>> {
        self.outcomes.pop_front()
    }

    /// Bytes that the peer makes us keep, beside the messages that wait to be received. These are unread
    /// bytes of the next message, replies and answers that are not written, and the names of the socket
    /// lists. The [`Limits`] bound all except the names, which are short.
    pub fn kept_bytes(&self) -> usize {
        self.inbox.unread_bytes() + self.outbox.reply_bytes() + self.answer_bytes + self.sockets.name_bytes()
    }
}

/// The state.
impl<F> Channel<F> {
    /// Whether messages can still be sent.
    pub fn is_connected(&self) -> bool {
        self.state.accepts()
    }

    /// Whether we only wait for the peer to close its end.
    pub fn is_half_closed(&self) -> bool {
        self.state == ChannelState::HalfClosed
    }

    /// Whether we have ended the channel, or are about to.
    pub fn has_left(&self) -> bool {
        self.state.has_left()
    }

    /// Whether the peer reads no more, though what it wrote may still come.
    pub fn is_broken(&self) -> bool {
        self.state == ChannelState::Broken || self.is_closed()
    }

    /// Whether the channel is over.
    pub fn is_closed(&self) -> bool {
        self.state.is_closed()
    }

    /// Why nothing can be sent on a channel that is over.
    pub fn closed(&self) -> SendError {
        if self.has_left() { SendError::ClosedByUs } else { SendError::Closed }
    }

    /// Whether everything that was accepted is written and, if it was a handle, acknowledged.
    pub fn is_flushed(&self) -> bool {
        self.outbox.is_empty() && matches!(self.handoff, Handoff::Ready)
    }

    /// Whether a handle is in flight, and nothing else is written until the peer replies (HND-7).
    pub fn awaits_reply(&self) -> bool {
        matches!(self.handoff, Handoff::AwaitingAck(_))
    }

    /// Whether an answer to a question of ours may still come soon.
    pub fn awaits_count(&self) -> bool {
        self.questions.has_count()
    }
}
