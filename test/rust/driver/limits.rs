//! The data buffered for a peer is bounded, and the channel still works after a limit was exceeded.

use std::os::fd::AsFd;
use std::time::Duration;

use crossfork::{Error, Limits, ProtocolError, SendError};
use serde_json::{Value, json};

use crate::framing::receive;
use crate::support::deadline::{eventually, in_time};
#[cfg(target_os = "linux")]
use crate::support::descriptors::unread_by_peer;
use crate::support::descriptors::watched;
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{ACK, Peer, connect_with, handle_line};

in_both_modes!(in_time:
    a_message_over_the_limit_is_an_error_and_the_next_one_arrives,
    a_message_over_the_limit_is_not_buffered,
    a_handle_with_a_message_over_the_limit_is_acknowledged_once_and_closed,
    too_many_messages_apply_backpressure,
    too_many_bytes_apply_backpressure,
    too_many_handles_apply_backpressure,
    descriptors_over_the_limit_on_an_incomplete_message_are_closed,
    unread_acknowledgements_apply_backpressure,
    answers_that_the_peer_does_not_read_are_bounded,
);

#[cfg(target_os = "linux")]
mod alone {
    use super::{a_flood_of_descriptors_leaves_none_open, a_worker_that_receives_handles_leaves_none_open};
    use crate::support::{for_both_drivers, process::alone};
    for_both_drivers!(alone:
        a_flood_of_descriptors_leaves_none_open,
        a_worker_that_receives_handles_leaves_none_open,
    );
}

fn too_long<D: Driver>(channel: &D) -> bool {
    matches!(channel.recv(), Err(Error::Protocol(ProtocolError::TooLong { limit: 100 })))
}

const SMALL: Limits = Limits::new()
    .max_message(100)
    .max_waiting_bytes(64 << 20)
    .max_waiting_messages(1 << 16)
    .max_waiting_descriptors(512);

fn a_message_over_the_limit_is_an_error_and_the_next_one_arrives<D: Driver>() {
    let (channel, peer) = connect_with::<D>(SMALL);
    let line = |length: usize| format!("\"{}\"\n", "x".repeat(length - around(&peer, length)));
    let text = line(100) + &line(101) + "1\n" + &line(300_000) + "2\n" + &line(100);
    let longest = "x".repeat(100 - around(&peer, 100));
    let writer = std::thread::spawn(move || {
        peer.write(text);
        peer
    });
    assert_eq!(receive(&channel), json!(longest));
    assert!(too_long(&channel));
    assert_eq!(receive(&channel), json!(1));
    assert!(too_long(&channel));
    assert_eq!(receive(&channel), json!(2));
    assert_eq!(receive(&channel), json!(longest));
    drop(writer.join().unwrap());
    assert!(channel.recv().unwrap().is_none());
}

/// The size of a string's message without its characters.
fn around(peer: &Peer, length: usize) -> usize {
    peer.content(&format!("\"{}\"", "x".repeat(length))).len() - length
}

fn a_message_over_the_limit_is_not_buffered<D: Driver>() {
    let (channel, peer) = connect_with::<D>(SMALL);
    let line = format!("\"{}\"\n", "x".repeat(5_000_000));
    let line = peer.encode(line.as_bytes());
    let (start, rest) = line.split_at(105);
    // Reported once and immediately, however long the message is.
    peer.write_raw(start);
    assert!(too_long(&channel));
    for part in rest.chunks(50_000) {
        peer.write_raw(part);
        assert!(channel.recv_timeout(Duration::from_millis(1)).is_err());
    }
    peer.write("\"next\"\n");
    assert_eq!(receive(&channel), json!("next"));
}

fn a_handle_with_a_message_over_the_limit_is_acknowledged_once_and_closed<D: Driver>() {
    let (channel, mut peer) = connect_with::<D>(SMALL);
    let (socket, witness) = watched();
    let long = handle_line("net.Socket", &format!("\"{}\"", "x".repeat(5000)));
    let long = peer.encode(long.as_bytes());
    peer.write_raw_with(&long[..2000], &[socket.as_fd()]);
    drop(socket);
    assert!(too_long(&channel));
    witness.assert_closed();
    // Not before the whole message is written.
    peer.assert_quiet();
    peer.write_raw(&long[2000..]);
    peer.write("\"next\"\n");
    assert_eq!(receive(&channel), json!("next"));
    channel.disconnect().unwrap();
    assert_eq!(peer.rest(), [ACK]);
}

/// Lets the channel read for a while, without receiving.
fn let_it_read<D: Driver>(channel: &D) {
    let _ = channel.send_timeout(&json!("x".repeat(1 << 20)), Duration::from_millis(5));
}

/// Repeatedly writes what the kernel takes and lets the channel read; returns the number of bytes
/// written. The peer does not read, so the channel has to wait in a call that reads.
fn flood<D: Driver>(channel: &D, peer: &Peer, bytes: &[u8]) -> usize {
    let mut written = 0;
    for _ in 0..30 {
        written += flood_once(peer, &bytes[written..]);
        let_it_read(channel);
    }
    written
}

/// The kernel's buffer for one direction of a socket pair, and a few reads.
const SLACK: usize = 1 << 20;

fn floods_and_drains<D: Driver>(limits: Limits, line: impl Fn(usize) -> String, bound: usize) {
    let (channel, peer) = connect_with::<D>(limits);
    let text: String = (0..)
        .map(&line)
        .scan(0, |length, line| {
            *length += line.len();
            (*length < bound + 8 * SLACK).then_some(line)
        })
        .collect();
    let bytes = peer.encode(text.as_bytes()).into_owned();
    let written = flood(&channel, &peer, &bytes);
    assert!(written < bound + SLACK, "{written} bytes were read for a caller that receives nothing");
    // Everything written arrives in order when it is received, and then there is room for more.
    let count = text.lines().count();
    let writer = std::thread::spawn(move || peer.write_raw(&bytes[written..]));
    for i in 0..count {
        let message = channel.recv().unwrap().expect("a message");
        assert_eq!(message.decode::<Value>().unwrap().to_string(), line(i).trim_end());
    }
    writer.join().unwrap();
    assert!(channel.recv().unwrap().is_none());
}

fn too_many_messages_apply_backpressure<D: Driver>() {
    let limits = Limits::new().max_waiting_messages(10);
    floods_and_drains::<D>(limits, |i| format!("[{i},\"{}\"]\n", "x".repeat(i % 500)), 0);
}

fn too_many_bytes_apply_backpressure<D: Driver>() {
    let limits = Limits::new().max_waiting_bytes(1 << 20);
    floods_and_drains::<D>(limits, |i| format!("[{i},\"{}\"]\n", "x".repeat(i % 50_000)), 1 << 20);
}

fn too_many_handles_apply_backpressure<D: Driver>() {
    const SENT: usize = 100;
    const ROOM: usize = 8;
    let (channel, mut peer) = connect_with::<D>(Limits::new().max_waiting_descriptors(ROOM));
    let (socket, witness) = watched();
    for i in 0..SENT {
        peer.write_with(handle_line("net.Socket", &i.to_string()), &[socket.as_fd()]);
    }
    drop(socket);
    // The channel reads in a call that waits for the peer's reply.
    let sender = std::thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!("own"), watched().0)
    });
    peer.line_with_fd();
    for _ in 0..ROOM {
        assert_eq!(peer.line(), ACK);
    }
    peer.assert_quiet();
    for i in 0..SENT {
        let mut message = channel.recv().unwrap().unwrap();
        assert_eq!(message.decode::<usize>().unwrap(), i);
        drop(message.take_handle().expect("a handle"));
    }
    witness.assert_closed();
    peer.write(format!("{ACK}\n"));
    sender.join().unwrap().unwrap();
    channel.disconnect().unwrap();
    assert_eq!(peer.rest(), vec![ACK; SENT - ROOM]);
}

fn descriptors_over_the_limit_on_an_incomplete_message_are_closed<D: Driver>() {
    let (channel, mut peer) = connect_with::<D>(Limits::new().max_waiting_descriptors(4));
    let (first, first_witness) = watched();
    let (other, other_witness) = watched();
    let (last, last_witness) = watched();
    let line = handle_line("net.Socket", "1");
    let mut fds = vec![first.as_fd()];
    fds.resize(4, other.as_fd());
    fds.resize(253, last.as_fd());
    let line = peer.encode(line.as_bytes());
    peer.write_raw_with(&line[..10], &fds);
    drop((first, other, last));
    match channel.recv() {
        Err(Error::Protocol(ProtocolError::StrayDescriptors { count: 249 })) => {}
        other => panic!("{other:?}"),
    }
    last_witness.assert_closed();
    other_witness.assert_open();
    // The first descriptor counts.
    peer.write_raw(&line[10..]);
    let message = channel.recv().unwrap().unwrap();
    first_witness.assert_open();
    match channel.recv() {
        Err(Error::Protocol(ProtocolError::StrayDescriptors { count: 3 })) => {}
        other => panic!("{other:?}"),
    }
    other_witness.assert_closed();
    drop(message);
    first_witness.assert_closed();
    assert_eq!(peer.line(), ACK);
}

fn unread_acknowledgements_apply_backpressure<D: Driver>() {
    let (channel, peer) = connect_with::<D>(Limits::default());
    // These handles have no descriptors, so each is refused with one reply.
    let line = handle_line("net.Socket", "1");
    let bytes = peer.encode(line.as_bytes()).repeat(60_000);
    let mut written = 0;
    let mut errors = 0;
    let mut idle = 0;
    eventually("the channel stops reading", || {
        let before = (written, errors);
        written += flood_once(&peer, &bytes[written..]);
        let_it_read(&channel);
        // Received, so that this queue does not fill up.
        while let Err(Error::Protocol(ProtocolError::MissingDescriptor { .. })) =
            channel.recv_timeout(Duration::ZERO)
        {
            errors += 1;
        }
        idle = if before == (written, errors) { idle + 1 } else { 0 };
        written == bytes.len() || errors > 1024 && idle == 3
    });
    assert!(written < bytes.len(), "the channel reads although its replies are not read");
    assert!(channel.queued_bytes() < 4 << 20, "{} bytes are queued", channel.queued_bytes());
}

fn flood_once(peer: &Peer, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match peer.write_now(&bytes[written..]) {
            0 => break,
            n => written += n,
        }
    }
    written
}

fn answers_that_the_peer_does_not_read_are_bounded<D: Driver>() {
    let (channel, mut peer) = connect_with::<D>(Limits::default());
    let question = peer.encode(b"{\"cmd\":\"NODE_SOCKET_GET_COUNT\",\"key\":\"k\"}\n").into_owned();
    let questions = question.repeat(50_000);
    let mut written = 0;
    let mut left_out = 0;
    eventually("an answer is omitted", || {
        written += flood_once(&peer, &questions[written..]);
        loop {
            match channel.recv_timeout(Duration::from_millis(1)) {
                Err(Error::Protocol(ProtocolError::TooManyRequests)) => left_out += 1,
                Err(_) => return left_out > 0,
                Ok(other) => panic!("{other:?}"),
            }
        }
    });
    assert!(channel.queued_bytes() < 1 << 20, "{} bytes are queued", channel.queued_bytes());
    // The rest of the unfinished question, and then another message.
    let rest = written.next_multiple_of(question.len());
    peer.write_raw(&questions[written..rest]);
    peer.write("\"next\"\n");
    loop {
        match channel.recv() {
            Err(Error::Protocol(ProtocolError::TooManyRequests)) => left_out += 1,
            Ok(Some(message)) => {
                assert_eq!(message.decode::<String>().unwrap(), "next");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    let reader = std::thread::spawn(move || {
        let mut answers = 0;
        while peer.line() != "\"end\"" {
            answers += 1;
        }
        answers
    });
    channel.send(&json!("end")).unwrap();
    assert_eq!(reader.join().unwrap() + left_out, rest / question.len(), "answered or reported");
}

#[cfg(target_os = "linux")]
fn a_flood_of_descriptors_leaves_none_open<D: Driver>() {
    use crate::support::descriptors::open_descriptors;
    let (channel, mut peer) = connect_with::<D>(Limits::default());
    let (socket, _witness) = watched();
    let before = open_descriptors();
    for i in 0..300 {
        let line = if i % 3 == 0 { handle_line("net.Socket", "1") } else { "1\n".into() };
        peer.write_with(line, &[socket.as_fd(); 253]);
        drop(channel.recv().unwrap().unwrap());
        assert!(matches!(channel.recv(), Err(Error::Protocol(ProtocolError::StrayDescriptors { .. }))));
        assert_eq!(open_descriptors(), before);
        if i % 3 == 0 {
            assert_eq!(peer.line(), ACK);
        }
    }
}

#[cfg(target_os = "linux")]
fn a_worker_that_receives_handles_leaves_none_open<D: Driver>() {
    use crate::support::descriptors::open_descriptors;
    let (channel, mut peer) = connect_with::<D>(Limits::default());
    let mut before = 0;
    for i in 0..2000 {
        if i == 10 {
            before = open_descriptors();
        }
        let (socket, _witness) = watched();
        peer.write_with(handle_line("net.Socket", "1"), &[socket.as_fd()]);
        drop(socket);
        let mut message = channel.recv().unwrap().unwrap();
        let (handle, _hold) = message.take_handle().unwrap().into_parts();
        assert_eq!(peer.line(), ACK);
        // And in the other direction.
        let sender = std::thread::spawn({
            let channel = channel.clone();
            move || channel.send_handle(&json!(1), handle)
        });
        drop(peer.line_with_fd());
        peer.write(format!("{ACK}\n"));
        sender.join().unwrap().unwrap();
    }
    assert_eq!(open_descriptors(), before);
}

/// Each read ends at a descriptor, so an endless message takes many reads.
#[test]
#[cfg(target_os = "linux")]
fn a_peer_that_writes_without_pause_does_not_delay_a_timeout() {
    let (channel, peer) = connect_with::<crossfork::blocking::Channel>(Limits::default());
    let (socket, _witness) = watched();
    for _ in 0..100 {
        peer.write_raw_with(b"1", &[socket.as_fd()]);
    }
    assert!(matches!(channel.recv_timeout(Duration::ZERO), Err(Error::Send(SendError::TimedOut))));
    assert!(unread_by_peer(&peer.socket) > 0, "all of it was read first");
}
