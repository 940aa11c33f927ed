//! [`Outgoing`]: a handle, and how it is sent. Nothing leaves that Node would not survive.

use std::io;
use std::os::fd::AsFd;

use super::Handle;
use crate::error::{Error, SendError};
use crate::sys::probe::{self, Kind};
use crate::wire::control::{DgramType, HandleType, SocketKey};

/// A handle and how it is to be sent.
///
/// By itself a handle is moved: our copy is closed when the peer has acknowledged it.
/// [`Outgoing::keep_open`] keeps ours. Either way the socket becomes non-blocking, for everybody
/// who shares it.
///
/// Whatever becomes a [`Handle`] becomes one of these too; and so do, with the feature `tokio`, the
/// sockets of `tokio::net`. These leave their reactor first. Where that fails the socket is closed, and
/// sending it returns the error.
///
/// ```
/// use crossfork::{HandleType, Outgoing};
/// # fn main() -> std::io::Result<()> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let for_worker = Outgoing::keep_open(&listener)?.wire_type(HandleType::NetNative);
/// # drop(for_worker); Ok(()) }
/// ```
#[derive(Debug)]
pub struct Outgoing {
    /// Or why there is none.
    handle: io::Result<Handle>,
    wire_type: HandleType,
    key: Option<SocketKey>,
}

impl Outgoing {
    /// Sends a duplicate, so that the one given here stays open and in use: Node's `keepOpen`.
    ///
    /// # Errors
    /// As [`Handle::try_from`]; and if this process has no descriptor free.
    pub fn keep_open(handle: impl AsFd) -> io::Result<Self> {
        Ok(Handle::try_from(handle.as_fd().try_clone_to_owned()?)?.into())
    }

    /// Chooses what the handle is to become at the peer.
    ///
    /// [`HandleType::NetBoundSocket`] ends a Node process older than 26, so it is only sent where
    /// the peer is known to have it: see `Channel::allow_bound_sockets`.
    pub fn wire_type(mut self, wire_type: HandleType) -> Self {
        self.wire_type = wire_type;
        self
    }

    /// Has the receiver count it under this key (SOCK-1).
    pub(crate) fn counted(mut self, key: SocketKey) -> Self {
        self.key = Some(key);
        self
    }

    /// What it is to become at the peer, as Node names it.
    pub(crate) fn type_name(&self) -> &'static str {
        self.wire_type.as_str()
    }

    pub(crate) fn unsent(self, error: Error) -> Unsent {
        Unsent { error, handle: self.handle.ok() }
    }

    /// Makes sure that the peer survives it, and makes it ready to travel. `bound_sockets` tells
    /// whether the peer knows `net.BoundSocket` (NEVER-7).
    pub(crate) fn check(self, bound_sockets: bool) -> Result<Checked, Unsent> {
        let Outgoing { handle, wire_type, key } = self;
        let handle = handle.map_err(|error| Unsent { error: error.into(), handle: None })?;
        let kind = probe::probe(handle.as_fd()).unwrap_or(Kind::Other);
        let error = if !fits(kind, wire_type) {
            Some(SendError::InvalidHandle { wire_type: wire_type.as_str(), found: kind.as_str() })
        } else if wire_type == HandleType::NetBoundSocket && !bound_sockets {
            Some(SendError::UnknownToPeer { wire_type: wire_type.as_str() })
        } else {
            None
        };
        if let Some(error) = error {
            return Err(Unsent { error: error.into(), handle: Some(handle) });
        }
        // A blocking listener makes an older Node hang in accept (HND-23).
        if let Err(error) = probe::set_nonblocking(handle.as_fd()) {
            return Err(Unsent { error: error.into(), handle: Some(handle) });
        }
        let dgram_type = match (wire_type, kind) {
            (HandleType::DgramSocket, Kind::Udp4) => Some(DgramType::Udp4),
            (HandleType::DgramSocket, Kind::Udp6) => Some(DgramType::Udp6),
            _ => None,
        };
        Ok(Checked { handle, wire_type, dgram_type, key })
    }
}

impl<H: Into<Handle>> From<H> for Outgoing {
    fn from(handle: H) -> Self {
        let handle = handle.into();
        Outgoing { wire_type: handle.default_type(), handle: Ok(handle), key: None }
    }
}

#[cfg(feature = "tokio")]
macro_rules! from_tokio {
    ($($source:ty => $wire_type:ident),* $(,)?) => {$(
        impl From<$source> for Outgoing {
            fn from(source: $source) -> Self {
                match Handle::try_from(source) {
                    Ok(handle) => handle.into(),
                    // Sending it says so.
                    Err(error) => {
                        Outgoing { handle: Err(error), wire_type: HandleType::$wire_type, key: None }
                    }
                }
            }
        }
    )*};
}

#[cfg(feature = "tokio")]
from_tokio!(
    ::tokio::net::TcpStream => NetSocket,
    ::tokio::net::TcpListener => NetServer,
    ::tokio::net::UnixStream => NetSocket,
    ::tokio::net::UnixListener => NetServer,
    ::tokio::net::UdpSocket => DgramSocket,
    ::tokio::net::unix::pipe::Sender => NetNative,
    ::tokio::net::unix::pipe::Receiver => NetNative,
);

/// What can be sent with a message: an [`Outgoing`], or what becomes one. It is implemented for each
/// type that converts into [`Outgoing`], and needs no implementation by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent over a channel",
    label = "this is not a handle",
    note = "a channel sends the sockets of `std::net` and `std::os::unix::net`, `crossfork::Handle` and \
            `crossfork::Outgoing`, and takes them by value",
    note = "to keep a socket and send a duplicate, write `Outgoing::keep_open(&socket)?`",
    note = "to send an `OwnedFd`, write `Handle::try_from(fd)?`, which asks the kernel what it is"
)]
#[cfg_attr(
    not(feature = "tokio"),
    diagnostic::on_unimplemented(note = "the sockets of tokio can be sent with crossfork's feature `tokio`")
)]
pub trait IntoOutgoing: Into<Outgoing> {}

#[diagnostic::do_not_recommend]
impl<T: Into<Outgoing>> IntoOutgoing for T {}

/// A handle that may leave.
pub(crate) struct Checked {
    pub(crate) handle: Handle,
    pub(crate) wire_type: HandleType,
    pub(crate) dgram_type: Option<DgramType>,
    pub(crate) key: Option<SocketKey>,
}

/// A handle that was not sent, and why.
#[derive(Debug)]
pub struct Unsent {
    /// What went wrong.
    pub error: Error,
    /// The handle, unless the peer may have it: a frame that has begun to be written cannot be
    /// taken back.
    pub handle: Option<Handle>,
}

impl std::fmt::Display for Unsent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the handle was not sent: {}", self.error)
    }
}

impl std::error::Error for Unsent {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl From<Unsent> for Error {
    fn from(unsent: Unsent) -> Error {
        unsent.error
    }
}

impl From<Unsent> for io::Error {
    fn from(unsent: Unsent) -> io::Error {
        unsent.error.into()
    }
}

/// Whether a descriptor of this kind may travel as this type, in either direction: what Node
/// neither dies of nor chokes on (HND-18 to HND-22).
pub(crate) fn fits(kind: Kind, wire_type: HandleType) -> bool {
    use Kind::*;
    match wire_type {
        HandleType::NetSocket => {
            // A connection that the client has reset looks like a bound socket.
            matches!(kind, TcpStream | TcpBound | UnixStream | Fifo)
        }
        HandleType::NetServer => matches!(kind, TcpListener | TcpBound | UnixListener),
        HandleType::NetNative => {
            matches!(kind, TcpStream | TcpListener | TcpBound | TcpUnbound | UnixStream | UnixListener | Fifo)
        }
        HandleType::DgramSocket | HandleType::DgramNative => matches!(kind, Udp4 | Udp6),
        HandleType::NetBoundSocket => matches!(kind, TcpBound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_its_reactor_did_not_let_go_is_an_error_of_the_send() {
        let lost = || Outgoing {
            handle: Err(io::Error::from(io::ErrorKind::NotFound)),
            wire_type: HandleType::NetSocket,
            key: None,
        };
        let Err(unsent) = lost().check(true) else { panic!("it was sent") };
        assert!(unsent.handle.is_none());
        assert_eq!(io::Error::from(unsent).kind(), io::ErrorKind::NotFound);
        // Whatever else is wrong, there is no handle to give back.
        assert!(lost().unsent(SendError::Closed.into()).handle.is_none());
    }
}
