//! Calls over one channel, for both drivers: the [machine](crate::calls::machine) under a lock, and who is
//! woken for what. Threads and tasks add only who carries out what, and who writes.

mod closing;
mod context;
mod core;
#[cfg(feature = "types")]
mod declarations;
mod handler;
mod in_flight;
mod incoming;
mod job;
mod pace;
mod panics;
mod reading;
mod reply;
mod sending;
mod state;
#[cfg(feature = "types")]
mod types;
mod watch;

pub(crate) use closing::{CloseOnDrop, GoneOnDrop, LINGER};
pub use context::Context;
pub(crate) use core::{Core, Frame, Greeting, Output, Settings};
pub(crate) use handler::Handlers;
#[cfg(feature = "types")]
pub(crate) use handler::declarations;
pub use handler::{ByRef, Handler};
pub(crate) use in_flight::{Along, Attached, InFlight, Options, listener};
pub(crate) use incoming::{HELLO, is_survived};
pub(crate) use job::Job;
pub(crate) use pace::PATIENCE;
pub(crate) use panics::catch;
#[cfg(feature = "tokio")]
pub(crate) use panics::caught;
pub(crate) use reading::{Items, ROOM};
#[cfg(feature = "tokio")]
pub(crate) use reply::Outcome;
pub use reply::Reply;
pub(crate) use state::Answer;
#[cfg(feature = "types")]
pub use types::{Returns, Typed, typed};
pub(crate) use watch::CallState;
