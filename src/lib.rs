//! Rust programs as children of Node's `child_process.fork`: messages and handles, in both
//! directions, exactly as between two Node processes.
#![deny(missing_docs)]

pub mod blocking;
mod env;
mod error;
mod handle;
mod limits;
mod link;
mod message;
pub mod proto;
mod received;
#[doc(hidden)]
pub mod sys;
#[cfg(feature = "tokio")]
pub mod tokio;
pub mod wire;

pub use error::{EnvError, Error, ProtocolError, SendError};
pub use handle::{Handle, Outgoing, Unsent};
pub use limits::Limits;
pub use message::Payload;
pub use received::{Message, ReceivedHandle, SocketHold};
pub use wire::Serialization;
pub use wire::control::HandleType;
