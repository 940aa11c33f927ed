//! [`ListenAddress`]: where to listen.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use crate::error::{Error, ParseError};

/// Where a worker listens: a port on every interface, an address and a port, a host's name and a
/// port, a path for a Unix socket, or a descriptor of the primary's.
///
/// ```
/// use crossfork::cluster::ListenAddress;
/// use std::net::Ipv6Addr;
///
/// let everywhere = ListenAddress::from(8000); // as Node's listen(8000)
/// let here = ListenAddress::from((Ipv6Addr::LOCALHOST, 8000));
/// let host = ListenAddress::from(("localhost", 8000));
/// let text = ListenAddress::from("localhost:8000"); // or "8000", "[::1]:8000", "unix:/tmp/app.sock"
/// let path = ListenAddress::path("/tmp/app.sock");
/// let given: ListenAddress = "fd:3".parse()?; // says at once if the text is no address
/// # let _ = (everywhere, here, host, text, path, given);
/// # Ok::<(), crossfork::ParseError>(())
/// ```
///
/// [`Display`](fmt::Display) writes what [`FromStr`] reads, unless a path is not UTF-8.
#[derive(Clone, Debug)]
pub struct ListenAddress(Given);

#[derive(Clone, Debug)]
enum Given {
    Place(Place),
    /// An invalid address. The error is reported when it is used.
    Text(String),
}

/// A valid address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Every interface.
    Port(u16),
    Ip(SocketAddr),
    Host(Host),
    Path(PathBuf),
    Fd(i32),
}

/// A name to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl ListenAddress {
    /// A Unix socket. A relative path is made absolute here, as Node's workers do
    /// ([CLU-15](crate::protocol#CLU-15)).
    pub fn path(path: impl AsRef<Path>) -> Self {
        ListenAddress(Given::Place(Place::Path(path.as_ref().to_owned())))
    }

    /// A socket that is open in the primary, by its descriptor number there.
    pub fn fd(number: i32) -> Self {
        ListenAddress(Given::Place(Place::Fd(number)))
    }

    /// Checks the address as far as is possible before it is used. For tests.
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
            Given::Text(text) => parse(text).ok_or(NO_ADDRESS),
        };
        let place = place.and_then(|place| match place {
            Place::Path(path) if path.as_os_str().is_empty() => Err("the path is empty"),
            // A query is JSON, which can only hold UTF-8.
            Place::Path(path) if path.to_str().is_none() => Err("the path is not UTF-8"),
            Place::Path(path) => match std::path::absolute(path) {
                Ok(path) => Ok(Place::Path(resolved(&path))),
                Err(_) => Err("cannot determine the current directory"),
            },
            Place::Fd(number) if number < 0 => Err("the descriptor's number is negative"),
            Place::Host(host) if !is_host(&host.name) => Err("not a valid host name"),
            place => Ok(place),
        });
        place.map_err(|reason| self.error(io::Error::new(io::ErrorKind::InvalidInput, reason)))
    }

    pub(crate) fn error(&self, reason: io::Error) -> Error {
        Error::Listen { address: self.describe(), reason }
    }

    /// The address for people to read. A number alone would be ambiguous.
    pub(crate) fn describe(&self) -> String {
        match &self.0 {
            Given::Place(Place::Port(port)) => format!("port {port}"),
            Given::Place(Place::Path(path)) => path.display().to_string(),
            Given::Place(Place::Fd(number)) => format!("the primary's descriptor {number}"),
            _ => self.to_string(),
        }
    }
}

impl Place {
    /// The address for a UDP socket, unless it is a host's name.
    pub(crate) fn for_udp(&self) -> io::Result<SocketAddr> {
        match self {
            Place::Port(port) => Ok((Ipv4Addr::UNSPECIFIED, *port).into()),
            Place::Ip(address) => Ok(*address),
            Place::Host(_) | Place::Path(_) | Place::Fd(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a UDP socket needs a port, or an address with a port",
            )),
        }
    }
}

/// Resolves `..` as Node does, so that workers with the same path share a server.
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

/// The expected form of an address.
const NO_ADDRESS: &str = "expected a port, an address with a port, unix:PATH or fd:NUMBER";

fn parse(text: &str) -> Option<Place> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Some(Place::Path(path.into()));
    }
    if let Some(number) = text.strip_prefix("fd:") {
        return number.parse().ok().map(Place::Fd);
    }
    if let Ok(port) = text.parse() {
        return Some(Place::Port(port));
    }
    if let Ok(address) = text.parse() {
        return Some(Place::Ip(address));
    }
    let (name, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    is_host(name).then(|| Place::Host(Host { name: name.to_owned(), port }))
}

fn is_host(name: &str) -> bool {
    !name.is_empty() && !name.contains([':', '/'])
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

macro_rules! from_ip_and_port {
    ($($ip:ty),*) => {$(
        impl From<($ip, u16)> for ListenAddress {
            fn from(address: ($ip, u16)) -> Self {
                SocketAddr::from(address).into()
            }
        }
    )*};
}

from_ip_and_port!(IpAddr, Ipv4Addr, Ipv6Addr, [u8; 4], [u16; 8]);

/// A host's name, or an IP address, and a port.
impl From<(&str, u16)> for ListenAddress {
    fn from((host, port): (&str, u16)) -> Self {
        match host.parse::<IpAddr>() {
            Ok(ip) => (ip, port).into(),
            Err(_) => ListenAddress(Given::Place(Place::Host(Host { name: host.to_owned(), port }))),
        }
    }
}

/// A host's name, or an IP address, and a port.
impl From<(String, u16)> for ListenAddress {
    fn from((host, port): (String, u16)) -> Self {
        (host.as_str(), port).into()
    }
}

/// Parses a port (`8000`), an address with a port (`127.0.0.1:8000`, `[::1]:8000`), a host's name with a port
/// (`localhost:8000`), a path (`unix:/tmp/app.sock`), or a descriptor of the primary's (`fd:3`).
///
/// # Errors
/// [`ParseError`] for any other text. [`ListenAddress::from`] takes the same texts, but reports this error
/// only in the call that listens.
impl FromStr for ListenAddress {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const WANTED: &str =
            "an address: write a port, an address with a port, unix: and a path, or fd: and a number";
        parse(text)
            .map(|place| ListenAddress(Given::Place(place)))
            .ok_or_else(|| ParseError::new(text, WANTED))
    }
}

/// The text is checked when it is used.
impl From<&str> for ListenAddress {
    fn from(text: &str) -> Self {
        ListenAddress(Given::Text(text.to_owned()))
    }
}

/// The text is checked when it is used.
impl From<String> for ListenAddress {
    fn from(text: String) -> Self {
        ListenAddress(Given::Text(text))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Given::Text(text) => f.write_str(text),
            Given::Place(Place::Port(port)) => port.fmt(f),
            Given::Place(Place::Ip(address)) => address.fmt(f),
            Given::Place(Place::Host(Host { name, port })) => write!(f, "{name}:{port}"),
            Given::Place(Place::Path(path)) => write!(f, "unix:{}", path.display()),
            Given::Place(Place::Fd(number)) => write!(f, "fd:{number}"),
        }
    }
}
