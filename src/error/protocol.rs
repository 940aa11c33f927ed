//! What the peer did wrong.

use std::fmt;

use bytes::Bytes;

use super::brief::{Excerpt, Quote};
use super::{FormatError, V8Error};

/// What the peer did wrong. Each is about one message, and the channel goes on with the next; but
/// for [`ProtocolError::BunFormat`], after which nothing comes.
#[non_exhaustive]
pub enum ProtocolError {
    /// The message is not what its serialization allows, or not of the type that was asked for.
    Decode {
        /// Where and why.
        reason: FormatError,
        /// The message as it came.
        message: Quote,
    },
    /// The line cannot be JSON: it is empty, or begins with something that begins no JSON value
    /// ([SER-4](crate::protocol#SER-4), [SER-6](crate::protocol#SER-6)).
    NotJson {
        /// The line as it came, without its end.
        line: Bytes,
    },
    /// The frame cannot be a value as V8 writes it: it has no header, one of a version that Node
    /// does not read, or nothing behind it ([ADV-2](crate::protocol#ADV-2)).
    NotV8 {
        /// The frame as it came, without its length.
        frame: Bytes,
        /// Why.
        reason: V8Error,
    },
    /// The peer writes Bun's own format, which Bun takes for `advanced`. Nothing of it can be read,
    /// and the channel ends.
    BunFormat,
    /// A message is over [`Limits::max_message`](crate::Limits::max_message); it was skipped.
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A handle was announced and no descriptor came with it, because the peer sent none or
    /// because this process had none free. The peer was told so ([HND-6](crate::protocol#HND-6)), and may send it again.
    MissingDescriptor {
        /// The message that came with it.
        message: Quote,
    },
    /// A descriptor that does not fit its wire type; it was acknowledged and closed ([HND-22](crate::protocol#HND-22)).
    InvalidHandle {
        /// The wire type as the peer wrote it.
        wire_type: String,
        /// What the descriptor is.
        found: &'static str,
        /// The message that came with it.
        message: Quote,
    },
    /// Descriptors came with messages that announced none; they were closed.
    StrayDescriptors {
        /// How many.
        count: usize,
    },
    /// An acknowledgement for a handle that is not under way ([HND-12](crate::protocol#HND-12)); it was ignored.
    UnexpectedReply {
        /// `NODE_HANDLE_ACK` or `NODE_HANDLE_NACK`.
        reply: &'static str,
    },
    /// The peer asks for the state of sockets and does not read the answers; one was left out.
    TooManyRequests,
    /// The primary's reply to a query of this worker's cannot be used ([CLU-11](crate::protocol#CLU-11)).
    InvalidReply {
        /// Why.
        reason: &'static str,
    },
}

impl ProtocolError {
    /// See [`Error::code`](crate::Error::code).
    pub fn code(&self) -> &'static str {
        match self {
            ProtocolError::Decode { .. }
            | ProtocolError::NotJson { .. }
            | ProtocolError::NotV8 { .. }
            | ProtocolError::BunFormat => "ERR_IPC_DECODE",
            ProtocolError::TooLong { .. } => "ERR_IPC_MESSAGE_TOO_LONG",
            ProtocolError::MissingDescriptor { .. } => "ERR_IPC_MISSING_DESCRIPTOR",
            ProtocolError::InvalidHandle { .. } => "ERR_INVALID_HANDLE_TYPE",
            ProtocolError::StrayDescriptors { .. } => "ERR_IPC_STRAY_DESCRIPTOR",
            ProtocolError::UnexpectedReply { .. } => "ERR_IPC_UNEXPECTED_REPLY",
            ProtocolError::TooManyRequests => "ERR_IPC_TOO_MANY_REQUESTS",
            ProtocolError::InvalidReply { .. } => "ERR_IPC_INVALID_REPLY",
        }
    }
}

impl ProtocolError {
    /// How many of the peer's bytes it keeps.
    #[cfg(feature = "tokio")]
    pub(super) fn kept_bytes(&self) -> usize {
        match self {
            ProtocolError::NotJson { line: kept } | ProtocolError::NotV8 { frame: kept, .. } => kept.len(),
            ProtocolError::Decode { message: kept, .. }
            | ProtocolError::MissingDescriptor { message: kept }
            | ProtocolError::InvalidHandle { message: kept, .. } => kept.len(),
            _ => 0,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProtocolError::Decode { reason, message } => {
                write!(f, "the message {message} cannot be decoded: {reason}")
            }
            ProtocolError::NotJson { line } if line.is_empty() => {
                f.write_str("an empty line is not a message")
            }
            ProtocolError::NotJson { line } => write!(f, "the line {} is not JSON", Excerpt(line)),
            ProtocolError::NotV8 { frame, reason } => {
                write!(f, "the frame {} is no message: {reason}", Excerpt(frame))
            }
            ProtocolError::BunFormat => f.write_str(
                "the peer is Bun, whose advanced serialization is a format of its own: \
                 use { serialization: 'json' }",
            ),
            ProtocolError::TooLong { limit } => write!(
                f,
                "a message of more than {limit} bytes was skipped: raise Limits::max_message if it was meant"
            ),
            ProtocolError::MissingDescriptor { message } => write!(
                f,
                "no descriptor came with the handle of {message}: none was sent, or none is free in this process"
            ),
            ProtocolError::InvalidHandle { wire_type, found, message } => write!(
                f,
                "the handle of {message} is {found}, which does not fit its type {wire_type:?}; it was closed"
            ),
            ProtocolError::StrayDescriptors { count } => {
                write!(f, "{count} descriptor(s) came with a message that announced none; they were closed")
            }
            ProtocolError::UnexpectedReply { reply } => {
                write!(f, "{reply} came while no handle was under way")
            }
            ProtocolError::TooManyRequests => {
                f.write_str("the peer does not read the answers to its NODE_SOCKET_* requests")
            }
            ProtocolError::InvalidReply { reason } => {
                write!(f, "the primary's reply cannot be used: {reason}")
            }
        }
    }
}

/// As it is shown: what it has of the peer's is long, and not for every log.
impl fmt::Debug for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            ProtocolError::Decode { .. } => "Decode",
            ProtocolError::NotJson { .. } => "NotJson",
            ProtocolError::NotV8 { .. } => "NotV8",
            ProtocolError::BunFormat => "BunFormat",
            ProtocolError::TooLong { .. } => "TooLong",
            ProtocolError::MissingDescriptor { .. } => "MissingDescriptor",
            ProtocolError::InvalidHandle { .. } => "InvalidHandle",
            ProtocolError::StrayDescriptors { .. } => "StrayDescriptors",
            ProtocolError::UnexpectedReply { .. } => "UnexpectedReply",
            ProtocolError::TooManyRequests => "TooManyRequests",
            ProtocolError::InvalidReply { .. } => "InvalidReply",
        };
        f.debug_tuple(name).field(&format_args!("{self}")).finish()
    }
}

impl std::error::Error for ProtocolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ProtocolError::Decode { reason, .. } => reason.source(),
            ProtocolError::NotV8 { reason, .. } => reason.source(),
            _ => None,
        }
    }
}
