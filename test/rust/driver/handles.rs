//! Handles of every supported kind between two channels: the descriptor that arrives is the one that was
//! sent.

use std::fs::File;
use std::io::{Read, Write};
use std::mem::discriminant;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use crossfork::HandleType::{self, *};
use crossfork::{Handle, Message, Outgoing};
use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use serde_json::{Value, json};

use crate::support::deadline::in_time;
use crate::support::descriptors::{
    identity, is_cloexec, is_nonblocking, tcp_bound, tcp_pair, udp4, udp6, watched,
};
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{ACK, connect, connect_two};

in_both_modes!(in_time:
    hnd_1_hnd_20_every_kind_of_handle_arrives_unchanged,
    hnd_1_a_handle_message_has_the_same_bytes_as_nodes,
    hnd_17_a_bound_server_listens_when_it_arrives,
    hnd_13_a_moved_handle_is_closed_on_its_acknowledgement,
    hnd_13_keep_open_keeps_our_copy_of_the_handle,
    hnd_16_hnd_23_a_handle_is_made_non_blocking_before_it_is_sent,
    hnd_1_a_received_connection_works,
    handles_and_messages_arrive_in_the_order_of_the_calls,
    hnd_1_a_received_message_is_forwarded_unchanged_with_its_handle,
);

/// One handle of each kind, with the types that it may be sent as; the first is its default.
fn every_kind(path: &str) -> Vec<(Handle, &'static [HandleType])> {
    let _ = std::fs::remove_file(path);
    let unix_listener = UnixListener::bind(path).unwrap();
    std::fs::remove_file(path).unwrap();
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let listener = |address| TcpListener::bind((address, 0)).unwrap();
    vec![
        (tcp_pair().0.into(), &[NetSocket, NetNative]),
        (listener("127.0.0.1").into(), &[NetServer, NetNative]),
        (listener("::1").into(), &[NetServer, NetNative]),
        (UnixStream::pair().unwrap().0.into(), &[NetSocket, NetNative]),
        (unix_listener.into(), &[NetServer, NetNative]),
        (udp4().into(), &[DgramSocket, DgramNative]),
        (udp6().into(), &[DgramSocket, DgramNative]),
        (Handle::Pipe(reader), &[NetNative, NetSocket]),
        (Handle::Pipe(writer), &[NetNative, NetSocket]),
        (Handle::TcpBound(tcp_bound()), &[NetNative, NetBoundSocket]),
    ]
}

/// Sends from one to the other.
fn pass<D: Driver>(from: &D, to: &D, message: &Value, outgoing: Outgoing) -> Message {
    let sender = thread::spawn({
        let (from, message) = (from.clone(), message.clone());
        move || from.send_handle(&message, outgoing)
    });
    let received = to.recv().unwrap().expect("a message");
    sender.join().unwrap().unwrap();
    received
}

fn hnd_1_hnd_20_every_kind_of_handle_arrives_unchanged<D: Driver>() {
    let (a, b) = connect_two::<D>();
    a.allow_bound_sockets();
    b.allow_bound_sockets();
    let path = std::env::temp_dir().join(format!("crossfork-{}-{}", std::process::id(), D::NAME));
    let rounds = every_kind(path.to_str().unwrap());
    for (i, (handle, types)) in rounds.into_iter().enumerate() {
        assert_eq!(handle.default_type(), types[0]);
        for (from, to, wire_type) in types.iter().flat_map(|t| [(&a, &b, *t), (&b, &a, *t)]) {
            let message = json!({ "round": i, "type": wire_type.as_str() });
            let outgoing = Outgoing::keep_open(&handle).unwrap().wire_type(wire_type);
            let mut received = pass(from, to, &message, outgoing);
            assert_eq!(received.decode::<Value>().unwrap(), message);
            let arrived = received.take_handle().expect("a handle");
            assert_eq!(arrived.wire_type(), wire_type, "{message}");
            assert_eq!(discriminant(&*arrived), discriminant(&handle), "{message}: {arrived:?}");
            assert_eq!(identity(&*arrived), identity(&handle), "{message}");
            assert!(is_nonblocking(&*arrived), "{message}");
            assert!(is_cloexec(&*arrived), "{message}");
        }
        // Moved, with its default type.
        let (was, kind) = (identity(&handle), discriminant(&handle));
        let arrived = pass(&a, &b, &json!(i), handle.into()).take_handle().unwrap();
        assert_eq!((identity(&*arrived), discriminant(&*arrived)), (was, kind));
        let (moved, hold) = arrived.into_parts();
        assert!(hold.is_none(), "a socket without a key is not counted");
        assert_eq!(identity(OwnedFd::from(moved)), was);
    }
}

fn hnd_1_a_handle_message_has_the_same_bytes_as_nodes<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let lines = [
        (Handle::from(tcp_pair().0), r#"{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{"n":[1,"é"]}}"#),
        (
            udp4().into(),
            r#"{"cmd":"NODE_HANDLE","type":"dgram.Socket","msg":{"n":[1,"é"]},"dgramType":"udp4"}"#,
        ),
        (
            udp6().into(),
            r#"{"cmd":"NODE_HANDLE","type":"dgram.Socket","msg":{"n":[1,"é"]},"dgramType":"udp6"}"#,
        ),
        (
            Handle::Pipe(pipe2(OFlag::O_CLOEXEC).unwrap().0),
            r#"{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"n":[1,"é"]}}"#,
        ),
    ];
    let peer = thread::spawn({
        let (expected, mut peer) = (lines.each_ref().map(|(_, line)| *line), peer);
        move || {
            for expected in expected {
                assert_eq!(peer.line_with_fd().0, expected);
                assert!(peer.fds.is_empty(), "exactly one descriptor");
                peer.write(format!("{ACK}\n"));
            }
        }
    });
    for (handle, _) in lines {
        channel.send_handle(&json!({ "n": [1, "é"] }), handle).unwrap();
    }
    peer.join().unwrap();
}

fn hnd_17_a_bound_server_listens_when_it_arrives<D: Driver>() {
    let (a, b) = connect_two::<D>();
    let bound = Outgoing::from(Handle::TcpBound(tcp_bound())).wire_type(NetServer);
    let arrived = pass(&a, &b, &json!(1), bound).take_handle().unwrap();
    let (Handle::TcpListener(listener), _) = arrived.into_parts() else {
        panic!("not a listener");
    };
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
}

fn hnd_13_a_moved_handle_is_closed_on_its_acknowledgement<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let sender = thread::spawn(move || channel.send_handle(&json!(1), socket));
    drop(peer.line_with_fd());
    // The peer has closed its copy. Ours is kept for a retransmission.
    witness.assert_open();
    peer.write(format!("{ACK}\n"));
    sender.join().unwrap().unwrap();
    witness.assert_closed();
}

fn hnd_13_keep_open_keeps_our_copy_of_the_handle<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (mut socket, mut witness) = watched();
    let outgoing = Outgoing::keep_open(&socket).unwrap();
    let sender = thread::spawn(move || channel.send_handle(&json!(1), outgoing));
    let (_, fd) = peer.line_with_fd();
    assert_eq!(identity(&fd), identity(&socket));
    drop(fd);
    peer.write(format!("{ACK}\n"));
    sender.join().unwrap().unwrap();
    witness.assert_open();
    socket.write_all(b"still here").unwrap();
    let mut text = [0; 10];
    witness.0.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"still here");
    drop(socket);
    witness.assert_closed();
}

fn hnd_16_hnd_23_a_handle_is_made_non_blocking_before_it_is_sent<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(!is_nonblocking(&listener));
    let sender = thread::spawn(move || channel.send_handle(&json!(1), listener));
    let (_, fd) = peer.line_with_fd();
    assert!(is_nonblocking(&fd));
    peer.write(format!("{ACK}\n"));
    sender.join().unwrap().unwrap();
}

fn hnd_1_a_received_connection_works<D: Driver>() {
    let (a, b) = connect_two::<D>();
    let (server, mut client) = tcp_pair();
    client.write_all(b"ping").unwrap();
    let arrived = pass(&a, &b, &json!(1), server.into()).take_handle().unwrap();
    let (Handle::TcpStream(mut server), _) = arrived.into_parts() else {
        panic!("not a connection");
    };
    // Only this process has it now, so it may be made blocking.
    server.set_nonblocking(false).unwrap();
    let mut text = [0; 4];
    server.read_exact(&mut text).unwrap();
    server.write_all(&text).unwrap();
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "ping");

    let bound = udp4();
    let address = bound.local_addr().unwrap();
    let arrived = pass(&a, &b, &json!(2), bound.into()).take_handle().unwrap();
    let (Handle::UdpSocket(socket), _) = arrived.into_parts() else {
        panic!("not a UDP socket");
    };
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"datagram", address).unwrap();
    socket.set_nonblocking(false).unwrap();
    let mut datagram = [0; 16];
    assert_eq!(socket.recv(&mut datagram).unwrap(), 8);

    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let arrived = pass(&a, &b, &json!(3), Handle::Pipe(reader).into()).take_handle().unwrap();
    let (Handle::Pipe(reader), _) = arrived.into_parts() else {
        panic!("not a pipe");
    };
    File::from(writer).write_all(b"through").unwrap();
    let mut text = String::new();
    File::from(reader).read_to_string(&mut text).unwrap();
    assert_eq!(text, "through");
}

fn handles_and_messages_arrive_in_the_order_of_the_calls<D: Driver>() {
    const MANY: u64 = 200;
    let (a, b) = connect_two::<D>();
    let sender = thread::spawn(move || {
        let mut kept = Vec::new();
        for i in 0..MANY {
            if i % 3 == 0 {
                let (socket, witness) = watched();
                kept.push(identity(&socket));
                a.send_handle(&json!(i), socket).unwrap();
                drop(witness);
            } else {
                a.feed(&json!(i)).unwrap();
            }
        }
        a.disconnect().unwrap();
        kept
    });
    let mut handles = Vec::new();
    for i in 0..MANY {
        let mut message = b.recv().unwrap().unwrap();
        assert_eq!(message.decode::<u64>().unwrap(), i);
        let handle = message.take_handle();
        assert_eq!(handle.is_some(), i % 3 == 0);
        handles.extend(handle);
    }
    assert!(b.recv().unwrap().is_none());
    let arrived: Vec<_> = handles.iter().map(|handle| identity(handle.as_fd())).collect();
    assert_eq!(arrived, sender.join().unwrap());
}

fn hnd_1_a_received_message_is_forwarded_unchanged_with_its_handle<D: Driver>() {
    let (channel, mut origin) = connect::<D>();
    let (there, mut target) = connect::<D>();
    // Without a message, as Node does for `undefined`.
    for message in [r#","msg":{"a":"\"quoted\"","n":1}"#, r#","msg":null"#, ""] {
        let line = format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Socket"{message}}}"#);
        let (socket, witness) = watched();
        origin.write_with(format!("{line}\n"), &[socket.as_fd()]);
        drop(socket);
        let mut received = channel.recv().unwrap().expect("a message");
        let (handle, _) = received.take_handle().expect("a handle").into_parts();
        assert_eq!(origin.line(), ACK);
        thread::scope(|scope| {
            let sending = scope.spawn(|| there.send_payload_handle(received.payload(), handle.into()));
            let (passed_on, fd) = target.line_with_fd();
            assert_eq!(passed_on, line);
            target.write(format!("{ACK}\n"));
            sending.join().unwrap().unwrap();
            witness.assert_open();
            drop(fd);
        });
        witness.assert_closed();
    }
}
