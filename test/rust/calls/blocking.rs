//! The pool for threads.

pub use crossfork::blocking::pool::{Builder, Call, Event, OutputStream, PoolError, WorkerState};
pub use crossfork::blocking::{Command, Context, Fork, Pool, Service};

pub use crossfork::blocking::Pool as Started;
use serde::de::IgnoredAny;

pub fn start(builder: Builder) -> Result<Started, crossfork::Error> {
    builder.start()
}

/// With a set-up that calls a method of the worker.
pub fn with_set_up(builder: Builder, method: &'static str) -> Builder {
    builder.set_up(move |peer| peer.call::<IgnoredAny>(method, &()).map(drop))
}

#[path = "pool.rs"]
mod pool;
#[path = "recycling.rs"]
mod recycling;
#[path = "seeing.rs"]
mod seeing;
