//! What a worker of a cluster listens on: the address and the options, the query made of them, and the socket
//! in the answer. Both drivers share this.

mod address;
mod hold;
mod options;
mod socket;

pub use address::ListenAddress;
pub(crate) use address::{Host, Place};
pub(crate) use hold::{ConnectionHold, ConnectionOwner};
pub use options::{BindOptions, ListenOptions};
pub(crate) use socket::{Connected, Granted, Socket, exclusive, granted, granted_udp};
