//! The channel as a machine: bytes and descriptors go in, events and bytes to send come out. No
//! I/O and no clock, and generic over what a descriptor is, so that a test can count them.
//!
//! [`Channel`] is the whole machine; the other files are its parts.

mod channel;
pub mod cluster;
mod event;
mod handoff;
mod inbox;
mod outbox;
mod sockets;

pub use channel::{Channel, ClusterRole};
pub use event::{Attached, Event, LossReason, Outcome, Transmit};
pub use handoff::Ticket;
pub use sockets::Question;
