//! The channel for tasks: calls wait in tokio's reactor, and no task is started. The same names
//! and the same behaviour as [`blocking`](crate::blocking). Every call can be cancelled, and says what
//! becomes of it then.

mod channel;
mod child;
pub mod cluster;
mod output;
mod process;
mod shared;
mod socket_list;

pub use channel::Channel;
pub use child::{Child, Command, Fork, Tokio};
pub use process::Process;
pub use socket_list::SocketList;
