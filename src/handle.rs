//! The handles that can travel, and which wire type each may travel as.

use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use crate::error::{Error, SendError};
use crate::sys::probe::{self, Kind};
use crate::wire::control::{DgramType, HandleType, SocketKey};

/// A socket or pipe that travels over a channel.
///
/// A received one is non-blocking, as Node's own are; the flag belongs to the open file, which
/// the sending process may share (HND-16). Clear it only on a connection that is yours alone.
#[derive(Debug)]
#[non_exhaustive]
pub enum Handle {
    /// A TCP connection; travels as `net.Socket`.
    TcpStream(TcpStream),
    /// A listening TCP socket; travels as `net.Server`.
    TcpListener(TcpListener),
    /// A Unix stream connection; travels as `net.Socket`.
    UnixStream(UnixStream),
    /// A listening Unix socket; travels as `net.Server`. Who sends it still has to remove its
    /// path one day, and a Node process that closes its copy does so at once (HND-24).
    UnixListener(UnixListener),
    /// A UDP socket; travels as `dgram.Socket`.
    UdpSocket(UdpSocket),
    /// An end of a pipe or FIFO; travels as `net.Native`.
    Pipe(OwnedFd),
    /// A TCP socket that is bound and does not listen yet; travels as `net.Native`.
    TcpBound(OwnedFd),
}

impl Handle {
    /// The wire type it travels as unless told otherwise.
    pub fn default_type(&self) -> HandleType {
        match self {
            Handle::TcpStream(_) | Handle::UnixStream(_) => HandleType::NetSocket,
            Handle::TcpListener(_) | Handle::UnixListener(_) => HandleType::NetServer,
            Handle::UdpSocket(_) => HandleType::DgramSocket,
            Handle::Pipe(_) | Handle::TcpBound(_) => HandleType::NetNative,
        }
    }

    /// Wraps a descriptor after asking the kernel what it is. One that cannot travel comes back,
    /// with what it is.
    pub(crate) fn from_fd(fd: OwnedFd, kind: Kind) -> Result<Self, OwnedFd> {
        Ok(match kind {
            Kind::TcpStream => Handle::TcpStream(fd.into()),
            Kind::TcpListener => Handle::TcpListener(fd.into()),
            Kind::TcpBound | Kind::TcpUnbound => Handle::TcpBound(fd),
            Kind::UnixStream => Handle::UnixStream(fd.into()),
            Kind::UnixListener => Handle::UnixListener(fd.into()),
            Kind::Udp4 | Kind::Udp6 => Handle::UdpSocket(fd.into()),
            Kind::Fifo => Handle::Pipe(fd),
            Kind::UnixPackets
            | Kind::OtherSocket
            | Kind::File
            | Kind::Directory
            | Kind::CharDevice
            | Kind::Other => return Err(fd),
        })
    }
}

/// Asks the kernel what the descriptor is.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] for what cannot travel: files, terminals, packet sockets and
/// so on.
impl TryFrom<OwnedFd> for Handle {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        let kind = probe::probe(fd.as_fd())?;
        Handle::from_fd(fd, kind).map_err(|_closed| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} cannot be sent over a channel", kind.as_str()),
            )
        })
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Handle::TcpStream(h) => h.as_fd(),
            Handle::TcpListener(h) => h.as_fd(),
            Handle::UnixStream(h) => h.as_fd(),
            Handle::UnixListener(h) => h.as_fd(),
            Handle::UdpSocket(h) => h.as_fd(),
            Handle::Pipe(h) | Handle::TcpBound(h) => h.as_fd(),
        }
    }
}

impl From<Handle> for OwnedFd {
    fn from(handle: Handle) -> OwnedFd {
        match handle {
            Handle::TcpStream(h) => h.into(),
            Handle::TcpListener(h) => h.into(),
            Handle::UnixStream(h) => h.into(),
            Handle::UnixListener(h) => h.into(),
            Handle::UdpSocket(h) => h.into(),
            Handle::Pipe(h) | Handle::TcpBound(h) => h,
        }
    }
}

macro_rules! from_std {
    ($($name:ident),*) => {$(
        impl From<$name> for Handle {
            fn from(handle: $name) -> Self {
                Handle::$name(handle)
            }
        }
    )*};
}

from_std!(TcpStream, TcpListener, UnixStream, UnixListener, UdpSocket);

/// A handle and how it is to be sent.
///
/// By itself a handle is moved: our copy is closed when the peer has acknowledged it (HND-13).
/// [`Outgoing::keep_open`] keeps ours. Either way the socket becomes non-blocking, for everybody
/// who shares it (HND-23).
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
    handle: Handle,
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

    pub(crate) fn unsent(self, error: Error) -> Unsent {
        Unsent { error, handle: Some(self.handle) }
    }

    /// Makes sure that the peer survives it, and makes it ready to travel. `bound_sockets` tells
    /// whether the peer knows `net.BoundSocket` (NEVER-7).
    pub(crate) fn check(self, bound_sockets: bool) -> Result<Checked, Unsent> {
        let Outgoing { handle, wire_type, key } = self;
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
        Outgoing { wire_type: handle.default_type(), handle, key: None }
    }
}

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
