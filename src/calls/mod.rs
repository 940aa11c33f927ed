//! Calls over the channel, as JSON-RPC 2.0 has them. [`machine`] is the core; services and pools are in
//! [`blocking`](crate::blocking) and `tokio`.

mod error;
mod id;
pub(crate) mod machine;
pub(crate) mod params;
pub(crate) mod read;
pub(crate) mod schedule;
#[cfg(test)]
mod tests;
pub(crate) mod write;

pub use error::{CallError, ErrorData, RpcError, code};
pub use id::Id;
