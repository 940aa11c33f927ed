//! A channel's machine and its socket: single steps of I/O, none of which waits. What is common
//! to the drivers, which only add ways of waiting.
//!
//! A call is an [operation](super::op), and waits in [`Waiters`] for one topic. After
//! anything that is done with a link comes [`notice`](Link::notice), which wakes the calls whose topic
//! has come.
//!
//! The state of a link is the state of its channel: `ending` has everything that ends it. `socket` knows
//! whether a system call is worth it.

mod ending;
mod linger;
mod notice;
mod outcomes;
#[cfg(feature = "tokio")]
pub(crate) mod primary;
mod receiving;
mod sending;
mod socket;
mod steps;
mod waiters;
mod worker;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::error::ProtocolError;
#[cfg(feature = "calls")]
use crate::error::SendError;
use crate::limits::Limits;
use crate::message::Payload;
use crate::message::encoder::Encoder;
use crate::proto::{Channel, cluster};
use crate::wire::Serialization;
use outcomes::Outcomes;
use socket::LinkSocket;
use waiters::Waiters;
pub(crate) use waiters::{Topic, WaiterId};

/// How many bytes `feed` lets wait before it waits itself. About what the kernel takes at once.
pub(crate) const HIGH_WATER: usize = 64 * 1024;

pub(crate) struct Link {
    socket: LinkSocket,
    core: Channel<OwnedFd>,
    role: Role,
    encoder: Arc<Encoder>,
    outcomes: Outcomes,
    /// The calls that wait.
    pub(crate) waiters: Waiters,
    /// A system error that ended the channel and has not been reported.
    failure: Option<io::Error>,
    /// The peer knows `net.BoundSocket`.
    bound_sockets: bool,
    /// Somebody takes the calls among the messages.
    #[cfg(feature = "calls")]
    has_calls: bool,
}

/// Who is at the two ends.
enum Role {
    /// A parent and its child, or any two processes.
    Plain,
    /// We are a worker of a cluster, and the peer is its primary.
    Worker(Box<worker::WorkerRole>),
    /// We are the primary of a cluster, and the peer is a worker.
    #[cfg(feature = "tokio")]
    Primary(Box<primary::PrimaryRole>),
}

/// What a step of I/O came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was done, and there may be more.
    Progress,
    /// It would have to wait.
    Blocked,
}

impl Link {
    pub(crate) fn new(socket: OwnedFd, serialization: Serialization, limits: Limits) -> Self {
        Link {
            socket: LinkSocket::new(socket),
            core: Channel::new(serialization, limits),
            role: Role::Plain,
            encoder: Arc::new(Encoder::new(serialization)),
            outcomes: Outcomes::default(),
            waiters: Waiters::default(),
            failure: None,
            bound_sockets: false,
            #[cfg(feature = "calls")]
            has_calls: false,
        }
    }

    /// Takes on the calls among the messages. Two that receive would each get a part of them.
    #[cfg(feature = "calls")]
    pub(crate) fn claim_calls(&mut self) -> Result<(), SendError> {
        match std::mem::replace(&mut self.has_calls, true) {
            false => Ok(()),
            true => Err(SendError::HasCalls),
        }
    }

    /// Makes the frames that are submitted.
    pub(crate) fn encoder(&self) -> Arc<Encoder> {
        self.encoder.clone()
    }

    pub(crate) fn allow_bound_sockets(&mut self) {
        self.bound_sockets = true;
    }
}

/// Decodes a message of a cluster, if it is not longer than `limit`: parts of it are kept as long as a
/// server is.
fn decode_cluster(payload: &Payload, limit: usize) -> Result<cluster::Message, ProtocolError> {
    if payload.as_bytes().len() > limit {
        return Err(ProtocolError::TooLong { limit });
    }
    payload.decode()
}
