//! The faces: what users of either driver see, with its documentation, once. Each file has a macro
//! that makes the face of one type, which `blocking` and `tokio` call, so that both have the same names,
//! the same signatures and the same text.
//!
//! A face reads as the code that it makes. What only one driver has is marked:
//!
//! - `$($async)?` and `$(.$await)?`: tasks await where threads wait in the call;
//! - `$(#[$tasks] ...)?`: documentation and attributes for tasks alone, such as `# Cancel safety`;
//!   `$(#[$threads] ...)?` is the same for threads.
//!
//! What the drivers do differently is a function of the same name in each, which the face calls. Names
//! without a path, such as `Channel`, are those of the module that calls the macro.

mod channel;
mod channel_reference;
mod channel_steps;
mod child;
mod connection;
mod listener;
mod output;
mod process;
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
pub(crate) use process::process_face;
pub(crate) use socket_list::socket_list_face;
pub(crate) use udp::udp_face;
pub(crate) use worker::worker_face;
