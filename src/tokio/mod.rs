//! The channel for tasks: calls wait in tokio's reactor, and no task is started. The same names
//! and the same behaviour as [`blocking`](crate::blocking). Every call can be cancelled, and says what
//! becomes of it then.

mod channel;
mod child;
pub mod cluster;
#[cfg(target_os = "linux")]
pub mod fd;
mod output;
#[cfg(feature = "calls")]
mod peer;
mod process;
#[cfg(feature = "calls")]
mod service;
mod shared;
mod socket_list;

#[cfg(feature = "calls")]
pub use crate::driver::calls::{ByRef, Handler, Reply};
pub use channel::Channel;
pub use child::{Child, Command, Fork, Tokio};
#[cfg(feature = "calls")]
pub use peer::{Peer, Stream};
pub use process::Process;
#[cfg(feature = "calls")]
pub use service::{Context, Service};
pub use socket_list::SocketList;

/// Panics outside of a runtime, at the place of our caller's caller, before anything has happened.
#[track_caller]
fn require_runtime() {
    let _ = ::tokio::runtime::Handle::current();
}
