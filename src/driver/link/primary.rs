//! A link of a cluster's primary to one of its workers: what is sent by the primary itself, and
//! what comes back of it.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::Weak;

use super::receiving::Received;
use super::{Link, Step, decode_cluster};
use crate::error::Error;
use crate::handle::SocketOwner;
use crate::message;
use crate::proto::cluster::Message;
use crate::proto::cluster::primary::ServerId;
use crate::proto::{ClusterRole, LossReason, Outcome, Ticket};
use crate::wire::control::{self, HandleType};

/// The longest message of a cluster that is read: they have a path and the keys of TLS at most.
const MAX_MESSAGE: usize = 64 * 1024;

/// How many answers may wait for a worker to read them. As long as more do, none of its messages is
/// dealt with; but acknowledgements are, on which they may wait.
const MOST_ANSWERS: usize = 128;

/// The descriptors that the primary itself has sent, until the channel is done with them.
#[derive(Default)]
pub(super) struct Parcels {
    /// The other end is a worker of ours.
    is_leading: bool,
    sent: HashMap<Ticket, Parcel>,
    done: VecDeque<Returned>,
    /// The last answers to the worker, [`MOST_ANSWERS`] at most.
    answers: VecDeque<Ticket>,
    /// Nobody wants to hear from the worker for now.
    held_back: bool,
    /// The worker's process has ended: how many reads may still find something.
    last_reads: Option<u32>,
}

/// Why a descriptor was sent.
pub(crate) enum Parcel {
    /// A connection, offered in the message of this number (CLU-13).
    Connection(u64),
    /// A server's socket, with the reply to a query (CLU-11).
    Server(ServerId, Box<Message>),
}

/// A descriptor that the channel is done with.
pub(crate) struct Returned {
    pub(crate) parcel: Parcel,
    pub(crate) fd: OwnedFd,
    /// The worker has it; or why not.
    pub(crate) arrived: Result<(), i32>,
}

/// Something of a worker's that its primary has to deal with.
pub(crate) enum News {
    Returned(Returned),
    Cluster(Message),
    Message(message::Message),
    /// It sent something that makes no sense. More may follow.
    Invalid(Error),
    /// The channel is over.
    Over(Option<Error>),
}

impl Parcels {
    /// Takes what became of one of them; another's is given back.
    pub(super) fn settle(&mut self, outcome: Outcome<OwnedFd>) -> Option<Outcome<OwnedFd>> {
        let Some(parcel) = self.sent.remove(&outcome.ticket()) else {
            return Some(outcome);
        };
        let (fd, arrived) = match outcome {
            Outcome::Acked { fd, .. } => (fd, Ok(())),
            Outcome::Lost { fd, reason, .. } => (
                fd,
                Err(match reason {
                    // It has no descriptors free (HND-6).
                    LossReason::Refused { .. } => libc::EMFILE,
                    LossReason::Disconnected => libc::EPIPE,
                    LossReason::System { errno } => errno,
                }),
            ),
            Outcome::Answered { .. } | Outcome::Unanswered { .. } => return None,
        };
        self.done.push_back(Returned { parcel, fd, arrived });
        None
    }
}

impl Parcels {
    fn answered(&mut self, ticket: Ticket) {
        if self.answers.len() == MOST_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back(ticket);
    }
}

impl Link {
    /// From now on this is the channel to a worker.
    pub(crate) fn lead(&mut self) {
        self.parcels.is_leading = true;
        self.core.join_cluster(ClusterRole::Primary);
    }

    /// Accepts a message of the cluster.
    pub(crate) fn submit_cluster(&mut self, message: &Message) -> Result<(), Error> {
        let ticket = self.submit_internal(message)?;
        self.parcels.answered(ticket);
        self.write();
        Ok(())
    }

    /// Accepts a message of the cluster with a descriptor, which comes back as a [`Returned`]. It
    /// must be one that travels safely as this type.
    pub(crate) fn submit_parcel(
        &mut self,
        message: &Message,
        wire_type: HandleType,
        fd: OwnedFd,
        parcel: Parcel,
    ) -> Result<(), Returned> {
        let frame = match self.encoder.frame(message) {
            Ok(frame) => frame,
            Err(_) => return Err(Returned { parcel, fd, arrived: Err(libc::EINVAL) }),
        };
        let frame = control::encode_handle(self.encoder.serialization(), wire_type, &frame, None, None);
        match self.core.send_handle_once(frame, fd) {
            Ok(ticket) => {
                self.parcels.sent.insert(ticket, parcel);
                self.parcels.answered(ticket);
                self.write();
                Ok(())
            }
            Err((_, fd)) => Err(Returned { parcel, fd, arrived: Err(libc::EPIPE) }),
        }
    }

    /// What is new, descriptors first: what comes from the worker may be about them.
    pub(crate) fn news(&mut self, owner: impl Fn() -> Weak<dyn SocketOwner>) -> Option<News> {
        let received = loop {
            if let Some(returned) = self.parcels.done.pop_front() {
                return Some(News::Returned(returned));
            }
            if self.parcels.held_back || self.is_not_read() {
                return None;
            }
            match self.received(&owner) {
                Some(received) => break received,
                None if self.reads_on() => {}
                None => return None,
            }
        };
        Some(match received {
            Received::Cluster(payload) => match decode_cluster(&payload, MAX_MESSAGE) {
                Ok(message) => News::Cluster(message),
                Err(error) => News::Invalid(error.into()),
            },
            Received::User(Ok(Some(message))) => News::Message(message),
            Received::User(Ok(None)) => News::Over(None),
            Received::User(Err(error)) if error.is_protocol() => News::Invalid(error),
            Received::User(Err(error)) => News::Over(Some(error)),
        })
    }

    /// Whether [`news`](Self::news) would give something.
    pub(super) fn has_news(&self) -> bool {
        let is_heard = !self.parcels.held_back && !self.is_not_read();
        !self.parcels.done.is_empty()
            || is_heard && (self.core.waiting_events() > 0 || self.parcels.last_reads.is_some())
    }

    /// Whether this is the channel to a worker.
    pub(super) fn is_leading(&self) -> bool {
        self.parcels.is_leading
    }

    /// Whether too many answers wait for the worker.
    fn is_not_read(&self) -> bool {
        let answers = &self.parcels.answers;
        answers.len() == MOST_ANSWERS
            && self.parcels.last_reads.is_none()
            && answers.front().is_some_and(|oldest| !self.core.is_written(*oldest))
            && !self.core.is_broken()
    }

    /// Does not want to hear from the worker, or does again.
    pub(crate) fn hold_back(&mut self, hold: bool) {
        self.parcels.held_back = hold;
    }

    /// Whether nothing is to be read. An acknowledgement is, for all that is sent may wait for it
    /// (HND-7), and who sends may be who takes the worker's messages; what comes before it is kept,
    /// as far as the limits allow.
    pub(super) fn is_held_back(&self) -> bool {
        self.parcels.held_back && !self.core.awaits_reply()
    }

    /// The worker's process has ended. What it has left is taken as [`news`](Self::news), however late,
    /// and then the channel is closed, which others that it has started may have open.
    pub(crate) fn bury(&mut self) {
        // More than this many messages fit in no socket's buffer.
        self.parcels.last_reads = Some(4096);
    }

    /// Reads more of what a worker has left that has ended. False if it has not, or all is read.
    fn reads_on(&mut self) -> bool {
        let Some(left) = self.parcels.last_reads.filter(|_| !self.core.is_closed()) else {
            return false;
        };
        self.readable();
        if left == 0 || self.read() == Step::Blocked {
            self.end();
        }
        self.parcels.last_reads = Some(left.saturating_sub(1));
        true
    }
}
