use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};

use crossfork::fd::{self, Address, Family, Kind, ListenFd, Seals, SocketType};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn, sockopt};

use crate::support::descriptors::{identity, is_cloexec, is_nonblocking, watched};
use crate::support::process::{alone, assert_success, command, is_inside};

const TYPES: [SocketType; 3] = [SocketType::Stream, SocketType::SeqPacket, SocketType::Dgram];

fn root() -> File {
    File::open("/").unwrap()
}

/// Receives into plenty of room.
fn recv(socket: &OwnedFd, max_fds: usize) -> (String, fd::Received) {
    let mut buffer = [0; 4096];
    let received = fd::recv(socket, &mut buffer, max_fds).unwrap();
    (String::from_utf8(buffer[..received.len].to_vec()).unwrap(), received)
}

#[test]
fn descriptors_travel_over_every_type_of_unix_socket() {
    for kind in TYPES {
        let (a, b) = fd::pair(kind).unwrap();
        assert!(is_cloexec(&a) && is_nonblocking(&a));
        let file = root();
        assert_eq!(fd::send(&a, b"text", &[file.as_fd(), file.as_fd()]).unwrap(), 4);
        let (text, received) = recv(&b, 2);
        assert_eq!(text, "text");
        assert!(!received.cut && !received.fds_lost && !received.end);
        assert_eq!(received.fds.len(), 2);
        for fd in &received.fds {
            assert_eq!(identity(fd), identity(&file));
            assert!(is_cloexec(fd));
        }
    }
}

#[test]
fn try_calls_return_none_where_others_fail_or_wait() {
    let (a, b) = fd::pair(SocketType::Stream).unwrap();
    let mut buffer = [0; 8];
    assert!(fd::try_recv(&b, &mut buffer, 0).unwrap().is_none());
    assert_eq!(fd::recv(&b, &mut buffer, 0).unwrap_err().kind(), ErrorKind::WouldBlock);
    let bytes = vec![0; 100_000];
    while fd::try_send(&a, &bytes, &[]).unwrap().is_some() {}
    assert_eq!(fd::send(&a, &bytes, &[]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn recv_waits_on_a_socket_that_waits_and_try_recv_does_not() {
    let (a, b) = fd::pair(SocketType::SeqPacket).unwrap();
    fd::set_nonblocking(&b, false).unwrap();
    assert!(fd::try_recv(&b, &mut [0; 8], 0).unwrap().is_none());
    let waiting = std::thread::spawn(move || recv(&b, 0).0);
    fd::send(&a, b"at last", &[]).unwrap();
    assert_eq!(waiting.join().unwrap(), "at last");
}

#[test]
fn an_end_is_told_from_an_empty_packet() {
    for kind in [SocketType::SeqPacket, SocketType::Dgram] {
        let (a, b) = fd::pair(kind).unwrap();
        // As other programs do. Ours refuse to: it would look like the end to most.
        nix::sys::socket::send(a.as_raw_fd(), b"", nix::sys::socket::MsgFlags::empty()).unwrap();
        fd::send(&a, b"x", &[]).unwrap();
        drop(a);
        assert!(!recv(&b, 0).1.end);
        assert_eq!(recv(&b, 0).0, "x");
        if kind == SocketType::SeqPacket {
            assert!(recv(&b, 0).1.end);
        }
    }
    let (a, b) = fd::pair(SocketType::Stream).unwrap();
    fd::shutdown_write(&a).unwrap();
    assert!(recv(&b, 0).1.end);
}

#[test]
fn what_cannot_be_told_from_nothing_is_refused() {
    for kind in [SocketType::Stream, SocketType::SeqPacket] {
        let (a, _b) = fd::pair(kind).unwrap();
        assert_eq!(fd::send(&a, b"", &[root().as_fd()]).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let (a, b) = fd::pair(SocketType::Dgram).unwrap();
    fd::send(&a, b"", &[root().as_fd()]).unwrap();
    assert_eq!(recv(&b, 1).1.fds.len(), 1);
}

#[test]
fn as_many_as_the_kernel_takes_and_no_more() {
    let (a, b) = fd::pair(SocketType::SeqPacket).unwrap();
    let file = root();
    let fds: Vec<BorrowedFd<'_>> = vec![file.as_fd(); fd::MAX_FDS + 1];
    assert_eq!(fd::send(&a, b"x", &fds).unwrap_err().kind(), ErrorKind::InvalidInput);
    fd::send(&a, b"x", &fds[..fd::MAX_FDS]).unwrap();
    assert_eq!(recv(&b, fd::MAX_FDS).1.fds.len(), fd::MAX_FDS);
}

#[test]
fn descriptors_that_were_not_asked_for_are_closed_and_said_to_be_lost() {
    let (a, b) = fd::pair(SocketType::SeqPacket).unwrap();
    let (socket, witness) = watched();
    let file = root();
    fd::send(&a, b"x", &[file.as_fd(), socket.as_fd()]).unwrap();
    drop(socket);
    let (_, received) = recv(&b, 1);
    assert_eq!((received.fds.len(), received.fds_lost), (1, true));
    witness.assert_closed();
}

#[test]
fn a_message_that_is_cut_says_so() {
    let (a, b) = fd::pair(SocketType::SeqPacket).unwrap();
    fd::send(&a, b"a long message", &[]).unwrap();
    let mut buffer = [0; 6];
    let received = fd::recv(&b, &mut buffer, 0).unwrap();
    assert_eq!((&buffer[..received.len], received.cut), (&b"a long"[..], true));
}

#[test]
fn servers_and_connections_by_abstract_name() {
    let name = format!("\0crossfork-test-{}", std::process::id());
    for kind in [SocketType::Stream, SocketType::SeqPacket] {
        let server = fd::bind(name.as_bytes(), kind, 5).unwrap();
        assert_eq!(fd::accept(&server).unwrap_err().kind(), ErrorKind::WouldBlock);
        let client = fd::connect(name.as_bytes(), kind).unwrap();
        let connection = fd::accept(&server).unwrap();
        assert!(is_cloexec(&connection) && is_nonblocking(&connection));
        assert_eq!(fd::peer_credentials(&client).unwrap().pid, std::process::id() as i32);
        let socket = fd::describe(&connection).unwrap().socket.unwrap();
        assert_eq!(socket.local, Some(Address::Abstract(name.as_bytes()[1..].to_vec())));
    }
    assert!(fd::connect(b"", SocketType::Stream).is_err());
    assert!(fd::connect(&[b'x'; 200], SocketType::Stream).is_err());
}

#[test]
fn a_description_tells_what_the_kernel_knows() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let found = fd::describe(&listener).unwrap();
    assert_eq!((found.kind, found.readable, found.writable), (Kind::Socket, true, true));
    let socket = found.socket.unwrap();
    assert_eq!(
        (socket.family, socket.kind, socket.listening),
        (Family::Ipv4, Some(SocketType::Stream), true)
    );
    assert_eq!(socket.local, Some(Address::Ip(listener.local_addr().unwrap())));
    assert_eq!(socket.peer, None);

    let udp = fd::describe(UdpSocket::bind("[::1]:0").unwrap()).unwrap().socket.unwrap();
    assert_eq!((udp.family, udp.kind, udp.listening), (Family::Ipv6, Some(SocketType::Dgram), false));

    let kind = |fd: &dyn AsFd| fd::describe(fd.as_fd()).unwrap().kind;
    assert_eq!(kind(&root()), Kind::Directory);
    assert_eq!(kind(&File::open("/dev/null").unwrap()), Kind::Device);
    assert_eq!(kind(&fd::memfd(c"x", b"", Seals::NONE).unwrap()), Kind::Memory);
    assert_eq!(kind(&File::open(file!()).unwrap()), Kind::File);
}

#[test]
fn a_memfd_has_its_contents_and_its_seals() {
    let sealed = Seals::WRITE | Seals::SEAL;
    let fd = fd::memfd(c"x", b"contents", sealed).unwrap();
    assert_eq!(fd::seals(&fd).unwrap(), sealed);
    assert!(fd::add_seals(&fd, Seals::GROW).is_err());
    let mut file = File::from(fd);
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "contents");
    assert!(file.write(b"x").is_err());
    assert!(fd::seals(root()).is_err());
}

#[test]
fn what_is_mapped_cannot_shrink() {
    let file = File::from(fd::memfd(c"x", &[7; 5000], Seals::NONE).unwrap());
    let mapping = fd::map(&file).unwrap().unwrap();
    assert_eq!((mapping.len(), mapping.is_shared()), (5000, true));
    assert!(file.set_len(1).is_err());
    assert!(fd::map(fd::memfd(c"x", b"", Seals::NONE).unwrap()).unwrap().is_none());
    let constant = fd::memfd(c"x", b"x", Seals::WRITE).unwrap();
    assert!(!fd::map(&constant).unwrap().unwrap().is_shared());
    let may_shrink = fd::memfd(c"x", b"x", Seals::SEAL).unwrap();
    assert!(fd::map(&may_shrink).is_err());
    assert!(fd::map(File::open(file!()).unwrap()).is_err());
}

#[test]
fn listen_fds_takes_what_was_passed_once() {
    const NAME: &str = "sys::fd::listen_fds_takes_what_was_passed_once";
    if is_inside(NAME) {
        let found = fd::listen_fds().unwrap();
        let names: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.fd.as_raw_fd())).collect();
        assert_eq!(names, [("web", 3), ("unknown", 4)]);
        assert!(found.iter().all(|one| is_cloexec(&one.fd)));
        assert!(fd::listen_fds().unwrap().is_empty());
        return;
    }
    // A shell passes descriptors and knows its process's number.
    let test = command(NAME);
    let args: Vec<_> = test.get_args().map(|arg| arg.to_str().unwrap()).collect();
    let script = "exec 3</dev/null 4</ ; LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web: exec \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(test.get_program()).args(args);
    shell.envs(test.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let shell = shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    assert_success(shell.unwrap());
}

#[test]
fn listen_fds_that_are_for_another_or_make_no_sense() {
    alone("sys::fd::listen_fds_that_are_for_another_or_make_no_sense", || {
        let own = std::process::id().to_string();
        let values = |pid, count| ListenFd::from_values(pid, count, None);
        assert!(values(None, Some("1")).unwrap().is_empty());
        assert!(values(Some("1"), Some("1")).unwrap().is_empty());
        assert!(values(Some(&own), Some("0")).unwrap().is_empty());
        for count in ["", "-1", "x", "4294967296", "4000000000"] {
            assert!(values(Some(&own), Some(count)).is_err(), "{count}");
        }
        assert!(values(Some(&own), Some("2147483647")).is_err());
    });
}

#[test]
fn connected_is_what_has_a_peer_or_had_one() {
    let connected = |fd: &dyn AsFd| fd::describe(fd.as_fd()).unwrap().socket.unwrap().connected;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(!connected(&listener));
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    assert!(connected(&client) && connected(&server));
    // Closed with bytes unread: a reset.
    (&client).write_all(b"x").unwrap();
    server.peek(&mut [0]).unwrap();
    server.write_all(b"y").unwrap();
    client.peek(&mut [0]).unwrap();
    drop(client);
    server.read_exact(&mut [0]).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(server.peer_addr().is_err() && connected(&server));

    let new = |family| socket::socket(family, SockType::Stream, SockFlag::empty(), None).unwrap();
    let bound = new(AddressFamily::Inet);
    socket::bind(bound.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    assert!(!connected(&bound) && !connected(&new(AddressFamily::Unix)));
    let (a, b) = fd::pair(SocketType::Stream).unwrap();
    drop(a);
    assert!(connected(&b));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(!connected(&udp));
    udp.connect(listener.local_addr().unwrap()).unwrap();
    assert!(connected(&udp));
}

#[test]
fn a_backlog_that_is_longer_than_the_system_has_is_as_long_as_it_has() {
    let name = format!("\0crossfork-test-backlog-{}", std::process::id());
    for backlog in [0, 511, 100_000, i32::MAX] {
        let server = fd::bind(name.as_bytes(), SocketType::Stream, backlog).unwrap();
        fd::connect(name.as_bytes(), SocketType::Stream).unwrap();
        fd::accept(&server).unwrap();
    }
    let path = std::env::temp_dir().join(format!("crossfork-test-backlog-{}", std::process::id()));
    assert!(fd::bind(path.as_os_str().as_encoded_bytes(), SocketType::Stream, -2).is_err());
    assert!(!path.exists());
}

#[test]
fn all_descriptors_arrive_beside_what_else_the_kernel_attaches() {
    for kind in TYPES {
        let (a, b) = fd::pair(kind).unwrap();
        // Whoever shares the socket may have asked for these.
        socket::setsockopt(&b, sockopt::PassCred, &true).unwrap();
        socket::setsockopt(&b, sockopt::ReceiveTimestamp, &true).unwrap();
        let file = root();
        fd::send(&a, b"x", &vec![file.as_fd(); fd::MAX_FDS]).unwrap();
        let (_, received) = recv(&b, fd::MAX_FDS);
        assert_eq!((received.fds.len(), received.fds_lost), (fd::MAX_FDS, false));
    }
}
