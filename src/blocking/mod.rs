//! The channel for threads: calls wait in `poll(2)`, and no thread or runtime is started.

mod channel;
mod child;
pub mod cluster;
mod output;
mod process;
mod shared;
mod socket_list;
mod wakers;

pub use channel::Channel;
pub use child::{Blocking, Child, Command, Fork};
pub use process::Process;
pub use socket_list::SocketList;

/// Threads need nothing to be there.
fn require_driver() {}
