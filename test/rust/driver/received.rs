//! The receiver's side of handles: each gets its own descriptor and exactly one reply, and unused
//! descriptors are closed.

use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

use crossfork::{Error, HandleType, ProtocolError};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use serde_json::{Value, json};

use crate::framing::receive;
use crate::refused::what_cannot_travel;
use crate::support::deadline::in_time;
use crate::support::descriptors::{
    Witness, identity, is_cloexec, is_nonblocking, tcp_pair, tcp_unbound, udp4, watched,
};
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{ACK, NACK, Peer, connect, handle_line};

in_both_modes!(in_time:
    hnd_6_a_handle_is_acknowledged_once_as_soon_as_it_is_read,
    hnd_6_a_handle_without_a_descriptor_is_refused_once,
    hnd_4_each_of_many_handles_gets_its_own_descriptor,
    hnd_4_a_handle_message_may_arrive_in_parts,
    hnd_5_a_stray_descriptor_never_reaches_a_later_handle,
    hnd_5_all_but_one_of_253_descriptors_on_a_message_are_closed,
    hnd_10_a_double_wrapped_message_is_delivered_once,
    hnd_16_a_blocking_handle_arrives_non_blocking,
    hnd_18_hnd_19_an_unsupported_descriptor_is_acknowledged_and_closed,
    hnd_22_a_handle_of_the_wrong_type_is_acknowledged_and_closed,
    hnd_22_a_handle_of_an_unknown_type_is_acknowledged_and_closed,
    hnd_1_an_internal_message_with_a_handle_is_discarded_and_the_handle_closed,
    hnd_1_a_handle_without_a_message_has_an_empty_message,
    an_untaken_handle_is_closed_when_its_message_is_dropped,
    an_unreceived_handle_is_closed_with_the_channel,
);

/// Asserts that the next message is this one, without a handle.
fn expect_plain<D: Driver>(channel: &D, value: Value) {
    let message = channel.recv().unwrap().unwrap();
    assert_eq!(message.decode::<Value>().unwrap(), value);
    assert!(message.handle().is_none(), "{message:?}");
}

/// Ends the channel and asserts that exactly these lines were written.
fn assert_replies<D: Driver>(channel: D, mut peer: Peer, lines: &[&str]) {
    thread::scope(|scope| {
        let replies = scope.spawn(move || {
            let replies = peer.rest();
            peer.leave();
            replies
        });
        channel.disconnect().unwrap();
        assert_eq!(replies.join().unwrap(), lines);
    });
}

fn expect_invalid<D: Driver>(channel: &D, peer: &Peer, message: &str) -> (String, &'static str) {
    match channel.recv() {
        Err(Error::Protocol(ProtocolError::InvalidHandle { wire_type, found, message: bytes })) => {
            assert_eq!(bytes, peer.content(message));
            (wire_type, found)
        }
        other => panic!("{other:?}"),
    }
}

fn hnd_6_a_handle_is_acknowledged_once_as_soon_as_it_is_read<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let sent = identity(&socket);
    peer.write_with(handle_line("net.Socket", "{\"a\":1}"), &[socket.as_fd()]);
    drop(socket);
    let mut message = channel.recv().unwrap().unwrap();
    // Before the handle is taken.
    assert_eq!(peer.line(), ACK);
    assert_eq!(message.decode::<Value>().unwrap(), json!({ "a": 1 }));
    assert_eq!(message.handle().unwrap().wire_type(), HandleType::NetSocket);
    let handle = message.take_handle().unwrap();
    assert!(message.take_handle().is_none());
    assert_eq!(identity(&*handle), sent);
    drop(message);
    witness.assert_open();
    drop(handle);
    witness.assert_closed();
    assert_replies(channel, peer, &[]);
}

fn hnd_6_a_handle_without_a_descriptor_is_refused_once<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    peer.write(handle_line("net.Socket", "{\"a\":1}") + "\"next\"\n");
    match channel.recv() {
        Err(Error::Protocol(ProtocolError::MissingDescriptor { message })) => {
            assert_eq!(message, peer.content("{\"a\":1}"));
        }
        other => panic!("{other:?}"),
    }
    expect_plain(&channel, json!("next"));
    assert_eq!(peer.line(), NACK);
    // Sent again, with the descriptor.
    let (socket, _witness) = watched();
    peer.write_with(handle_line("net.Socket", "{\"a\":1}"), &[socket.as_fd()]);
    assert!(channel.recv().unwrap().unwrap().take_handle().is_some());
    assert_replies(channel, peer, &[ACK]);
}

fn hnd_4_each_of_many_handles_gets_its_own_descriptor<D: Driver>() {
    let (channel, peer) = connect::<D>();
    for round in 0..10 {
        // Unlike Node (HND-11), the sender does not wait for acknowledgements. All sizes occur, so that
        // messages straddle reads.
        let sent: Vec<_> = (0..10)
            .map(|i| {
                let pad = "x".repeat((round * 10 + i) * 97 % 3000);
                let (socket, _) = watched();
                peer.write(format!("[{i},\"{pad}\"]\n"));
                peer.write_with(handle_line("net.Socket", &format!("[{i},\"{pad}\"]")), &[socket.as_fd()]);
                identity(&socket)
            })
            .collect();
        for (i, sent) in sent.into_iter().enumerate() {
            assert_eq!(receive(&channel)[0], json!(i));
            let mut message = channel.recv().unwrap().unwrap();
            assert_eq!(message.decode::<Value>().unwrap()[0], json!(i));
            assert_eq!(identity(&*message.take_handle().unwrap()), sent);
        }
    }
    assert_replies(channel, peer, &[ACK; 100]);
}

fn hnd_4_a_handle_message_may_arrive_in_parts<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let line = handle_line("net.Socket", "\"split\"");
    let line = peer.encode(line.as_bytes()).into_owned();
    let cuts = [1, 30, line.len() - 1];
    for (at, with_first_part) in cuts.into_iter().flat_map(|at| [(at, true), (at, false)]) {
        let (socket, witness) = watched();
        let fds: &[BorrowedFd<'_>] = &[socket.as_fd()];
        let (first, second) = if with_first_part { (fds, &[][..]) } else { (&[][..], fds) };
        write_part(&peer, &line[..at], first);
        // Read as it is.
        let nothing = channel.recv_timeout(Duration::from_millis(2));
        assert!(nothing.is_err(), "{nothing:?}");
        write_part(&peer, &line[at..], second);
        let mut message = channel.recv().unwrap().unwrap();
        assert_eq!(identity(&*message.take_handle().unwrap()), identity(&socket), "cut at {at}");
        drop(socket);
        witness.assert_closed();
    }
    assert_replies(channel, peer, &[ACK; 6]);
}

fn write_part(peer: &Peer, part: &[u8], fds: &[BorrowedFd<'_>]) {
    match fds {
        [] => peer.write_raw(part),
        fds => peer.write_raw_with(part, fds),
    }
}

fn hnd_5_a_stray_descriptor_never_reaches_a_later_handle<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let (stray, stray_witness) = watched();
    let (wanted, _witness) = watched();
    peer.write_with("\"plain\"\n", &[stray.as_fd()]);
    drop(stray);
    expect_plain(&channel, json!("plain"));
    match channel.recv() {
        Err(Error::Protocol(ProtocolError::StrayDescriptors { count: 1 })) => {}
        other => panic!("{other:?}"),
    }
    stray_witness.assert_closed();
    peer.write(handle_line("net.Socket", "\"has none\""));
    let missing = channel.recv();
    assert!(matches!(missing, Err(Error::Protocol(ProtocolError::MissingDescriptor { .. }))), "{missing:?}");
    peer.write_with(handle_line("net.Socket", "\"has its own\""), &[wanted.as_fd()]);
    let mut message = channel.recv().unwrap().unwrap();
    assert_eq!(identity(&*message.take_handle().unwrap()), identity(&wanted));
    assert_replies(channel, peer, &[NACK, ACK]);
}

fn hnd_5_all_but_one_of_253_descriptors_on_a_message_are_closed<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let (first, first_witness) = watched();
    let (other, other_witness) = watched();
    let mut all = vec![first.as_fd()];
    all.resize(253, other.as_fd());
    peer.write_with(handle_line("net.Socket", "1"), &all);
    drop((first, other));
    let mut message = channel.recv().unwrap().unwrap();
    match channel.recv() {
        Err(Error::Protocol(ProtocolError::StrayDescriptors { count: 252 })) => {}
        other => panic!("{other:?}"),
    }
    other_witness.assert_closed();
    first_witness.assert_open();
    drop(message.take_handle().unwrap());
    first_witness.assert_closed();
    assert_replies(channel, peer, &[ACK]);
}

fn hnd_10_a_double_wrapped_message_is_delivered_once<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let (socket, _witness) = watched();
    let inner = handle_line("net.Socket", "\"mine\"");
    peer.write_with(handle_line("net.Native", inner.trim_end()), &[socket.as_fd()]);
    let mut message = channel.recv().unwrap().unwrap();
    assert_eq!(message.decode::<String>().unwrap(), "mine");
    let handle = message.take_handle().unwrap();
    assert_eq!(handle.wire_type(), HandleType::NetSocket);
    assert_eq!(identity(&*handle), identity(&socket));
    assert_replies(channel, peer, &[ACK]);
}

fn hnd_16_a_blocking_handle_arrives_non_blocking<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(!is_nonblocking(&listener));
    peer.write_with(handle_line("net.Server", "1"), &[listener.as_fd()]);
    let handle = channel.recv().unwrap().unwrap().take_handle().unwrap();
    assert!(is_nonblocking(&*handle));
    assert!(is_cloexec(&*handle));
    assert_replies(channel, peer, &[ACK]);
}

/// Sends a descriptor of the wrong type, and returns the error.
fn send_unfit<D: Driver>(wire_type: &str, fd: impl Into<OwnedFd>) -> (String, &'static str) {
    let (channel, peer) = connect::<D>();
    let fd = fd.into();
    peer.write_with(handle_line(wire_type, "{\"a\":1}"), &[fd.as_fd()]);
    let invalid = expect_invalid(&channel, &peer, "{\"a\":1}");
    // The channel still works.
    peer.write("\"next\"\n");
    expect_plain(&channel, json!("next"));
    assert_replies(channel, peer, &[ACK]);
    invalid
}

fn hnd_18_hnd_19_an_unsupported_descriptor_is_acknowledged_and_closed<D: Driver>() {
    for (name, fd, _) in what_cannot_travel() {
        for wire_type in ["net.Socket", "net.Server", "net.Native", "dgram.Socket", "dgram.Native"] {
            let (said, found) = send_unfit::<D>(wire_type, fd.try_clone().unwrap());
            assert_eq!(said, wire_type);
            assert!(!found.is_empty(), "{name}");
        }
    }
    // For one of them, the test can see that it was closed.
    let (given, kept) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
    let (channel, peer) = connect::<D>();
    peer.write_with(handle_line("net.Socket", "1"), &[given.as_fd()]);
    drop(given);
    expect_invalid(&channel, &peer, "1");
    Witness(kept.into()).assert_closed();
    assert_replies(channel, peer, &[ACK]);
}

fn hnd_22_a_handle_of_the_wrong_type_is_acknowledged_and_closed<D: Driver>() {
    let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = || watched().0;
    assert_eq!(send_unfit::<D>("net.Server", udp4()), ("net.Server".into(), "a UDP socket (IPv4)"));
    assert_eq!(send_unfit::<D>("dgram.Socket", tcp_pair().0), ("dgram.Socket".into(), "a TCP connection"));
    assert_eq!(send_unfit::<D>("dgram.Native", listener()).1, "a listening TCP socket");
    assert_eq!(send_unfit::<D>("net.Socket", listener()).1, "a listening TCP socket");
    assert_eq!(send_unfit::<D>("net.Socket", udp4()).1, "a UDP socket (IPv4)");
    assert_eq!(send_unfit::<D>("net.Server", unix()).1, "a Unix stream socket");
    assert_eq!(send_unfit::<D>("net.Native", udp4()).1, "a UDP socket (IPv4)");
    assert_eq!(send_unfit::<D>("net.BoundSocket", tcp_pair().0).1, "a TCP connection");
    assert_eq!(send_unfit::<D>("net.Socket", tcp_unbound()).1, "an unbound TCP socket");
    // Closed.
    let (channel, peer) = connect::<D>();
    let (socket, witness) = watched();
    peer.write_with(handle_line("dgram.Socket", "1"), &[socket.as_fd()]);
    drop(socket);
    expect_invalid(&channel, &peer, "1");
    witness.assert_closed();
    assert_replies(channel, peer, &[ACK]);
}

fn hnd_22_a_handle_of_an_unknown_type_is_acknowledged_and_closed<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let lines = [
        (handle_line("net.Teapot", "1"), "net.Teapot"),
        (handle_line("", "1"), ""),
        ("{\"cmd\":\"NODE_HANDLE\",\"msg\":1}\n".to_owned(), ""),
        ("{\"cmd\":\"NODE_HANDLE\",\"type\":7,\"msg\":1}\n".to_owned(), ""),
    ];
    for (line, wire_type) in &lines {
        let (socket, witness) = watched();
        peer.write_with(line, &[socket.as_fd()]);
        drop(socket);
        assert_eq!(expect_invalid(&channel, &peer, "1").0, *wire_type);
        witness.assert_closed();
    }
    assert_replies(channel, peer, &[ACK; 4]);
}

fn hnd_1_an_internal_message_with_a_handle_is_discarded_and_the_handle_closed<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let (socket, witness) = watched();
    let cluster = handle_line("net.Native", "{\"cmd\":\"NODE_CLUSTER\",\"act\":\"newconn\"}");
    peer.write_with(cluster + "\"next\"\n", &[socket.as_fd()]);
    drop(socket);
    expect_plain(&channel, json!("next"));
    witness.assert_closed();
    assert_replies(channel, peer, &[ACK]);
}

fn hnd_1_a_handle_without_a_message_has_an_empty_message<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let (socket, _witness) = watched();
    peer.write_with("{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\"}\n", &[socket.as_fd()]);
    let message = channel.recv().unwrap().unwrap();
    assert!(message.handle().is_some());
    assert!(message.payload().as_bytes().is_empty());
    assert_eq!(message.decode::<Option<u8>>().unwrap(), None);
    assert_replies(channel, peer, &[ACK]);
}

fn an_untaken_handle_is_closed_when_its_message_is_dropped<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let (socket, witness) = watched();
    peer.write_with(handle_line("net.Socket", "1"), &[socket.as_fd()]);
    drop(socket);
    let message = channel.recv().unwrap().unwrap();
    witness.assert_open();
    drop(message);
    witness.assert_closed();
    // The channel is not closed with it.
    peer.write("2\n");
    assert_eq!(receive(&channel), json!(2));
}

fn an_unreceived_handle_is_closed_with_the_channel<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    peer.write("1\n");
    peer.write_with(handle_line("net.Socket", "2"), &[socket.as_fd()]);
    drop(socket);
    assert_eq!(receive(&channel), json!(1));
    drop(channel);
    witness.assert_closed();
    peer.rest_as_bytes();
}
