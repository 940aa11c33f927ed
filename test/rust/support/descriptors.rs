//! Descriptors of every kind, and their properties.
// The kinds that neither std nor nix makes with the features at hand are made with libc.
#![allow(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::{mem, ptr};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::PollFlags;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, bind, recv, socket, socketpair,
};
use nix::sys::stat::fstat;

use super::deadline::wait;

/// Which open file it is, whatever its number.
pub fn identity(fd: impl AsFd) -> (u64, u64) {
    let stat = fstat(fd.as_fd()).unwrap();
    (stat.st_dev as u64, stat.st_ino as u64)
}

pub fn is_nonblocking(fd: impl AsFd) -> bool {
    OFlag::from_bits_retain(fcntl(fd.as_fd(), FcntlArg::F_GETFL).unwrap()).contains(OFlag::O_NONBLOCK)
}

pub fn is_cloexec(fd: impl AsFd) -> bool {
    FdFlag::from_bits_retain(fcntl(fd.as_fd(), FcntlArg::F_GETFD).unwrap()).contains(FdFlag::FD_CLOEXEC)
}

/// How many descriptors this process has open.
#[cfg(target_os = "linux")]
pub fn open_descriptors() -> usize {
    // One is the directory's own.
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// A descriptor to give away, and a witness of when its last copy is closed.
pub fn watched() -> (UnixStream, Witness) {
    let (given, kept) = UnixStream::pair().unwrap();
    (given, Witness(kept))
}

pub struct Witness(pub UnixStream);

impl Witness {
    /// Waits until the last copy of the other descriptor is closed.
    pub fn assert_closed(&self) {
        wait(&self.0, PollFlags::POLLIN, "the last copy of a descriptor is closed");
        assert_eq!(self.peek(), Ok(0), "end of file");
    }

    pub fn assert_open(&self) {
        assert_eq!(self.peek(), Err(nix::errno::Errno::EAGAIN), "a copy should still be open");
    }

    fn peek(&self) -> nix::Result<usize> {
        recv(self.0.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT)
    }
}

pub fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, client)
}

/// A TCP socket that is bound and does not listen.
pub fn tcp_bound() -> OwnedFd {
    let fd = tcp_unbound();
    bind(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    fd
}

pub fn tcp_unbound() -> OwnedFd {
    socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap()
}

pub fn udp4() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

pub fn udp6() -> UdpSocket {
    UdpSocket::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))).unwrap()
}

pub fn unix_pair(kind: SockType) -> OwnedFd {
    socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).unwrap().0
}

#[cfg(target_os = "linux")]
pub fn netlink() -> OwnedFd {
    let route = SockProtocol::NetlinkRoute;
    socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, route).unwrap()
}

#[cfg(target_os = "linux")]
pub fn o_path(path: &str) -> OwnedFd {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    nix::fcntl::open(path, flags, nix::sys::stat::Mode::empty()).unwrap()
}

#[cfg(target_os = "linux")]
pub fn memfd() -> OwnedFd {
    // SAFETY: the name is a string that ends in 0.
    owned(unsafe { libc::memfd_create(c"crossfork".as_ptr(), libc::MFD_CLOEXEC) })
}

#[cfg(target_os = "linux")]
pub fn eventfd() -> OwnedFd {
    // SAFETY: no pointers.
    owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) })
}

#[cfg(target_os = "linux")]
pub fn epoll() -> OwnedFd {
    // SAFETY: no pointers.
    owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
}

#[cfg(target_os = "linux")]
pub fn pidfd() -> OwnedFd {
    // SAFETY: no pointers.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, std::process::id(), 0) } as RawFd)
}

/// A terminal's master and slave.
pub fn pty() -> (OwnedFd, OwnedFd) {
    let (mut master, mut slave) = (-1, -1);
    // SAFETY: the first two are written to, the others may be null.
    let result =
        unsafe { libc::openpty(&mut master, &mut slave, ptr::null_mut(), ptr::null_mut(), ptr::null_mut()) };
    assert_eq!(result, 0, "openpty: {}", io::Error::last_os_error());
    (owned(master), owned(slave))
}

fn owned(fd: RawFd) -> OwnedFd {
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: it was opened just now, for us.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Restores the default that a process not started by Rust has.
pub fn restore_sigpipe() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Writes once, without waiting, with any number of descriptors on the first byte.
pub fn send_many(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let fds: Vec<RawFd> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
    let size = mem::size_of_val(fds.as_slice());
    // SAFETY: CMSG_SPACE only computes.
    let space = unsafe { libc::CMSG_SPACE(size as u32) } as usize;
    // Of u64, to be aligned.
    let mut control = vec![0u64; space.div_ceil(8)];
    let mut iov = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: all-zero is a valid msghdr, and every pointer in it outlives the call; the control
    // buffer has room for one header and the descriptors.
    let sent = unsafe {
        let mut header: libc::msghdr = mem::zeroed();
        header.msg_iov = &mut iov;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = space as _;
        let message = libc::CMSG_FIRSTHDR(&header);
        (*message).cmsg_level = libc::SOL_SOCKET;
        (*message).cmsg_type = libc::SCM_RIGHTS;
        (*message).cmsg_len = libc::CMSG_LEN(size as u32) as _;
        ptr::copy_nonoverlapping(fds.as_ptr(), libc::CMSG_DATA(message).cast::<RawFd>(), fds.len());
        libc::sendmsg(socket.as_raw_fd(), &header, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
}

/// The bytes written to a Unix socket and not read at the other end, including the kernel's overhead.
#[cfg(target_os = "linux")]
pub fn unread_by_peer(socket: &UnixStream) -> usize {
    let mut value: libc::c_int = 0;
    // SAFETY: the request writes one int, and the descriptor is open.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &mut value) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    value as usize
}
