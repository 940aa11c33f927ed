//! The channel for threads: calls wait in `poll(2)`, and no thread or runtime is started.

mod channel;

pub use channel::Channel;
