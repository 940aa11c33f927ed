//! The channel for tasks: calls wait in tokio's reactor, and no task is started. The same names
//! and the same behaviour as [`blocking`](crate::blocking).

mod channel;

pub use channel::Channel;
