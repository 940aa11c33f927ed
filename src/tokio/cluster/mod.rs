//! Node's `cluster` for tasks, from both sides: [`Primary`] forks workers, which are unmodified Node programs
//! or other programs that speak the protocol; [`Worker`] is this process as the worker of a primary, Node's
//! or ours.

#[cfg(feature = "axum")]
mod axum;
mod connection;
mod listener;
mod primary;
mod udp;
mod worker;

pub use crate::proto::cluster::AddressType;
pub use crate::proto::cluster::primary::{Balance, WorkerId};
#[cfg(feature = "axum")]
pub use axum::{PeerAddr, Served};
pub use connection::Connection;
pub use listener::Listener;
#[cfg(feature = "cli")]
pub(crate) use primary::Direct;
pub use primary::{Address, Event, ForkedWorker, Primary, Settings};
pub use udp::UdpSocket;
pub use worker::Worker;
