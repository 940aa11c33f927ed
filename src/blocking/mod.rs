//! The channel, processes and clusters for threads. Calls wait in `poll(2)`, and no thread or runtime is
//! started. [`crate::tokio`](crate#features) offers the same for tasks.
//!
//! A channel is cheap to clone, and any number of threads may send while others receive:
//!
//! ```no_run
//! use crossfork::{Error, blocking::Fork};
//!
//! fn main() -> Result<(), Error> {
//!     let child = Fork::new("worker.js").spawn()?;
//!     let sender = child.channel.clone();
//!     let sending = std::thread::spawn(move || (0..10).try_for_each(|n| sender.send(&n)));
//!     while let Some(message) = child.channel.recv()? {
//!         println!("{}", message.value()?);
//!     }
//!     sending.join().expect("no panic")
//! }
//! ```

mod channel;
mod child;
pub mod cluster;
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
mod wakers;

#[cfg(feature = "calls")]
pub use crate::driver::calls::{ByRef, Handler, Reply};
#[cfg(feature = "types")]
pub use crate::driver::calls::{Returns, Typed, typed};
pub use channel::Channel;
pub use child::{Blocking, Child, Command, Fork};
#[cfg(feature = "calls")]
pub use peer::{Peer, Request, Stream};
#[cfg(feature = "calls")]
pub use pool::Pool;
pub use process::Process;
#[cfg(feature = "calls")]
pub use service::{Context, Service};
pub use socket_list::SocketList;

/// Threads need no runtime.
fn require_driver() {}
