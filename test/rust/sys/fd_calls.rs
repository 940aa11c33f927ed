//! The common behaviour of `crossfork::fd` and `crossfork::tokio::fd`: one body, run for blocking calls and
//! for tasks.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::channel;
use std::thread;

use crossfork::fd::{self, Address, Received, SocketType, nonblocking};
use nix::sys::socket::{self, MsgFlags, sockopt};

use crate::support::deadline::in_time;
use crate::support::descriptors::{identity, is_cloexec, watched};
use crate::support::names::abstract_name;

const TYPES: [SocketType; 3] = [SocketType::Stream, SocketType::SeqPacket, SocketType::Dgram];

/// The calls that wait, and those that create their sockets.
trait Calls {
    type Socket: AsFd + Send + 'static;
    fn pair(kind: SocketType) -> io::Result<(Self::Socket, Self::Socket)>;
    fn bind(path: &str, kind: SocketType, backlog: i32) -> io::Result<Self::Socket>;
    fn connect(path: &str, kind: SocketType) -> io::Result<Self::Socket>;
    fn accept(server: &Self::Socket) -> io::Result<Self::Socket>;
    fn send(socket: &Self::Socket, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize>;
    fn recv(socket: &Self::Socket, buffer: &mut [u8], max_fds: usize) -> io::Result<Received>;
}

struct Blocking;

impl Calls for Blocking {
    type Socket = OwnedFd;
    fn pair(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd)> {
        fd::pair(kind)
    }
    fn bind(path: &str, kind: SocketType, backlog: i32) -> io::Result<OwnedFd> {
        fd::bind(path, kind, backlog)
    }
    fn connect(path: &str, kind: SocketType) -> io::Result<OwnedFd> {
        fd::connect(path, kind)
    }
    fn accept(server: &OwnedFd) -> io::Result<OwnedFd> {
        fd::accept(server)
    }
    fn send(socket: &OwnedFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        fd::send(socket, bytes, fds)
    }
    fn recv(socket: &OwnedFd, buffer: &mut [u8], max_fds: usize) -> io::Result<Received> {
        fd::recv(socket, buffer, max_fds)
    }
}

#[cfg(feature = "tokio")]
struct Tasks;

#[cfg(feature = "tokio")]
impl Tasks {
    fn wait<T>(task: impl Future<Output = T>) -> T {
        static RUNTIME: std::sync::LazyLock<tokio::runtime::Runtime> =
            std::sync::LazyLock::new(|| tokio::runtime::Runtime::new().expect("a runtime"));
        RUNTIME.block_on(task)
    }
}

#[cfg(feature = "tokio")]
impl Calls for Tasks {
    type Socket = crossfork::tokio::fd::Socket;
    fn pair(kind: SocketType) -> io::Result<(Self::Socket, Self::Socket)> {
        Tasks::wait(async { crossfork::tokio::fd::pair(kind) })
    }
    fn bind(path: &str, kind: SocketType, backlog: i32) -> io::Result<Self::Socket> {
        Tasks::wait(async { crossfork::tokio::fd::bind(path, kind, backlog) })
    }
    fn connect(path: &str, kind: SocketType) -> io::Result<Self::Socket> {
        Tasks::wait(crossfork::tokio::fd::connect(path, kind))
    }
    fn accept(server: &Self::Socket) -> io::Result<Self::Socket> {
        Tasks::wait(crossfork::tokio::fd::accept(server))
    }
    fn send(socket: &Self::Socket, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        Tasks::wait(crossfork::tokio::fd::send(socket, bytes, fds))
    }
    fn recv(socket: &Self::Socket, buffer: &mut [u8], max_fds: usize) -> io::Result<Received> {
        Tasks::wait(crossfork::tokio::fd::recv(socket, buffer, max_fds))
    }
}

macro_rules! for_both {
    ($($behaviour:ident),* $(,)?) => {
        mod blocking {
            $(#[test]
            fn $behaviour() {
                super::in_time(concat!("blocking: ", stringify!($behaviour)), super::$behaviour::<super::Blocking>);
            })*
        }

        #[cfg(feature = "tokio")]
        mod tasks {
            $(#[test]
            fn $behaviour() {
                super::in_time(concat!("tasks: ", stringify!($behaviour)), super::$behaviour::<super::Tasks>);
            })*
        }
    };
}

for_both![
    descriptors_travel_over_every_type_of_unix_socket,
    recv_waits_for_data,
    send_waits_for_room,
    accept_waits_for_a_connection,
    connect_waits_for_room_in_the_backlog,
    the_end_is_distinguished_from_an_empty_packet,
    an_empty_message_is_rejected_except_on_datagram_sockets,
    a_message_carries_at_most_max_fds_descriptors,
    descriptors_beyond_max_fds_are_closed_and_reported_as_lost,
    a_message_longer_than_the_buffer_is_reported_as_cut,
    servers_and_connections_by_abstract_name,
    sending_to_a_peer_that_is_gone_is_an_error_without_sigpipe,
    all_descriptors_arrive_beside_other_control_data,
];

fn root() -> File {
    File::open("/").unwrap()
}

/// Receives into a large buffer.
fn recv<C: Calls>(socket: &C::Socket, max_fds: usize) -> (String, Received) {
    let mut buffer = [0; 4096];
    let received = C::recv(socket, &mut buffer, max_fds).unwrap();
    (String::from_utf8(buffer[..received.len].to_vec()).unwrap(), received)
}

fn descriptors_travel_over_every_type_of_unix_socket<C: Calls>() {
    for kind in TYPES {
        let (a, b) = C::pair(kind).unwrap();
        assert!(is_cloexec(&a));
        let file = root();
        assert_eq!(C::send(&a, b"text", &[file.as_fd(), file.as_fd()]).unwrap(), 4);
        let (text, received) = recv::<C>(&b, 2);
        assert_eq!(text, "text");
        assert!(!received.cut && !received.fds_lost && !received.end);
        assert_eq!(received.fds.len(), 2);
        for fd in &received.fds {
            assert_eq!(identity(fd), identity(&file));
            assert!(is_cloexec(fd));
        }
    }
}

fn recv_waits_for_data<C: Calls>() {
    for kind in TYPES {
        let (a, b) = C::pair(kind).unwrap();
        let (begun, begins) = channel();
        let waiting = thread::spawn(move || {
            begun.send(()).unwrap();
            recv::<C>(&b, 1)
        });
        begins.recv().unwrap();
        C::send(&a, b"at last", &[root().as_fd()]).unwrap();
        let (text, received) = waiting.join().unwrap();
        assert_eq!((text.as_str(), received.fds.len()), ("at last", 1));
    }
}

fn send_waits_for_room<C: Calls>() {
    for kind in TYPES {
        let (a, b) = C::pair(kind).unwrap();
        let mut sent = 0;
        while let Some(len) = fd::try_send(&a, &[b'x'; 1000], &[]).unwrap() {
            sent += len;
        }
        let (begun, begins) = channel();
        let waiting = thread::spawn(move || {
            begun.send(()).unwrap();
            C::send(&a, &[b'y'; 1000], &[root().as_fd()]).unwrap()
        });
        begins.recv().unwrap();
        let (mut came, mut fds) = (0, 0);
        while fds == 0 {
            let (text, received) = recv::<C>(&b, 1);
            came += text.len();
            fds += received.fds.len();
        }
        sent += waiting.join().unwrap();
        while let Some(received) = fd::try_recv(&b, &mut [0; 4096], 0).unwrap().filter(|more| !more.end) {
            came += received.len;
        }
        assert_eq!(came, sent);
    }
}

fn accept_waits_for_a_connection<C: Calls>() {
    let name = abstract_name();
    let server = C::bind(&name, SocketType::SeqPacket, 5).unwrap();
    let (begun, begins) = channel();
    let waiting = thread::spawn(move || {
        begun.send(()).unwrap();
        C::accept(&server).unwrap()
    });
    begins.recv().unwrap();
    let client = C::connect(&name, SocketType::SeqPacket).unwrap();
    C::send(&client, b"hello", &[]).unwrap();
    assert_eq!(recv::<C>(&waiting.join().unwrap(), 0).0, "hello");
}

fn connect_waits_for_room_in_the_backlog<C: Calls>() {
    let name = abstract_name();
    let server = C::bind(&name, SocketType::Stream, 1).unwrap();
    let mut before = Vec::new();
    while let Ok(client) = nonblocking::connect(&name, SocketType::Stream) {
        before.push(client);
    }
    let (begun, begins) = channel();
    let waiting = thread::spawn(move || {
        begun.send(()).unwrap();
        C::connect(&name, SocketType::Stream).unwrap()
    });
    begins.recv().unwrap();
    before.iter().for_each(|_| drop(C::accept(&server).unwrap()));
    let connection = C::accept(&server).unwrap();
    C::send(&waiting.join().unwrap(), b"hello", &[]).unwrap();
    assert_eq!(recv::<C>(&connection, 0).0, "hello");
}

fn the_end_is_distinguished_from_an_empty_packet<C: Calls>() {
    for kind in [SocketType::SeqPacket, SocketType::Dgram] {
        let (a, b) = C::pair(kind).unwrap();
        // Sent as other programs may. Our own calls reject it, because it looks like the end to most programs.
        socket::send(a.as_fd().as_raw_fd(), b"", MsgFlags::empty()).unwrap();
        C::send(&a, b"x", &[]).unwrap();
        drop(a);
        assert!(!recv::<C>(&b, 0).1.end);
        assert_eq!(recv::<C>(&b, 0).0, "x");
        if kind == SocketType::SeqPacket {
            assert!(recv::<C>(&b, 0).1.end);
        }
    }
    let (a, b) = C::pair(SocketType::Stream).unwrap();
    fd::shutdown_write(&a).unwrap();
    assert!(recv::<C>(&b, 0).1.end);
}

fn an_empty_message_is_rejected_except_on_datagram_sockets<C: Calls>() {
    for kind in [SocketType::Stream, SocketType::SeqPacket] {
        let (a, _b) = C::pair(kind).unwrap();
        assert_eq!(C::send(&a, b"", &[root().as_fd()]).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let (a, b) = C::pair(SocketType::Dgram).unwrap();
    C::send(&a, b"", &[root().as_fd()]).unwrap();
    assert_eq!(recv::<C>(&b, 1).1.fds.len(), 1);
}

fn a_message_carries_at_most_max_fds_descriptors<C: Calls>() {
    let (a, b) = C::pair(SocketType::SeqPacket).unwrap();
    let file = root();
    let fds: Vec<BorrowedFd<'_>> = vec![file.as_fd(); fd::MAX_FDS + 1];
    assert_eq!(C::send(&a, b"x", &fds).unwrap_err().kind(), ErrorKind::InvalidInput);
    C::send(&a, b"x", &fds[..fd::MAX_FDS]).unwrap();
    assert_eq!(recv::<C>(&b, fd::MAX_FDS).1.fds.len(), fd::MAX_FDS);
}

fn descriptors_beyond_max_fds_are_closed_and_reported_as_lost<C: Calls>() {
    let (a, b) = C::pair(SocketType::SeqPacket).unwrap();
    let (socket, witness) = watched();
    let file = root();
    C::send(&a, b"x", &[file.as_fd(), socket.as_fd()]).unwrap();
    drop(socket);
    let (_, received) = recv::<C>(&b, 1);
    assert_eq!((received.fds.len(), received.fds_lost), (1, true));
    witness.assert_closed();
}

fn a_message_longer_than_the_buffer_is_reported_as_cut<C: Calls>() {
    let (a, b) = C::pair(SocketType::SeqPacket).unwrap();
    C::send(&a, b"a long message", &[]).unwrap();
    let mut buffer = [0; 6];
    let received = C::recv(&b, &mut buffer, 0).unwrap();
    assert_eq!((&buffer[..received.len], received.cut), (&b"a long"[..], true));
}

fn servers_and_connections_by_abstract_name<C: Calls>() {
    let name = abstract_name();
    for kind in [SocketType::Stream, SocketType::SeqPacket] {
        let server = C::bind(&name, kind, 5).unwrap();
        let client = C::connect(&name, kind).unwrap();
        let connection = C::accept(&server).unwrap();
        assert!(is_cloexec(&connection));
        assert_eq!(fd::peer_credentials(&client).unwrap().pid, std::process::id() as i32);
        let socket = fd::describe(&connection).unwrap().socket.unwrap();
        assert_eq!(socket.local, Some(Address::Abstract(name.as_bytes()[1..].to_vec())));
        assert!(C::bind(&name, kind, 5).is_err_and(|e| e.kind() == ErrorKind::AddrInUse));
    }
    assert!(C::connect(&name, SocketType::Stream).is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused));
    assert!(C::connect("", SocketType::Stream).is_err());
    assert!(C::connect(&"x".repeat(200), SocketType::Stream).is_err());
}

fn sending_to_a_peer_that_is_gone_is_an_error_without_sigpipe<C: Calls>() {
    for kind in [SocketType::Stream, SocketType::SeqPacket] {
        let (a, b) = C::pair(kind).unwrap();
        drop(b);
        assert_eq!(C::send(&a, b"x", &[]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}

fn all_descriptors_arrive_beside_other_control_data<C: Calls>() {
    for kind in TYPES {
        let (a, b) = C::pair(kind).unwrap();
        // Another process that shares the socket may have set these options.
        socket::setsockopt(&b, sockopt::PassCred, &true).unwrap();
        socket::setsockopt(&b, sockopt::ReceiveTimestamp, &true).unwrap();
        let file = root();
        C::send(&a, b"x", &vec![file.as_fd(); fd::MAX_FDS]).unwrap();
        let (_, received) = recv::<C>(&b, fd::MAX_FDS);
        assert_eq!((received.fds.len(), received.fds_lost), (fd::MAX_FDS, false));
    }
}
