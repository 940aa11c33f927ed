//! The link of a cluster's primary to one of its workers: what the primary itself sends, the descriptors
//! that come back, and the backpressure on the worker.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::Weak;

use super::receiving::Incoming;
use super::{Link, Role, Step, decode_cluster};
use crate::error::Error;
use crate::handle::SocketOwner;
use crate::message;
use crate::proto::cluster::Message;
use crate::proto::cluster::primary::ServerId;
use crate::proto::{Channel, ClusterRole, LossReason, Outcome, Ticket};
use crate::wire::control::{self, HandleType};

/// The longest message of a cluster that is read: they have a path and the keys of TLS at most.
const MAX_MESSAGE: usize = 64 * 1024;

/// How many answers may wait for a worker to read them. While more do, its messages are not handled, but
/// its acknowledgements are, for which the answers may wait.
const MOST_ANSWERS: usize = 128;

/// What a link has in addition, if we are the primary.
#[derive(Default)]
pub(crate) struct PrimaryRole {
    /// Why each descriptor was sent that is in flight.
    in_flight: HashMap<Ticket, SentFor>,
    returned: VecDeque<Returned>,
    /// The last answers to the worker, [`MOST_ANSWERS`] at most.
    answers: VecDeque<Ticket>,
    /// As many of its messages wait for our user as may: nothing is read from it.
    is_paused: bool,
    /// The worker's process has exited: how many reads may still find something.
    last_reads: Option<u32>,
}

/// Why a descriptor was sent.
pub(crate) enum SentFor {
    /// A connection, offered in the message of this number (CLU-13).
    Connection(u64),
    /// A connection of our own, which is the worker's when it has it.
    Own,
    /// Nothing: its worker is asked whether its event loop runs.
    Ping,
    /// A server's socket, with the reply to a query (CLU-11).
    Server(ServerId, Box<Message>),
}

/// A descriptor that the channel is done with.
pub(crate) struct Returned {
    pub(crate) sent_for: SentFor,
    pub(crate) fd: OwnedFd,
    /// The worker has it, or why not: an error number.
    pub(crate) arrived: Result<(), i32>,
}

/// Something that has happened on a link to a worker, and that the primary has to deal with.
pub(crate) enum LinkEvent {
    Returned(Returned),
    Cluster(Message),
    Message(message::Message),
    /// It has sent something that makes no sense. More may follow.
    Invalid(Error),
    /// The channel is closed. The last event.
    Disconnected(Option<Error>),
}

impl PrimaryRole {
    /// Takes the outcome, if it is about a descriptor of the primary's; gives it back otherwise.
    pub(super) fn settle(&mut self, outcome: Outcome<OwnedFd>) -> Option<Outcome<OwnedFd>> {
        let Some(sent_for) = self.in_flight.remove(&outcome.ticket()) else {
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
        self.returned.push_back(Returned { sent_for, fd, arrived });
        None
    }

    fn answered(&mut self, ticket: Ticket) {
        if self.answers.len() == MOST_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back(ticket);
    }
}

/// For the driver.
impl Link {
    /// From now on this is the channel to a worker.
    pub(crate) fn join_as_primary(&mut self) {
        self.core.join_cluster(ClusterRole::Primary);
        self.role = Role::Primary(Box::default());
    }

    /// Accepts a message of the cluster.
    pub(crate) fn submit_cluster(&mut self, message: &Message) -> Result<(), Error> {
        let frame = self.encoder.frame(message)?;
        let ticket = self.core.send_internal(frame)?;
        if let Role::Primary(primary) = &mut self.role {
            primary.answered(ticket);
        }
        self.write();
        Ok(())
    }

    /// Accepts a message of the cluster with a descriptor, which comes back as a [`Returned`]. It
    /// must be one that travels safely as this type.
    pub(crate) fn submit_cluster_handle(
        &mut self,
        message: &Message,
        wire_type: HandleType,
        fd: OwnedFd,
        sent_for: SentFor,
    ) -> Result<(), Returned> {
        let Ok(frame) = self.encoder.frame(message) else {
            return Err(Returned { sent_for, fd, arrived: Err(libc::EINVAL) });
        };
        let frame = control::encode_handle(self.encoder.serialization(), wire_type, &frame, None, None);
        match self.core.send_handle_once(frame, fd) {
            Ok(ticket) => {
                if let Role::Primary(primary) = &mut self.role {
                    primary.in_flight.insert(ticket, sent_for);
                    primary.answered(ticket);
                }
                self.write();
                Ok(())
            }
            Err((_, fd)) => Err(Returned { sent_for, fd, arrived: Err(libc::EPIPE) }),
        }
    }

    /// Accepts a message of another worker's, to be written with others, unless more than `most` bytes would wait.
    /// One that is longer is accepted if nothing else waits. Gives how many bytes wait.
    #[cfg(feature = "cli")]
    pub(crate) fn offer_frame(&mut self, frame: &[u8], most: usize) -> Option<usize> {
        let queued = self.queued_bytes();
        if queued > 0 && queued + frame.len() > most {
            return None;
        }
        // This fails if the channel is closed, of which an event tells.
        let _ = self.core.feed(frame);
        self.write();
        Some(self.queued_bytes())
    }

    /// What has happened, descriptors first: what comes from the worker may be about them.
    pub(crate) fn next_event(&mut self, owner: impl Fn() -> Weak<dyn SocketOwner>) -> Option<LinkEvent> {
        let incoming = loop {
            let Role::Primary(primary) = &mut self.role else {
                return None;
            };
            if let Some(returned) = primary.returned.pop_front() {
                return Some(LinkEvent::Returned(returned));
            }
            if !primary.takes_messages(&self.core) {
                return None;
            }
            match self.received(&owner) {
                Some(incoming) => break incoming,
                None if self.reads_last() => {}
                None => return None,
            }
        };
        Some(match incoming {
            Incoming::Cluster(payload) => match decode_cluster(&payload, MAX_MESSAGE) {
                Ok(message) => LinkEvent::Cluster(message),
                Err(error) => LinkEvent::Invalid(error.into()),
            },
            Incoming::User(Ok(Some(message))) => LinkEvent::Message(message),
            Incoming::User(Ok(None)) => LinkEvent::Disconnected(None),
            Incoming::User(Err(error)) if error.is_protocol() => LinkEvent::Invalid(error),
            Incoming::User(Err(error)) => LinkEvent::Disconnected(Some(error)),
        })
    }

    /// Stops reading from the worker, or goes on. Acknowledgements are read all the same, with what
    /// comes before them, as far as the limits allow.
    pub(crate) fn pause_reading(&mut self, pause: bool) {
        if let Role::Primary(primary) = &mut self.role {
            primary.is_paused = pause;
        }
    }

    /// The worker's process has exited. [`next_event`](Self::next_event) gives what it has written, and
    /// then closes the channel: processes that the worker has started may keep its end open.
    pub(crate) fn on_process_exit(&mut self) {
        if let Role::Primary(primary) = &mut self.role {
            // More than this many messages fit in no socket's buffer.
            primary.last_reads = Some(4096);
        }
    }

    /// Reads more of what a worker has written that has exited. False if it has not exited, or everything
    /// is read.
    fn reads_last(&mut self) -> bool {
        let Role::Primary(primary) = &mut self.role else {
            return false;
        };
        let Some(left) = primary.last_reads.filter(|_| !self.core.is_closed()) else {
            return false;
        };
        primary.last_reads = Some(left.saturating_sub(1));
        self.readable();
        if left == 0 || self.read() == Step::Blocked {
            self.end();
        }
        true
    }
}

/// Backpressure.
impl PrimaryRole {
    /// Whether as many messages of the worker wait for our user as may.
    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Whether [`next_event`](Link::next_event) would give something.
    pub(super) fn has_events(&self, core: &Channel<OwnedFd>) -> bool {
        !self.returned.is_empty()
            || self.takes_messages(core) && (core.waiting_events() > 0 || self.last_reads.is_some())
    }

    /// Whether messages of the worker are dealt with.
    fn takes_messages(&self, core: &Channel<OwnedFd>) -> bool {
        !self.is_paused && !self.is_backlogged(core)
    }

    /// Whether too many answers wait for the worker to read them.
    fn is_backlogged(&self, core: &Channel<OwnedFd>) -> bool {
        self.answers.len() == MOST_ANSWERS
            && self.last_reads.is_none()
            && self.answers.front().is_some_and(|oldest| !core.is_written(*oldest))
            && !core.is_broken()
    }
}
