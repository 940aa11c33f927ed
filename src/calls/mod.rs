//! Calls over the channel (feature `calls`): either end calls functions of the other, and gets their results.
//!
//! A program whose functions are called is a service: [`blocking::Service`](crate::blocking::Service) runs its
//! handlers on threads, `tokio::Service` in tasks. Its parent is a Node program with a pool of such workers,
//! any Node program that speaks JSON-RPC 2.0 over the channel of `fork`, such as a language client with
//! `vscode-jsonrpc`, or a program in Rust with a pool: [`blocking::Pool`](crate::blocking::Pool), or
//! `tokio::Pool`. The workers of such a pool may be Node programs too.
//!
//! A parent of one program needs no pool: [`Service::connect`](crate::blocking::Service::connect) calls it, and
//! carries out what it calls. Workers of a cluster are connected with `tokio::Service::connect_worker`.
//!
//! ```no_run
//! use crossfork::blocking::{Context, Service};
//!
//! #[derive(serde::Deserialize)]
//! struct Resize {
//!     image: Vec<u8>,
//!     width: u32,
//! }
//!
//! fn resize(job: Resize, cx: &Context) -> Result<Vec<u8>, std::io::Error> {
//!     // In Node: await pool.call('resize', { image, width: 200 })
//! #   let _ = (job.width, cx.is_cancelled());
//!     Ok(job.image)
//! }
//!
//! fn main() -> Result<(), crossfork::Error> {
//!     Service::new().method("resize", resize).run()
//! }
//! ```
//!
//! # On the wire
//!
//! Calls, answers and notifications are messages as JSON-RPC 2.0 has them, in either serialization, with
//! `$/cancelRequest` and `$/progress` of the Language Server Protocol. What is none of these is no call, and
//! is handed to [`Service::on_message`](crate::blocking::Service::on_message).
//!
//! A struct or a map travels as parameters by name, any other value as the one element of an array, and `()`
//! as no parameters. On arrival, an array of one element is that element, and a longer one a tuple.
//!
//! Between two ends of this project, calls that are ready at the same time travel in one message. A result
//! can be a stream, and so can a parameter ([`Upload`]), of which no more items are sent than are read. Handles
//! go both ways: with a call, and with its result ([`WithHandle`]).
//!
//! # Errors
//!
//! What a handler fails with arrives as an [`RpcError`], with its sources as causes. Parameters that are not
//! what the handler takes are answered with the name of the field. A panic is answered with what it said and
//! where; with `panic = "abort"` it ends the process. [`CallError`] is what a caller gets.

mod bytes;
mod error;
mod event;
mod id;
pub(crate) mod machine;
mod offer;
mod outbox;
pub(crate) mod params;
pub(crate) mod pool;
pub(crate) mod read;
pub(crate) mod schedule;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[allow(missing_docs, clippy::missing_panics_doc, reason = "for the tests and the fuzzer")]
pub mod sim;
#[cfg(test)]
mod tests;
mod upload;
pub(crate) mod uploads;
mod with_handle;
pub(crate) mod write;

pub use self::bytes::Bytes;
pub use error::{CallError, ErrorData, Extension, RpcError, code};
pub use id::Id;
pub use offer::Offer;
pub use upload::Upload;
pub(crate) use upload::{Source, collected, without_uploads};
pub use with_handle::WithHandle;
