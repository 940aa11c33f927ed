//! Why there is no channel in the environment.

use std::fmt;

use super::brief::brief;

/// Why no channel could be opened from the environment.
#[derive(Debug)]
#[non_exhaustive]
pub enum EnvError {
    /// `NODE_CHANNEL_FD` is not set: nobody started us with a channel, or it was taken already.
    NotAChild,
    /// `NODE_UNIQUE_ID` is not set: this process is no worker of a cluster, or said so already.
    NotAWorker,
    /// `NODE_UNIQUE_ID` is not a number.
    InvalidId(String),
    /// `NODE_CHANNEL_FD` is not the number of a descriptor.
    InvalidNumber(String),
    /// `NODE_CHANNEL_FD` names a descriptor that is not open, or not a Unix stream socket.
    NotAChannel {
        /// The number.
        fd: i32,
        /// What was found there.
        found: String,
    },
    /// `NODE_CHANNEL_SERIALIZATION_MODE` is not one that this crate speaks.
    UnknownSerialization(String),
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnvError::NotAChild => f.write_str(
                "there is no channel: this program is meant to be started by child_process.fork, \
                 or by spawn with 'ipc' in its stdio",
            ),
            EnvError::NotAWorker => {
                f.write_str("NODE_UNIQUE_ID is not set: this program is meant to be started by cluster.fork")
            }
            EnvError::InvalidId(value) => {
                write!(f, "NODE_UNIQUE_ID is \"{}\", not the number of a worker", brief(value))
            }
            EnvError::InvalidNumber(value) => {
                write!(f, "NODE_CHANNEL_FD is \"{}\", not the number of a descriptor", brief(value))
            }
            EnvError::NotAChannel { fd, found } => {
                write!(f, "NODE_CHANNEL_FD is {fd}, which is not a channel: {found}")
            }
            EnvError::UnknownSerialization(mode) => {
                write!(f, "the serialization \"{}\" is not known: use 'json' or 'advanced'", brief(mode))
            }
        }
    }
}

impl std::error::Error for EnvError {}
