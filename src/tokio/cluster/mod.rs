//! Node's `cluster` for tasks, from both sides: [`Primary`] forks workers that are Node programs,
//! unmodified, or anything else that speaks the channel; [`Worker`] is this process as the worker of
//! a primary, Node's or ours.

mod primary;
mod worker;

pub use crate::proto::cluster::AddressType;
pub use crate::proto::cluster::primary::{Balance, WorkerId};
pub use primary::{Address, Event, ForkedWorker, Primary, Settings};
#[cfg(feature = "axum")]
pub use worker::PeerAddr;
pub use worker::{Connection, Listener, UdpSocket, Worker};
