//! What can go wrong, by whose fault it was: [`SendError`] is our caller's, [`ProtocolError`] the
//! peer's, [`EnvError`] the environment's that we were started in, and [`Error`] is any of them.

mod brief;
mod env;
mod errno;
mod format;
mod parse;
mod v8;

use bytes::Bytes;
use std::{fmt, io};

use brief::Excerpt;

pub use brief::Quote;
pub(crate) use brief::brief;
pub use env::EnvError;
pub use format::FormatError;
pub use parse::ParseError;
pub use v8::{V8Error, V8ErrorKind};

/// How deep a value of the `advanced` mode may be nested.
pub const MAX_DEPTH: usize = 128;

/// Any failure of a channel.
///
/// [`Error::Protocol`] is about one message of the peer: the channel goes on, and the next call
/// gives the next message. After [`Error::Io`] the channel is over.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The call could not be carried out as asked.
    Send(SendError),
    /// The peer sent something that is not a message.
    Protocol(ProtocolError),
    /// There is no usable channel in our environment.
    Env(EnvError),
    /// A process could not be started.
    Spawn {
        /// The program.
        program: String,
        /// Why: it is not there, is not executable, this process has no descriptor free, ...
        reason: io::Error,
    },
    /// A listener of a cluster's worker could not be opened, or failed. The channel goes on.
    Listen {
        /// What was to be listened on.
        address: String,
        /// Why: the address is in use, is not ours, this process has no descriptor free, ...
        reason: io::Error,
    },
    /// The operating system failed.
    Io(io::Error),
}

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
    /// A received message cannot be sent on as it came, for it came in another serialization:
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
        /// The most that may be sent, in bytes.
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
    /// This worker of a cluster stops, and listens no more.
    Stopping,
    /// The time set for sending went by. The message was taken back, unless its first byte had
    /// been written already: then it is completed by later calls.
    TimedOut,
}

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

impl Error {
    /// The code that Node gives to the same failure, such as `ERR_IPC_CHANNEL_CLOSED`; or one of
    /// the same form where Node has none.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Send(e) => e.code(),
            Error::Protocol(e) => e.code(),
            Error::Env(_) => "ERR_IPC_ENVIRONMENT",
            Error::Spawn { reason, .. } => errno::name(reason).unwrap_or(match reason.kind() {
                io::ErrorKind::InvalidInput => "ERR_INVALID_ARG_VALUE",
                _ => "ERR_SPAWN",
            }),
            Error::Listen { reason, .. } => errno::name(reason).unwrap_or(match reason.kind() {
                io::ErrorKind::AddrInUse => "EADDRINUSE",
                io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
                io::ErrorKind::PermissionDenied => "EACCES",
                io::ErrorKind::NotFound => "ENOENT",
                io::ErrorKind::InvalidInput => "EINVAL",
                _ => "ERR_LISTEN",
            }),
            Error::Io(_) => "ERR_IPC_SYSTEM",
        }
    }

    /// What it keeps of the peer's bytes.
    #[cfg(feature = "tokio")]
    pub(crate) fn kept_bytes(&self) -> usize {
        match self {
            Error::Protocol(
                ProtocolError::NotJson { line: kept } | ProtocolError::NotV8 { frame: kept, .. },
            ) => kept.len(),
            Error::Protocol(
                ProtocolError::Decode { message: kept, .. }
                | ProtocolError::MissingDescriptor { message: kept }
                | ProtocolError::InvalidHandle { message: kept, .. },
            ) => kept.len(),
            _ => 0,
        }
    }

    /// Whether the peer is to blame and the next message can be received: a server usually logs
    /// such an error and receives again.
    pub fn is_protocol(&self) -> bool {
        matches!(self, Error::Protocol(_))
    }
}

impl SendError {
    /// See [`Error::code`].
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
        }
    }
}

impl ProtocolError {
    /// See [`Error::code`].
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Send(e) => e.fmt(f),
            Error::Protocol(e) => e.fmt(f),
            Error::Env(e) => e.fmt(f),
            Error::Spawn { program, reason } => write!(f, "{program} cannot be started: {reason}"),
            Error::Listen { address, reason } => write!(f, "cannot listen on {address}: {reason}"),
            Error::Io(e) => write!(f, "the channel failed: {e}"),
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

/// Every error says itself what it was caused by. Its source is what comes before that, so that who
/// shows both does not say it twice.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Send(e) => e.source(),
            Error::Protocol(e) => e.source(),
            Error::Env(_) => None,
            Error::Spawn { reason: e, .. } | Error::Listen { reason: e, .. } | Error::Io(e) => e.source(),
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

impl std::error::Error for ProtocolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ProtocolError::Decode { reason, .. } => reason.source(),
            ProtocolError::NotV8 { reason, .. } => reason.source(),
            _ => None,
        }
    }
}

impl From<SendError> for Error {
    fn from(e: SendError) -> Self {
        Error::Send(e)
    }
}

impl From<ProtocolError> for Error {
    fn from(e: ProtocolError) -> Self {
        Error::Protocol(e)
    }
}

impl From<EnvError> for Error {
    fn from(e: EnvError) -> Self {
        Error::Env(e)
    }
}

impl From<io::Error> for Error {
    fn from(e: io::Error) -> Self {
        Error::Io(e)
    }
}

/// For `main` functions and libraries that return [`io::Result`].
impl From<Error> for io::Error {
    fn from(e: Error) -> Self {
        let kind = match &e {
            Error::Spawn { reason: e, .. } | Error::Listen { reason: e, .. } | Error::Io(e) => e.kind(),
            Error::Send(
                SendError::Closed | SendError::ClosedByUs | SendError::Disconnected | SendError::Stopping,
            ) => io::ErrorKind::NotConnected,
            Error::Send(SendError::TimedOut) => io::ErrorKind::TimedOut,
            Error::Send(_) => io::ErrorKind::InvalidInput,
            Error::Protocol(_) => io::ErrorKind::InvalidData,
            Error::Env(_) => io::ErrorKind::NotFound,
        };
        io::Error::new(kind, e)
    }
}
