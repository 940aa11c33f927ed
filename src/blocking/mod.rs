//! The channel for threads: calls wait in `poll(2)`, and no thread or runtime is started.

mod channel;
mod child;
pub mod cluster;
mod output;
#[cfg(feature = "calls")]
mod peer;
mod process;
#[cfg(feature = "calls")]
mod service;
mod shared;
mod socket_list;
mod wakers;

#[cfg(feature = "calls")]
pub use crate::driver::calls::{ByRef, Handler, Reply};
pub use channel::Channel;
pub use child::{Blocking, Child, Command, Fork};
#[cfg(feature = "calls")]
pub use peer::{Peer, Stream};
pub use process::Process;
#[cfg(feature = "calls")]
pub use service::{Context, Service};
pub use socket_list::SocketList;
