use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use crossfork::fd::{self, Family, Kind, ListenFd, Seals, SocketType, nonblocking};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn};

use crate::support::deadline::in_time;
use crate::support::descriptors::{is_cloexec, is_nonblocking};
use crate::support::names::abstract_name;
use crate::support::process::{alone, assert_success, command, is_inside};

fn root() -> File {
    File::open("/").unwrap()
}

#[test]
fn sockets_are_blocking_unless_they_are_made_for_an_event_loop() {
    let name = abstract_name();
    for kind in [SocketType::Stream, SocketType::SeqPacket] {
        let (a, b) = fd::pair(kind).unwrap();
        let server = fd::bind(&name, kind, 5).unwrap();
        let client = fd::connect(&name, kind).unwrap();
        let connection = fd::accept(&server).unwrap();
        for socket in [a, b, server, client, connection] {
            assert!(is_cloexec(&socket) && !is_nonblocking(&socket));
        }
        let (a, b) = nonblocking::pair(kind).unwrap();
        let server = nonblocking::bind(&name, kind, 5).unwrap();
        let client = nonblocking::connect(&name, kind).unwrap();
        let connection = nonblocking::accept(&server).unwrap();
        let _ = nonblocking::connect(&name, kind).unwrap();
        let blocking = fd::accept(&server).unwrap();
        assert!(!is_nonblocking(blocking));
        for socket in [a, b, server, client, connection] {
            assert!(is_cloexec(&socket) && is_nonblocking(&socket));
        }
    }
}

#[test]
fn calls_on_non_blocking_sockets_fail_with_would_block() {
    let name = abstract_name();
    let would_block = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let server = nonblocking::bind(&name, SocketType::SeqPacket, 0).unwrap();
    would_block(nonblocking::accept(&server).unwrap_err());
    would_block(fd::accept(&server).unwrap_err());
    let mut clients = Vec::new();
    let full = loop {
        match nonblocking::connect(&name, SocketType::SeqPacket) {
            Ok(client) => clients.push(client),
            Err(e) => break e,
        }
    };
    would_block(full);
    would_block(fd::recv(&clients[0], &mut [0; 8], 0).unwrap_err());
    let (a, b) = fd::pair(SocketType::Stream).unwrap();
    fd::set_nonblocking(&a, true).unwrap();
    would_block(fd::recv(&a, &mut [0; 8], 0).unwrap_err());
    let bytes = vec![0; 100_000];
    while fd::try_send(&a, &bytes, &[]).unwrap().is_some() {}
    would_block(fd::send(&a, &bytes, &[]).unwrap_err());
    drop(b);
}

#[test]
fn try_calls_do_not_wait_on_a_blocking_socket() {
    in_time("sys::fd::try_calls_do_not_wait_on_a_blocking_socket", || {
        let (a, b) = fd::pair(SocketType::Stream).unwrap();
        assert!(fd::try_recv(&b, &mut [0; 8], 0).unwrap().is_none());
        while fd::try_send(&a, &[0; 1000], &[]).unwrap().is_some() {}
        assert!(!is_nonblocking(&a) && !is_nonblocking(&b));
    });
}

#[test]
fn a_timeout_of_the_socket_ends_a_wait() {
    in_time("sys::fd::a_timeout_of_the_socket_ends_a_wait", || {
        let (a, _b) = fd::pair(SocketType::Stream).unwrap();
        let a = UnixStream::from(a);
        a.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_eq!(fd::recv(&a, &mut [0; 8], 0).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_description_reports_what_the_kernel_knows() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let found = fd::describe(&listener).unwrap();
    assert_eq!((found.kind, found.readable, found.writable), (Kind::Socket, true, true));
    let socket = found.socket.unwrap();
    assert_eq!(
        (socket.family, socket.kind, socket.listening),
        (Family::Ipv4, Some(SocketType::Stream), true)
    );
    assert_eq!(socket.local, Some(fd::Address::Ip(listener.local_addr().unwrap())));
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
fn a_mapped_memfd_cannot_shrink() {
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
fn listen_fds_takes_the_passed_descriptors_once() {
    const NAME: &str = "sys::fd::listen_fds_takes_the_passed_descriptors_once";
    if is_inside(NAME) {
        let found = fd::listen_fds().unwrap();
        let names: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.fd.as_raw_fd())).collect();
        assert_eq!(names, [("web", 3), ("unknown", 4)]);
        assert!(found.iter().all(is_cloexec));
        assert!(fd::listen_fds().unwrap().is_empty());
        let owned: Vec<OwnedFd> = found.into_iter().map(OwnedFd::from).collect();
        assert_eq!(owned[1].as_raw_fd(), 4);
        return;
    }
    // A shell passes the descriptors, and sets LISTEN_PID to its own PID.
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
fn listen_fds_ignores_those_for_another_process_and_rejects_malformed_values() {
    alone("sys::fd::listen_fds_ignores_those_for_another_process_and_rejects_malformed_values", || {
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
fn a_socket_is_connected_if_it_has_or_had_a_peer() {
    let connected = |fd: &dyn AsFd| fd::describe(fd.as_fd()).unwrap().socket.unwrap().connected;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(!connected(&listener));
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    assert!(connected(&client) && connected(&server));
    // A close with unread bytes is a reset.
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
fn a_backlog_above_the_limit_of_the_system_is_reduced_to_it() {
    let name = abstract_name();
    for backlog in [0, 511, 100_000, i32::MAX] {
        let server = fd::bind(name.as_bytes(), SocketType::Stream, backlog).unwrap();
        fd::connect(name.as_bytes(), SocketType::Stream).unwrap();
        fd::accept(&server).unwrap();
    }
    let path = std::env::temp_dir().join(format!("crossfork-test-backlog-{}", std::process::id()));
    assert!(fd::bind(path.as_os_str().as_encoded_bytes(), SocketType::Stream, -2).is_err());
    assert!(!path.exists());
}
