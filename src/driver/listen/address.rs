//! [`ListenAddress`]: where to listen.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};

use crate::error::Error;

/// Where a worker listens: a port on every interface, an address and a port, a host's name and a
/// port, a path for a Unix socket, or a descriptor of the primary's.
///
/// ```
/// use crossfork::cluster::ListenAddress;
/// use std::net::Ipv6Addr;
///
/// let everywhere = ListenAddress::from(8000); // as Node's listen(8000)
/// let here = ListenAddress::from((Ipv6Addr::LOCALHOST, 8000));
/// let text = ListenAddress::from("localhost:8000"); // or "8000", "[::1]:8000", "unix:/tmp/app.sock"
/// let path = ListenAddress::path("/tmp/app.sock");
/// # let _ = (everywhere, here, text, path);
/// ```
#[derive(Clone, Debug)]
pub struct ListenAddress(Given);

#[derive(Clone, Debug)]
enum Given {
    Place(Place),
    /// It says what is wrong with it when it is used.
    Text(String),
}

/// An address that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Every interface.
    Port(u16),
    Ip(SocketAddr),
    Host(Host),
    Path(PathBuf),
    Fd(i32),
}

/// A name to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl ListenAddress {
    /// A Unix socket. A relative path is made absolute here, as Node's workers do (CLU-15).
    pub fn path(path: impl AsRef<Path>) -> Self {
        ListenAddress(Given::Place(Place::Path(path.as_ref().to_owned())))
    }

    /// A socket that is open in the primary, at this number there.
    pub fn fd(number: i32) -> Self {
        ListenAddress(Given::Place(Place::Fd(number)))
    }

    /// Whether it makes sense, as far as can be told before it is used. For tests.
    ///
    /// # Errors
    /// As [`listen`](crate::blocking::cluster::Worker::listen).
    #[doc(hidden)]
    pub fn check(&self) -> Result<(), Error> {
        self.place().map(drop)
    }

    pub(crate) fn place(&self) -> Result<Place, Error> {
        let place = match &self.0 {
            Given::Place(place) => Ok(place.clone()),
            Given::Text(text) => parse(text).ok_or("it is no port, no address with a port, and no unix:PATH"),
        };
        let place = place.and_then(|place| match place {
            Place::Path(path) if path.as_os_str().is_empty() => Err("the path is empty"),
            // A query is JSON, which has no other text.
            Place::Path(path) if path.to_str().is_none() => Err("the path is not UTF-8"),
            Place::Path(path) => match std::path::absolute(path) {
                Ok(path) => Ok(Place::Path(resolved(&path))),
                Err(_) => Err("there is no current directory"),
            },
            Place::Fd(number) if number < 0 => Err("the descriptor's number is negative"),
            place => Ok(place),
        });
        place.map_err(|reason| self.error(io::Error::new(io::ErrorKind::InvalidInput, reason)))
    }

    pub(crate) fn error(&self, reason: io::Error) -> Error {
        Error::Listen { address: self.to_string(), reason }
    }
}

impl Place {
    /// Where to bind a UDP socket, but for a host's name.
    pub(crate) fn for_udp(&self) -> io::Result<SocketAddr> {
        match self {
            Place::Port(port) => Ok((Ipv4Addr::UNSPECIFIED, *port).into()),
            Place::Ip(address) => Ok(*address),
            Place::Host(_) | Place::Path(_) | Place::Fd(_) => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "UDP is bound to a port"))
            }
        }
    }
}

/// Without `..`, as Node resolves it: workers whose paths read the same share a server.
fn resolved(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(resolved.pop()),
            part => resolved.push(part),
        }
    }
    resolved
}

fn parse(text: &str) -> Option<Place> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Some(Place::Path(path.into()));
    }
    if let Ok(port) = text.parse() {
        return Some(Place::Port(port));
    }
    if let Ok(address) = text.parse() {
        return Some(Place::Ip(address));
    }
    let (name, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    (!name.is_empty() && !name.contains([':', '/']))
        .then(|| Place::Host(Host { name: name.to_owned(), port }))
}

impl From<u16> for ListenAddress {
    fn from(port: u16) -> Self {
        ListenAddress(Given::Place(Place::Port(port)))
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        ListenAddress(Given::Place(Place::Ip(address)))
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for ListenAddress {
    fn from(address: (I, u16)) -> Self {
        SocketAddr::from(address).into()
    }
}

/// Checked when it is used.
impl From<&str> for ListenAddress {
    fn from(text: &str) -> Self {
        ListenAddress(Given::Text(text.to_owned()))
    }
}

/// Checked when it is used.
impl From<String> for ListenAddress {
    fn from(text: String) -> Self {
        ListenAddress(Given::Text(text))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Given::Text(text) => f.write_str(text),
            Given::Place(Place::Port(port)) => write!(f, "port {port}"),
            Given::Place(Place::Ip(address)) => address.fmt(f),
            Given::Place(Place::Host(Host { name, port })) => write!(f, "{name}:{port}"),
            Given::Place(Place::Path(path)) => path.display().fmt(f),
            Given::Place(Place::Fd(number)) => write!(f, "the primary's descriptor {number}"),
        }
    }
}
