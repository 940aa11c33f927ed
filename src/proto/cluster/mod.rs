//! Both sides of a cluster (the rules CLU) as machines, which never see a channel.

mod message;
mod places;
pub mod primary;
mod read;
pub mod worker;
mod write;

pub use message::{Act, AddressType, Body, Message, Query, Reply, SockName};
pub use primary::PrimaryMachine;
pub use worker::WorkerMachine;
