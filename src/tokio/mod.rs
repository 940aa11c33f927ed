//! The channel, processes and clusters for tasks (feature `tokio`). Calls wait in tokio's reactor, and no
//! task is started. The names and the behaviour are those of [`blocking`](crate::blocking). Every call can be
//! cancelled by dropping its future. Its documentation says what happens then.
//!
//! ```no_run
//! use crossfork::{Error, tokio::Channel};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     let channel = Channel::from_env()?;
//!     while let Some(message) = channel.recv().await? {
//!         let text: String = message.decode()?;
//!         channel.send(&text.to_uppercase()).await?;
//!     }
//!     Ok(()) // the parent has disconnected
//! }
//! ```
//!
//! Everything here needs a runtime with I/O enabled. Calls with a timeout also need its timers.
//!
//! # This module and the crate `tokio`
//!
//! Both have the same name. `crossfork::tokio` is always this module, and `::tokio` is always the crate. A
//! plain `tokio` is the crate, unless a glob import also brings in this module. Then the compiler reports
//! that `tokio` is ambiguous, or finds no `spawn` and no `main` in it:
//!
//! ```compile_fail,E0659
//! use crossfork::*; // imports crossfork::tokio too
//!
//! #[tokio::main]
//! async fn main() {
//!     tokio::spawn(async {});
//! }
//! ```
//!
//! Import by name instead, as above. If you need the glob import, say which one is meant:
//!
//! ```
//! use crossfork::*;
//! use ::tokio; // the crate
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     let (ours, _theirs) = std::os::unix::net::UnixStream::pair()?;
//!     let channel = crossfork::tokio::Channel::from_socket(ours, Limits::new())?;
//!     tokio::spawn(async move { channel.is_connected() });
//!     Ok(())
//! }
//! ```

mod channel;
mod child;
pub mod cluster;
#[cfg(target_os = "linux")]
pub mod fd;
mod output;
#[cfg(feature = "calls")]
mod peer;
#[cfg(feature = "calls")]
pub mod pool;
mod process;
#[cfg(feature = "calls")]
mod service;
mod shared;
mod socket_list;

#[cfg(feature = "calls")]
pub use crate::driver::calls::{ByRef, Handler, Reply};
#[cfg(feature = "types")]
pub use crate::driver::calls::{Returns, Typed, typed};
pub use channel::Channel;
#[cfg(feature = "futures")]
pub use channel::futures::{MessageSink, Messages};
pub use child::{Child, Command, Fork, Tokio};
#[cfg(feature = "calls")]
pub use peer::{Peer, Request, Stream};
#[cfg(feature = "calls")]
pub use pool::Pool;
pub use process::Process;
#[cfg(feature = "calls")]
pub use service::{Context, Service};
pub use socket_list::SocketList;

/// Panics outside a runtime before anything has happened, and reports the location of our caller's caller.
#[track_caller]
fn require_driver() {
    let _ = ::tokio::runtime::Handle::current();
}
