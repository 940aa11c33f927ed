//! Calls over one channel, for both drivers: the [machine](crate::calls::machine) under a lock, and who is
//! woken for what. Threads and tasks add only who carries out what, and who writes.

mod context;
mod core;
mod handler;
mod in_flight;
mod incoming;
mod job;
mod panics;
mod reply;
mod state;
mod watch;

pub use context::Context;
pub(crate) use core::{Core, Greeting, Output, Settings};
pub(crate) use handler::Handlers;
pub use handler::{ByRef, Handler};
pub(crate) use in_flight::{InFlight, Options};
pub(crate) use job::Job;
pub(crate) use panics::catch;
#[cfg(feature = "tokio")]
pub(crate) use panics::caught;
#[cfg(feature = "tokio")]
pub(crate) use reply::Outcome;
pub use reply::Reply;
pub(crate) use watch::Fate;
