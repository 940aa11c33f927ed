use std::collections::HashSet;
use std::fs::File;
use std::net::{Shutdown, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use crossfork::sys::probe::{Kind, listen, probe, set_nonblocking};
use nix::fcntl::OFlag;
use nix::poll::PollFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket, socketpair};
use nix::unistd::pipe2;

use crate::support::deadline::wait;
use crate::support::descriptors::*;

fn kind_of(fd: impl AsFd) -> Kind {
    probe(fd.as_fd()).unwrap()
}

fn new_socket(family: AddressFamily, kind: SockType) -> OwnedFd {
    socket(family, kind, SockFlag::SOCK_CLOEXEC, None).unwrap()
}

fn listening(name: &str) -> UnixListener {
    let path = std::env::temp_dir().join(format!("crossfork-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    listener
}

#[test]
fn hnd_20_kinds_that_may_be_sent_are_distinguished() {
    let (server, client) = tcp_pair();
    assert_eq!(kind_of(&server), Kind::TcpStream);
    assert_eq!(kind_of(&client), Kind::TcpStream);
    assert_eq!(kind_of(TcpListener::bind("127.0.0.1:0").unwrap()), Kind::TcpListener);
    assert_eq!(kind_of(TcpListener::bind("[::1]:0").unwrap()), Kind::TcpListener);
    assert_eq!(kind_of(tcp_bound()), Kind::TcpBound);
    assert_eq!(kind_of(tcp_unbound()), Kind::TcpUnbound);
    assert_eq!(kind_of(new_socket(AddressFamily::Inet6, SockType::Stream)), Kind::TcpUnbound);
    assert_eq!(kind_of(udp4()), Kind::Udp4);
    assert_eq!(kind_of(udp6()), Kind::Udp6);
    assert_eq!(kind_of(UnixStream::pair().unwrap().0), Kind::UnixStream);
    assert_eq!(kind_of(new_socket(AddressFamily::Unix, SockType::Stream)), Kind::UnixStream);
    assert_eq!(kind_of(listening("probe")), Kind::UnixListener);
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
    assert_eq!(kind_of(reader), Kind::Fifo);
    assert_eq!(kind_of(writer), Kind::Fifo);
}

#[test]
fn hnd_18_hnd_19_kinds_that_must_not_be_sent_are_distinguished() {
    let (master, slave) = pty();
    assert_eq!(kind_of(master), Kind::CharDevice);
    assert_eq!(kind_of(slave), Kind::CharDevice);
    assert_eq!(kind_of(File::open("/dev/null").unwrap()), Kind::CharDevice);
    assert_eq!(kind_of(File::open(std::env::current_exe().unwrap()).unwrap()), Kind::File);
    assert_eq!(kind_of(File::open("/").unwrap()), Kind::Directory);
    assert_eq!(kind_of(UnixDatagram::unbound().unwrap()), Kind::UnixPackets);
    let packets = |kind| socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).unwrap().0;
    assert_eq!(kind_of(packets(SockType::SeqPacket)), Kind::UnixPackets);
    assert_eq!(kind_of(new_socket(AddressFamily::Unix, SockType::SeqPacket)), Kind::UnixPackets);
}

#[cfg(target_os = "linux")]
#[test]
fn hnd_18_hnd_19_kinds_that_must_not_be_sent_are_distinguished_on_linux() {
    assert_eq!(kind_of(memfd()), Kind::File);
    assert_eq!(kind_of(eventfd()), Kind::Other);
    assert_eq!(kind_of(epoll()), Kind::Other);
    assert_eq!(kind_of(netlink()), Kind::OtherSocket);
    assert_eq!(kind_of(o_path("/proc/self/exe")), Kind::Other);
    assert_eq!(kind_of(o_path("/")), Kind::Other);
    assert_eq!(kind_of(o_path("/dev/null")), Kind::Other);
    // Its type depends on the kernel version, but is never one that may be sent.
    let pidfd = kind_of(pidfd());
    assert!(matches!(pidfd, Kind::Other | Kind::File), "{pidfd:?}");
}

#[test]
fn a_closed_connection_is_still_a_stream_and_a_reset_one_looks_bound() {
    let (server, client) = tcp_pair();
    drop(client);
    assert_eq!(kind_of(&server), Kind::TcpStream);
    let (server, client) = tcp_pair();
    // Unread data makes the close a reset.
    std::io::Write::write_all(&mut &server, b"unread").unwrap();
    wait(&client, PollFlags::POLLIN, "the data arrives");
    drop(client);
    wait(&server, PollFlags::POLLHUP, "the reset arrives");
    assert_eq!(kind_of(&server), Kind::TcpBound);
    let (unix, other) = UnixStream::pair().unwrap();
    drop(other);
    assert_eq!(kind_of(&unix), Kind::UnixStream);
    unix.shutdown(Shutdown::Both).unwrap();
    assert_eq!(kind_of(&unix), Kind::UnixStream);
}

#[test]
fn probing_a_closed_descriptor_is_an_error() {
    let closed = crossfork::sys::inherit::peek(1 << 20, probe);
    assert_eq!(closed.unwrap_err().raw_os_error(), Some(libc::EBADF));
}

#[test]
fn each_kind_has_a_different_name() {
    use Kind::*;
    let all = [
        TcpStream,
        TcpListener,
        TcpBound,
        TcpUnbound,
        UnixStream,
        UnixListener,
        Udp4,
        Udp6,
        Fifo,
        UnixPackets,
        OtherSocket,
        File,
        Directory,
        CharDevice,
        Other,
    ];
    let names: HashSet<_> = all.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(names.len(), all.len());
}

#[test]
fn hnd_23_a_descriptor_is_made_non_blocking_for_all_that_share_the_open_file() {
    let (socket, _witness) = watched();
    let shared = socket.try_clone().unwrap();
    assert!(!is_nonblocking(&shared));
    set_nonblocking(socket.as_fd()).unwrap();
    assert!(is_nonblocking(&shared));
    set_nonblocking(socket.as_fd()).unwrap();
    assert!(is_nonblocking(&shared));
}

#[test]
fn hnd_17_a_bound_socket_is_made_to_listen() {
    let bound = tcp_bound();
    listen(&bound).unwrap();
    assert_eq!(kind_of(&bound), Kind::TcpListener);
    let listener = TcpListener::from(bound);
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert!(listen(&tcp_pair().0).is_err());
}
