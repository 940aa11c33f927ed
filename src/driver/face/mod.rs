//! The faces: the public API of both drivers, with its documentation, written once. Each file has a macro
//! that makes the face of one type. `blocking` and `tokio` call it, so that both have the same names, the
//! same signatures and the same text.
//!
//! A face reads like the code that it generates. Parts for one driver only are marked:
//!
//! - `$($async)?` and `$(.$await)?`: tasks await where threads wait in the call;
//! - `$(#[$tasks] ...)?`: documentation and attributes for tasks alone, such as `# Cancel safety`;
//!   `$(#[$threads] ...)?` is the same for threads.
//!
//! Where the drivers differ, the face calls a function that each driver defines under the same name. Names
//! without a path, such as `Channel`, refer to the module that calls the macro.

mod channel;
mod channel_reference;
mod channel_steps;
mod child;
mod connection;
mod listener;
mod output;
#[cfg(feature = "calls")]
mod peer;
#[cfg(feature = "calls")]
mod pool;
#[cfg(feature = "calls")]
mod pool_builder;
#[cfg(feature = "calls")]
mod pool_request;
mod process;
#[cfg(feature = "calls")]
mod service;
mod socket_list;
mod udp;
mod worker;

pub(crate) use channel::channel_face;
pub(crate) use channel_reference::channel_reference_face;
pub(crate) use channel_steps::channel_steps;
pub(crate) use child::child_face;
pub(crate) use connection::connection_face;
pub(crate) use listener::listener_face;
pub(crate) use output::output_face;
#[cfg(feature = "calls")]
pub(crate) use peer::peer_face;
#[cfg(feature = "calls")]
pub(crate) use pool::pool_face;
#[cfg(feature = "calls")]
pub(crate) use pool_builder::pool_builder_face;
#[cfg(feature = "calls")]
pub(crate) use pool_request::pool_request_face;
pub(crate) use process::process_face;
#[cfg(feature = "calls")]
pub(crate) use service::service_face;
pub(crate) use socket_list::socket_list_face;
pub(crate) use udp::udp_face;
pub(crate) use worker::worker_face;
