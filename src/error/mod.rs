//! What can go wrong, by whose fault it was: [`SendError`] is our caller's, [`ProtocolError`] the
//! peer's, [`EnvError`] the environment's that we were started in, and [`Error`] is any of them.

mod brief;
mod env;
mod errno;
mod format;
mod parse;
mod protocol;
mod send;
mod v8;

use std::{fmt, io};

pub use brief::Quote;
pub(crate) use brief::brief;
pub use env::EnvError;
#[cfg(feature = "calls")]
pub(crate) use errno::system_code;
pub use format::FormatError;
pub use parse::ParseError;
pub use protocol::ProtocolError;
pub use send::SendError;
pub use v8::{V8Error, V8ErrorKind};

/// How deep a value of the `advanced` mode may be nested.
pub const MAX_DEPTH: usize = 128;

/// Any failure of a channel.
///
/// [`Error::Protocol`] is about one message of the peer: the channel goes on, and the next call
/// gives the next message. After [`Error::Io`] the channel is over.
///
/// ```
/// use crossfork::{Error, Limits, blocking::Channel};
/// use std::io::Write;
///
/// # fn main() -> Result<(), Error> {
/// let (ours, mut peer) = std::os::unix::net::UnixStream::pair()?;
/// let channel = Channel::from_socket(ours, Limits::new())?;
/// peer.write_all(b"?\n\"a message\"\n")?;
/// loop {
///     match channel.recv() {
///         Ok(Some(message)) => break assert_eq!(message.decode::<String>()?, "a message"),
///         Ok(None) => break, // the peer has disconnected
///         Err(error) if error.is_protocol() => eprintln!("{error}"), // and on to the next
///         Err(error) => return Err(error),
///     }
/// }
/// # Ok(()) }
/// ```
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
    /// What a service does before its first call has failed.
    #[cfg(feature = "calls")]
    SetUp(Box<dyn std::error::Error + Send + Sync>),
    /// The operating system failed.
    Io(io::Error),
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
            #[cfg(feature = "calls")]
            Error::SetUp(_) => "ERR_SET_UP",
            Error::Io(_) => "ERR_IPC_SYSTEM",
        }
    }

    /// What it keeps of the peer's bytes.
    #[cfg(feature = "tokio")]
    pub(crate) fn kept_bytes(&self) -> usize {
        match self {
            Error::Protocol(error) => error.kept_bytes(),
            _ => 0,
        }
    }

    /// Whether the peer is to blame and the next message can be received: a server usually logs
    /// such an error and receives again.
    pub fn is_protocol(&self) -> bool {
        matches!(self, Error::Protocol(_))
    }
}

/// The sentence and the code: Rust prints this when `main` returns an error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.code())
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
            #[cfg(feature = "calls")]
            Error::SetUp(e) => write!(f, "the service cannot start: {e}"),
            Error::Io(e) => write!(f, "the channel failed: {e}"),
        }
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
            #[cfg(feature = "calls")]
            Error::SetUp(e) => e.source(),
            Error::Spawn { reason: e, .. } | Error::Listen { reason: e, .. } | Error::Io(e) => e.source(),
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
            Error::Send(SendError::WouldBlock) => io::ErrorKind::WouldBlock,
            Error::Send(_) => io::ErrorKind::InvalidInput,
            Error::Protocol(_) => io::ErrorKind::InvalidData,
            Error::Env(_) => io::ErrorKind::NotFound,
            #[cfg(feature = "calls")]
            Error::SetUp(_) => io::ErrorKind::Other,
        };
        io::Error::new(kind, e)
    }
}
