//! Everything that the kernel reports about a descriptor.

use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::socket::{self, AddressFamily, SockaddrLike, SockaddrStorage, sockopt};
use nix::sys::stat::{SFlag, fstat};

use super::unix::{self, SocketType};

/// What a descriptor refers to, and its flags.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// The kind of file.
    pub kind: Kind,
    /// Details, if it is a socket.
    pub socket: Option<SocketDescription>,
    /// It is open for reading.
    pub readable: bool,
    /// It is open for writing.
    pub writable: bool,
    /// Writes append to the end (`O_APPEND`).
    pub append: bool,
    /// It is non-blocking (`O_NONBLOCK`). All descriptors of the same open file share this flag.
    pub nonblocking: bool,
    /// Programs that this process starts do not inherit it (`FD_CLOEXEC`).
    pub cloexec: bool,
}

/// Kinds of descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A socket of any family.
    Socket,
    /// An end of a pipe or FIFO.
    Pipe,
    /// A regular file.
    File,
    /// A memfd: an anonymous file in memory.
    Memory,
    /// A directory.
    Directory,
    /// A terminal.
    Terminal,
    /// Another character device, or a block device.
    Device,
    /// Something else: an eventfd, an epoll, a pidfd, an `O_PATH` descriptor, ...
    Other,
}

/// Details of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketDescription {
    /// The address family.
    pub family: Family,
    /// The type, or `None` if it is not one of the three in [`SocketType`].
    pub kind: Option<SocketType>,
    /// It is listening.
    pub listening: bool,
    /// It has a peer, or had one. A connection that was reset still counts.
    pub connected: bool,
    /// The local address.
    pub local: Option<Address>,
    /// The peer's address.
    pub peer: Option<Address>,
}

/// Address families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// Unix.
    Unix,
    /// Any other.
    Other,
}

/// The address of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A path in the file system.
    Path(PathBuf),
    /// A name in Linux's abstract namespace, without the leading zero byte.
    Abstract(Vec<u8>),
    /// A Unix socket without an address.
    Unnamed,
}

/// Returns what a descriptor refers to, and its flags.
///
/// # Errors
/// `EBADF` if it is not open.
pub fn describe(fd: BorrowedFd<'_>) -> io::Result<Description> {
    let cloexec = FdFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFD)?).contains(FdFlag::FD_CLOEXEC);
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    let access = flags & OFlag::O_ACCMODE;
    let named_only = flags.contains(OFlag::O_PATH);
    let kind = if named_only { Kind::Other } else { kind(fd)? };
    Ok(Description {
        kind,
        socket: if kind == Kind::Socket { Some(describe_socket(fd)?) } else { None },
        readable: !named_only && access != OFlag::O_WRONLY,
        writable: !named_only && access != OFlag::O_RDONLY,
        append: flags.contains(OFlag::O_APPEND),
        nonblocking: flags.contains(OFlag::O_NONBLOCK),
        cloexec,
    })
}

fn kind(fd: BorrowedFd<'_>) -> nix::Result<Kind> {
    let mode = fstat(fd)?.st_mode & SFlag::S_IFMT.bits();
    Ok(match SFlag::from_bits_truncate(mode) {
        SFlag::S_IFSOCK => Kind::Socket,
        SFlag::S_IFIFO => Kind::Pipe,
        SFlag::S_IFREG if is_memory(fd) => Kind::Memory,
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFCHR if fd.is_terminal() => Kind::Terminal,
        SFlag::S_IFCHR | SFlag::S_IFBLK => Kind::Device,
        _ => Kind::Other,
    })
}

/// Checks the name, because files on a tmpfs have seals too.
fn is_memory(fd: BorrowedFd<'_>) -> bool {
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    std::fs::read_link(link).is_ok_and(|name| name.as_os_str().as_bytes().starts_with(b"/memfd:"))
}

fn describe_socket(fd: BorrowedFd<'_>) -> io::Result<SocketDescription> {
    let local: SockaddrStorage = socket::getsockname(fd.as_raw_fd())?;
    let peer = socket::getpeername::<SockaddrStorage>(fd.as_raw_fd());
    Ok(SocketDescription {
        family: match local.family() {
            Some(AddressFamily::Inet) => Family::Ipv4,
            Some(AddressFamily::Inet6) => Family::Ipv6,
            Some(AddressFamily::Unix) => Family::Unix,
            _ => Family::Other,
        },
        kind: unix::socket_type(fd)?,
        listening: socket::getsockopt(&fd, sockopt::AcceptConn).unwrap_or(false),
        connected: unix::has_peer(fd),
        local: address(&local),
        peer: peer.ok().as_ref().and_then(address),
    })
}

fn address(address: &SockaddrStorage) -> Option<Address> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(Address::Ip(SocketAddr::V4((*v4).into())));
    }
    if let Some(v6) = address.as_sockaddr_in6() {
        return Some(Address::Ip(SocketAddr::V6((*v6).into())));
    }
    let unix = address.as_unix_addr()?;
    Some(match (unix.path(), unix.as_abstract()) {
        (Some(path), _) => Address::Path(PathBuf::from(OsStr::new(path))),
        (_, Some(name)) => Address::Abstract(name.to_vec()),
        _ => Address::Unnamed,
    })
}
