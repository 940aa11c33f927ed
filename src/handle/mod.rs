//! [`Handle`]: the sockets and pipes that can travel over a channel.

mod outgoing;
mod received;

use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

pub(crate) use outgoing::fits;
pub use outgoing::{IntoOutgoing, Outgoing, Unsent};
pub(crate) use received::SocketOwner;
pub use received::{ReceivedHandle, SocketHold};

use crate::sys::probe::{self, Kind};
use crate::wire::control::HandleType;

/// A socket or pipe that travels over a channel.
///
/// A received one is non-blocking, as Node's own are; the flag belongs to the open file, which
/// the sending process may share ([HND-16](crate::protocol#HND-16)). Clear it only on a connection that is yours alone.
///
/// ```no_run
/// use crossfork::{Handle, blocking::Channel};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let channel = Channel::from_env()?;
/// while let Some(mut message) = channel.recv()? {
///     match message.take_handle().map(|received| received.into_parts()) {
///         Some((Handle::TcpListener(listener), _)) => println!("a server on {}", listener.local_addr()?),
///         Some((Handle::TcpStream(client), _hold)) => println!("a client at {}", client.peer_addr()?),
///         Some(_) | None => println!("something else"),
///     }
/// }
/// # Ok(()) }
/// ```
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
    /// path one day, and a Node process that closes its copy does so at once ([HND-24](crate::protocol#HND-24)).
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

#[cfg(feature = "tokio")]
macro_rules! from_tokio {
    ($($name:ident),*) => {$(
        /// Takes it out of its reactor.
        ///
        /// # Errors
        /// If the reactor does not let go of it. It is closed then.
        impl TryFrom<::tokio::net::$name> for Handle {
            type Error = io::Error;

            fn try_from(socket: ::tokio::net::$name) -> io::Result<Self> {
                Ok(Handle::$name(socket.into_std()?))
            }
        }
    )*};
}

#[cfg(feature = "tokio")]
from_tokio!(TcpStream, TcpListener, UnixStream, UnixListener, UdpSocket);

#[cfg(feature = "tokio")]
macro_rules! from_tokio_pipe {
    ($($name:ident),*) => {$(
        /// Takes it out of its reactor.
        ///
        /// # Errors
        /// If the reactor does not let go of it. It is closed then.
        impl TryFrom<::tokio::net::unix::pipe::$name> for Handle {
            type Error = io::Error;

            fn try_from(pipe: ::tokio::net::unix::pipe::$name) -> io::Result<Self> {
                Ok(Handle::Pipe(pipe.into_nonblocking_fd()?))
            }
        }
    )*};
}

#[cfg(feature = "tokio")]
from_tokio_pipe!(Sender, Receiver);
