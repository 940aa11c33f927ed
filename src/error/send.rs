//! Why something was not sent.

use std::fmt;

use super::FormatError;

/// Why a message or a handle was not sent: the caller's to mend.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The channel is over: the peer has disconnected or ended.
    Closed,
    /// The channel is over: this process has disconnected before.
    ClosedByUs,
    /// `disconnect` was called before.
    Disconnected,
    /// The value could not be written in the channel's serialization.
    Encode(FormatError),
    /// A received message cannot be sent on as it came, because it came in another serialization:
    /// decode it, and send the value.
    OtherSerialization {
        /// That of the message.
        message: &'static str,
        /// That of the channel.
        channel: &'static str,
    },
    /// The message is larger than a Node process can read.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The message's `cmd` begins with `NODE_`: Node would take it for one of its own and swallow
    /// it ([INT-1](crate::protocol#INT-1), [NEVER-12](crate::protocol#NEVER-12)).
    Reserved {
        /// The value of `cmd`.
        cmd: String,
    },
    /// The descriptor cannot travel under this wire type; sending it would crash or poison a Node
    /// process ([HND-18](crate::protocol#HND-18) to [HND-21](crate::protocol#HND-21)).
    InvalidHandle {
        /// The wire type, such as `net.Socket`.
        wire_type: &'static str,
        /// What the descriptor is.
        found: &'static str,
    },
    /// The peer may not know this wire type, and would not survive it ([NEVER-7](crate::protocol#NEVER-7)).
    UnknownToPeer {
        /// The wire type.
        wire_type: &'static str,
    },
    /// The peer refused the handle as often as it was offered ([HND-9](crate::protocol#HND-9)).
    Refused {
        /// How many times it was transmitted.
        transmissions: u32,
    },
    /// This cluster worker is shutting down and cannot open listeners.
    Stopping,
    /// The time set for sending went by. The message was taken back, unless its first byte had
    /// been written already: then it is completed by later calls.
    TimedOut,
    /// A call that never waits would have to: nothing is there to be received, or the kernel has no room
    /// for the message, which was not sent.
    WouldBlock,
    /// A service is connected to the channel already, and takes the calls that come.
    #[cfg(feature = "calls")]
    HasCalls,
}

impl SendError {
    /// See [`Error::code`](crate::Error::code).
    pub fn code(&self) -> &'static str {
        match self {
            SendError::Closed | SendError::ClosedByUs => "ERR_IPC_CHANNEL_CLOSED",
            SendError::Disconnected | SendError::Stopping => "ERR_IPC_DISCONNECTED",
            SendError::Encode(_) | SendError::OtherSerialization { .. } => "ERR_INVALID_ARG_TYPE",
            SendError::TooLong { .. } => "ENOBUFS",
            SendError::Reserved { .. } => "ERR_INVALID_ARG_VALUE",
            SendError::InvalidHandle { .. } | SendError::UnknownToPeer { .. } => "ERR_INVALID_HANDLE_TYPE",
            SendError::Refused { .. } => "ERR_IPC_HANDLE_REFUSED",
            SendError::TimedOut => "ETIMEDOUT",
            SendError::WouldBlock => "EAGAIN",
            #[cfg(feature = "calls")]
            SendError::HasCalls => "ERR_INVALID_STATE",
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Closed => {
                f.write_str("the channel is closed: the other process has disconnected or ended")
            }
            SendError::ClosedByUs => {
                f.write_str("the channel is closed: this process has disconnected before")
            }
            SendError::Disconnected => f.write_str("the channel is already disconnected"),
            SendError::Stopping => f.write_str("this worker is shutting down and cannot open listeners"),
            SendError::Encode(e) => write!(f, "the message cannot be written as {}: {e}", e.format()),
            SendError::OtherSerialization { message, channel } => write!(
                f,
                "the message came in the serialization '{message}' and the channel's is '{channel}': \
                 decode it, and send the value"
            ),
            SendError::TooLong { length, limit } => write!(
                f,
                "the message has {length} bytes, and a Node process reads {limit} at most: send it in parts"
            ),
            SendError::Reserved { cmd } => write!(
                f,
                "\"cmd\":{cmd:?} begins with NODE_, which Node keeps for itself and would swallow: use another name"
            ),
            SendError::InvalidHandle { wire_type, found } => {
                write!(f, "{found} cannot be sent as {wire_type}: the receiving Node process would fail")
            }
            SendError::UnknownToPeer { wire_type } => write!(
                f,
                "{wire_type} ends a Node process before version 26: call allow_bound_sockets if the peer is newer"
            ),
            SendError::Refused { transmissions } => {
                write!(f, "the peer refused the handle {transmissions} times: it may be out of descriptors")
            }
            SendError::TimedOut => f.write_str("the peer did not read, or did not acknowledge, in time"),
            SendError::WouldBlock => f.write_str(
                "nothing can be received or sent at this moment: call again when the channel's descriptor is ready",
            ),
            #[cfg(feature = "calls")]
            SendError::HasCalls => f.write_str(
                "a service is connected to this channel already, and takes the calls that come: clone its peer",
            ),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SendError::Encode(e) => e.source(),
            _ => None,
        }
    }
}
