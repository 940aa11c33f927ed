//! What comes out of a channel: events, outcomes, and what to write.

use std::io::IoSlice;

use super::Ticket;
use crate::error::ProtocolError;
use crate::message::Payload;
use crate::wire::control::SocketKey;

/// How many messages are put together into one write.
const MAX_SLICES: usize = 64;

/// Something that was received.
#[derive(Debug)]
pub enum Event<F> {
    /// A message, perhaps with a handle.
    Message {
        /// The message.
        payload: Payload,
        /// The handle that came with it.
        handle: Option<Attached<F>>,
    },
    /// A message of the cluster's, once [`Channel::join_cluster`](super::Channel::join_cluster) was
    /// called.
    Cluster {
        /// The message.
        payload: Payload,
        /// The descriptor that came with it.
        handle: Option<Attached<F>>,
    },
    /// Something that is not a message. The channel goes on.
    Invalid(ProtocolError),
    /// The channel is closed. The last event.
    Disconnected {
        /// How many messages were accepted and never written.
        lost: usize,
    },
}

/// A descriptor as it came, not yet looked at.
#[derive(Debug)]
pub struct Attached<F> {
    /// The descriptor.
    pub fd: F,
    /// The wire type as the peer wrote it.
    pub wire_type: String,
    /// The list that the socket is counted in: tell [`Channel::socket_closed`](super::Channel::socket_closed) when it is closed.
    pub key: Option<SocketKey>,
}

/// What happened to a handle that was sent, or of a question about such handles.
#[derive(Debug)]
pub enum Outcome<F> {
    /// The peer has it. Our copy comes back, to be closed or kept.
    Acked {
        /// Which one.
        ticket: Ticket,
        /// Our copy.
        fd: F,
    },
    /// The peer does not have it.
    Lost {
        /// Which one.
        ticket: Ticket,
        /// The handle.
        fd: F,
        /// Why.
        reason: LossReason,
    },
    /// The peer answered [`Channel::ask`](super::Channel::ask): how many are open.
    Answered {
        /// Which question.
        ticket: Ticket,
        /// How many sockets are open at the peer; none for [`Question::AllClosed`](super::Question::AllClosed).
        open: usize,
    },
    /// The channel ended before the answer.
    Unanswered {
        /// Which question.
        ticket: Ticket,
    },
}

impl<F> Outcome<F> {
    /// Which message it is about.
    pub fn ticket(&self) -> Ticket {
        match self {
            Outcome::Acked { ticket, .. }
            | Outcome::Lost { ticket, .. }
            | Outcome::Answered { ticket, .. }
            | Outcome::Unanswered { ticket } => *ticket,
        }
    }
}

/// Why a handle did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossReason {
    /// The peer refused it this many times.
    Refused {
        /// How often it was transmitted.
        transmissions: u32,
    },
    /// The channel ended first.
    Disconnected,
    /// The kernel would not carry it.
    System {
        /// The error number.
        errno: i32,
    },
}

/// What to write next, in one system call.
pub struct Transmit<'a, F> {
    slices: Slices<'a>,
    fd: Option<&'a F>,
}

/// Most writes are one message: it takes no memory.
enum Slices<'a> {
    One(IoSlice<'a>),
    Many(Vec<IoSlice<'a>>),
}

impl<'a, F> Transmit<'a, F> {
    /// A handle's message.
    pub(super) fn one(bytes: &'a [u8], fd: Option<&'a F>) -> Self {
        Transmit { slices: Slices::One(IoSlice::new(bytes)), fd }
    }

    /// Messages that are written together, as many as one write takes.
    pub(super) fn many(mut slices: impl Iterator<Item = IoSlice<'a>>) -> Self {
        let (first, second) = (slices.next(), slices.next());
        let slices = match (first, second) {
            (Some(only), None) => Slices::One(only),
            (first, second) => {
                Slices::Many(first.into_iter().chain(second).chain(slices).take(MAX_SLICES).collect())
            }
        };
        Transmit { slices, fd: None }
    }

    /// The bytes, in order.
    pub fn slices(&self) -> &[IoSlice<'a>] {
        match &self.slices {
            Slices::One(only) => std::slice::from_ref(only),
            Slices::Many(many) => many,
        }
    }

    /// The descriptor that rides on the first byte.
    pub fn fd(&self) -> Option<&'a F> {
        self.fd
    }
}
