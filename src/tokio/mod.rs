//! The channel for tasks: calls wait in tokio's reactor, and no task is started. The same names
//! and the same behaviour as [`blocking`](crate::blocking). Every call can be cancelled, and says what
//! becomes of it then.

mod channel;
mod child;
pub mod cluster;
#[cfg(target_os = "linux")]
pub mod fd;
mod output;
mod process;
mod shared;
mod socket_list;

pub use channel::Channel;
pub use child::{Child, Command, Fork, Tokio};
pub use process::Process;
pub use socket_list::SocketList;

/// Panics outside of a runtime, at the place of our caller's caller, before anything has happened.
#[track_caller]
fn require_driver() {
    let _ = ::tokio::runtime::Handle::current();
}
