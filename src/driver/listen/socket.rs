//! What the primary's answer gives: no socket to accept from, or a socket to listen on.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::ListenAddress;
use super::address::Place;
use super::options::ListenOptions;
use crate::error::{Error, ProtocolError, SendError};
use crate::proto::cluster::SockName;
use crate::proto::cluster::worker::Answer;
use crate::sys::probe::{self, Kind};
use crate::sys::server::{self, Bind};
use crate::wire::v8::Value;

/// Node's default backlog.
const BACKLOG: u32 = 511;

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection from the primary.
pub(crate) enum Connected {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<OwnedFd> for Connected {
    /// If it is neither, the first call on it fails.
    fn from(fd: OwnedFd) -> Self {
        match probe::probe(fd.as_fd()) {
            Ok(Kind::UnixStream) => Connected::Unix(fd.into()),
            _ => Connected::Tcp(fd.into()),
        }
    }
}

/// A server that the primary granted.
#[derive(Debug)]
pub(crate) struct Granted {
    /// The socket to accept connections from. `None`: the primary hands over connections.
    pub(crate) socket: Option<Socket>,
    pub(crate) local_addr: Option<SocketAddr>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) data: Option<Value>,
}

impl Granted {
    /// The port to report to the primary (CLU-8).
    pub(crate) fn port(&self) -> Option<u16> {
        self.local_addr.map(|address| address.port())
    }
}

/// Makes a server from the primary's answer; `None` means that the channel ended before the answer came.
pub(crate) fn granted(
    answer: Option<Answer<OwnedFd>>,
    address: &ListenAddress,
    place: &Place,
    options: &ListenOptions,
) -> Result<Granted, Error> {
    let path = match place {
        Place::Path(path) => Some(path.clone()),
        _ => None,
    };
    match checked(answer, address)? {
        (None, sockname, data) => {
            Ok(Granted { socket: None, local_addr: sockname.and_then(to_std), path, data })
        }
        (Some(fd), _, data) => {
            let socket = listening(fd, place, options).map_err(|reason| address.error(reason))?;
            let local_addr = socket.local_addr();
            Ok(Granted { socket: Some(socket), local_addr, path, data })
        }
    }
}

/// Makes a UDP socket from the primary's answer.
pub(crate) fn granted_udp(
    answer: Option<Answer<OwnedFd>>,
    address: &ListenAddress,
    wanted: &SocketAddr,
) -> Result<UdpSocket, Error> {
    let (Some(fd), ..) = checked(answer, address)? else {
        return Err(ProtocolError::InvalidReply { reason: "it comes without a socket" }.into());
    };
    let bound = || {
        if !matches!(probe::probe(fd.as_fd())?, Kind::Udp4 | Kind::Udp6) {
            return Err(not_that_kind());
        }
        let socket = UdpSocket::from(fd);
        check_port(wanted.port(), socket.local_addr()?)?;
        Ok(socket)
    };
    bound().map_err(|reason| address.error(reason))
}

type Checked = (Option<OwnedFd>, Option<SockName>, Option<Value>);

fn checked(answer: Option<Answer<OwnedFd>>, address: &ListenAddress) -> Result<Checked, Error> {
    match answer {
        Some(Answer::RoundRobin { sockname, data }) => Ok((None, sockname, data)),
        Some(Answer::Shared { fd, data }) => Ok((Some(fd), None, data)),
        Some(Answer::Failed(errno)) => Err(address.error(io::Error::from_raw_os_error(errno))),
        Some(Answer::Invalid(reason)) => Err(ProtocolError::InvalidReply { reason }.into()),
        Some(Answer::InUse) => Err(address.error(in_use())),
        Some(Answer::Stopped) => Err(SendError::Stopping.into()),
        None => Err(SendError::Closed.into()),
    }
}

/// The socket may be bound to another address, or unbound: this is how a Node primary reports that the
/// address is in use (CLU-12). Listening on such a socket would choose a random port.
fn listening(fd: OwnedFd, place: &Place, options: &ListenOptions) -> io::Result<Socket> {
    let kind = probe::probe(fd.as_fd())?;
    let socket = match kind {
        Kind::TcpBound | Kind::TcpUnbound | Kind::TcpListener => {
            let listener = TcpListener::from(fd);
            let wanted = match place {
                Place::Port(port) => *port,
                Place::Ip(address) => address.port(),
                Place::Host(host) => host.port,
                Place::Path(_) => return Err(not_that_kind()),
                Place::Fd(_) => 0,
            };
            check_port(wanted, listener.local_addr()?)?;
            Socket::Tcp(listener)
        }
        Kind::UnixStream | Kind::UnixListener => {
            let listener = UnixListener::from(fd);
            if listener.local_addr()?.is_unnamed() {
                return Err(in_use());
            }
            Socket::Unix(listener)
        }
        _ => return Err(not_that_kind()),
    };
    server::listen(&socket, options.backlog.unwrap_or(BACKLOG))?;
    if let Place::Path(path) = place {
        open_to_all(path, options)?;
    }
    Ok(socket)
}

/// Opens a socket of the worker's own.
pub(crate) fn exclusive(
    place: &Place,
    address: &ListenAddress,
    options: &ListenOptions,
) -> Result<Granted, Error> {
    let how = Bind { v6_only: options.ipv6_only, ..Bind::default() };
    let open = || {
        Ok(match place {
            Place::Port(port) => Socket::Tcp(everywhere(*port, how)?.into()),
            Place::Ip(address) => Socket::Tcp(server::tcp(*address, how)?.into()),
            Place::Path(path) => {
                let listener = UnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                open_to_all(path, options)?;
                Socket::Unix(listener)
            }
            // Names were looked up before. A descriptor number would mean another descriptor in this process.
            Place::Host(_) | Place::Fd(_) => return Err(not_that_kind()),
        })
    };
    let listening = || {
        let socket = open()?;
        server::listen(&socket, options.backlog.unwrap_or(BACKLOG))?;
        Ok(socket)
    };
    let socket = listening().map_err(|reason| address.error(reason))?;
    let path = match place {
        Place::Path(path) => Some(path.clone()),
        _ => None,
    };
    Ok(Granted { local_addr: socket.local_addr(), socket: Some(socket), path, data: options.data.clone() })
}

/// All interfaces, with IPv6 where the system supports it.
fn everywhere(port: u16, how: Bind) -> io::Result<OwnedFd> {
    match server::tcp((Ipv6Addr::UNSPECIFIED, port).into(), how) {
        Err(e)
            if matches!(e.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)) && !how.v6_only =>
        {
            server::tcp((Ipv4Addr::UNSPECIFIED, port).into(), how)
        }
        made => made,
    }
}

impl Socket {
    fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(listener) => listener.as_fd(),
            Socket::Unix(listener) => listener.as_fd(),
        }
    }
}

fn check_port(wanted: u16, local: SocketAddr) -> io::Result<()> {
    if local.port() == 0 || wanted != 0 && wanted != local.port() { Err(in_use()) } else { Ok(()) }
}

/// Does what Node's `readableAll` and `writableAll` do.
fn open_to_all(path: &Path, options: &ListenOptions) -> io::Result<()> {
    let mut mode = 0;
    if options.readable_all {
        mode |= 0o444;
    }
    if options.writable_all {
        mode |= 0o222;
    }
    if mode == 0 {
        return Ok(());
    }
    let mut permissions = fs::metadata(path)?.permissions();
    permissions.set_mode(permissions.mode() | mode);
    fs::set_permissions(path, permissions)
}

fn to_std(sockname: SockName) -> Option<SocketAddr> {
    let ip: IpAddr = sockname.address.parse().ok()?;
    Some(SocketAddr::new(ip, sockname.port))
}

fn in_use() -> io::Error {
    io::Error::from_raw_os_error(libc::EADDRINUSE)
}

fn not_that_kind() -> io::Error {
    io::Error::from_raw_os_error(libc::EINVAL)
}
