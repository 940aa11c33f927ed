//! Both sides of a cluster (`PROTOCOL` section 8: CLU) as machines, which never see a channel.

mod action;
mod balance;
mod message;
mod offers;
mod primary;
mod read;
mod servers;
mod write;

pub use action::{Action, Balance, ServerId, WorkerId};
pub use message::{Act, AddressType, Body, Message, Query, Reply, SockName};
pub use primary::Primary;
