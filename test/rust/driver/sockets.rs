//! Received connections are counted for the server that accepted them, until they are closed.

use std::os::fd::AsFd;
use std::thread;

use crossfork::{Error, Message, ProtocolError};
use serde_json::{Value, json};

use crate::framing::receive;
use crate::support::deadline::{eventually, in_time};
use crate::support::descriptors::{Witness, watched};
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{ACK, Peer, connect, handle_line, keyed_line};

in_both_modes!(in_time:
    sock_2_sock_3_sockets_are_counted_while_they_are_open,
    sock_4_the_peer_is_notified_when_its_last_socket_closes,
    sock_4_with_no_socket_open_the_answer_is_immediate,
    sock_2_a_socket_is_closed_before_it_is_reported_closed,
    sock_2_a_socket_counts_while_its_hold_exists,
    sock_2_each_key_is_counted_separately_and_returned_unchanged,
    sock_2_a_handle_of_the_wrong_type_is_not_counted,
    sock_2_a_dropped_message_is_no_longer_counted,
    sock_4_closing_in_another_thread_notifies_the_peer,
    sock_4_no_close_notice_is_lost_under_load,
    sock_6_answers_wait_for_a_handle_in_flight,
    a_hold_may_outlive_its_channel,
);

const KEY: &str = r#""4:127.0.0.1:0""#;

fn ask(what: &str, key: &str) -> String {
    format!("{{\"cmd\":\"NODE_SOCKET_{what}\",\"key\":{key}}}\n")
}

fn count(n: usize, key: &str) -> String {
    format!("{{\"cmd\":\"NODE_SOCKET_COUNT\",\"key\":{key},\"count\":{n}}}")
}

fn all_closed(key: &str) -> String {
    format!("{{\"cmd\":\"NODE_SOCKET_ALL_CLOSED\",\"key\":{key}}}")
}

/// Sends a counted socket, and reads its acknowledgement.
fn hand_over<D: Driver>(channel: &D, peer: &mut Peer, key: &str) -> (Message, Witness) {
    let (socket, witness) = watched();
    peer.write_with(keyed_line("\"a socket\"", key), &[socket.as_fd()]);
    drop(socket);
    let message = channel.recv().unwrap().unwrap();
    assert!(message.handle().is_some());
    assert_eq!(peer.line(), ACK);
    (message, witness)
}

/// Asks, lets the channel read the question, and returns the answer.
fn answer<D: Driver>(channel: &D, peer: &mut Peer, question: String) -> String {
    peer.write(question + "\"read\"\n");
    assert_eq!(receive(channel), json!("read"));
    // It is written by the next call at the latest.
    channel.flush().unwrap();
    peer.line()
}

fn sock_2_sock_3_sockets_are_counted_while_they_are_open<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    assert_eq!(answer(&channel, &mut peer, ask("GET_COUNT", KEY)), count(0, KEY));
    let (mut first, _w1) = hand_over(&channel, &mut peer, KEY);
    let (second, _w2) = hand_over(&channel, &mut peer, KEY);
    assert_eq!(answer(&channel, &mut peer, ask("GET_COUNT", KEY)), count(2, KEY));
    let handle = first.take_handle().unwrap();
    drop(first);
    assert_eq!(answer(&channel, &mut peer, ask("GET_COUNT", KEY)), count(2, KEY));
    drop(handle);
    assert_eq!(answer(&channel, &mut peer, ask("GET_COUNT", KEY)), count(1, KEY));
    // A socket without a key is not counted.
    let (socket, _w3) = watched();
    peer.write_with(handle_line("net.Socket", "1"), &[socket.as_fd()]);
    let _uncounted = channel.recv().unwrap().unwrap();
    assert_eq!(peer.line(), ACK);
    assert_eq!(answer(&channel, &mut peer, ask("GET_COUNT", KEY)), count(1, KEY));
    drop(second);
    assert_eq!(answer(&channel, &mut peer, ask("GET_COUNT", KEY)), count(0, KEY));
    // No notice was requested.
    peer.assert_quiet();
}

fn sock_4_the_peer_is_notified_when_its_last_socket_closes<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (first, _w1) = hand_over(&channel, &mut peer, KEY);
    let (second, _w2) = hand_over(&channel, &mut peer, KEY);
    // Asked twice, so there are two answers.
    let asked = answer(
        &channel,
        &mut peer,
        ask("NOTIFY_CLOSE", KEY) + &ask("NOTIFY_CLOSE", KEY) + &ask("GET_COUNT", KEY),
    );
    assert_eq!(asked, count(2, KEY));
    drop(first);
    peer.assert_quiet();
    // Written by the drop itself.
    drop(second);
    assert_eq!(peer.line(), all_closed(KEY));
    assert_eq!(peer.line(), all_closed(KEY));
    peer.assert_quiet();
}

fn sock_4_with_no_socket_open_the_answer_is_immediate<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    assert_eq!(answer(&channel, &mut peer, ask("NOTIFY_CLOSE", KEY)), all_closed(KEY));
    drop(hand_over(&channel, &mut peer, KEY));
    assert_eq!(answer(&channel, &mut peer, ask("NOTIFY_CLOSE", KEY)), all_closed(KEY));
    peer.assert_quiet();
}

fn sock_2_a_socket_is_closed_before_it_is_reported_closed<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    for taken in [false, true] {
        let (mut message, witness) = hand_over(&channel, &mut peer, KEY);
        assert_eq!(
            answer(&channel, &mut peer, ask("NOTIFY_CLOSE", KEY) + &ask("GET_COUNT", KEY)),
            count(1, KEY)
        );
        match taken {
            true => drop(message.take_handle()),
            false => drop(message),
        }
        assert_eq!(peer.line(), all_closed(KEY));
        // It must be closed already, not soon.
        let mut byte = [0];
        witness.0.set_nonblocking(true).unwrap();
        assert_eq!(std::io::Read::read(&mut &witness.0, &mut byte).unwrap(), 0);
    }
}

fn sock_2_a_socket_counts_while_its_hold_exists<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (mut message, witness) = hand_over(&channel, &mut peer, KEY);
    let (handle, hold) = message.take_handle().unwrap().into_parts();
    let hold = hold.expect("a socket with a key is counted");
    assert!(format!("{hold:?}").contains("127.0.0.1"));
    assert_eq!(answer(&channel, &mut peer, ask("NOTIFY_CLOSE", KEY) + &ask("GET_COUNT", KEY)), count(1, KEY));
    drop(handle);
    witness.assert_closed();
    peer.assert_quiet();
    drop(hold);
    assert_eq!(peer.line(), all_closed(KEY));
}

fn sock_2_each_key_is_counted_separately_and_returned_unchanged<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let keys = [r#""6:::8080""#, r#""-1:/tmp/a \"b\" \u00e9:-1""#, r#""é""#];
    let held: Vec<_> = keys
        .iter()
        .enumerate()
        .flat_map(|(i, key)| (0..=i).map(|_| hand_over(&channel, &mut peer, key)).collect::<Vec<_>>())
        .collect();
    // Written as Node does, whatever the spelling in the question.
    let written = keys.map(|key| key.replace("\\u00e9", "é"));
    for (i, (key, written)) in keys.iter().zip(&written).enumerate() {
        assert_eq!(answer(&channel, &mut peer, ask("GET_COUNT", key)), count(i + 1, written));
    }
    drop(held);
    for (key, written) in keys.iter().zip(&written) {
        assert_eq!(answer(&channel, &mut peer, ask("NOTIFY_CLOSE", key)), all_closed(written));
    }
}

fn sock_2_a_handle_of_the_wrong_type_is_not_counted<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let udp = crate::support::descriptors::udp4();
    peer.write_with(keyed_line("1", KEY) + &ask("NOTIFY_CLOSE", KEY), &[udp.as_fd()]);
    let invalid = channel.recv();
    assert!(matches!(invalid, Err(Error::Protocol(ProtocolError::InvalidHandle { .. }))), "{invalid:?}");
    assert_eq!(peer.line(), ACK);
    assert_eq!(peer.line(), all_closed(KEY));
    assert_eq!(answer(&channel, &mut peer, ask("GET_COUNT", KEY)), count(0, KEY));
}

fn sock_2_a_dropped_message_is_no_longer_counted<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (message, witness) = hand_over(&channel, &mut peer, KEY);
    drop(message);
    witness.assert_closed();
    assert_eq!(answer(&channel, &mut peer, ask("GET_COUNT", KEY)), count(0, KEY));
}

fn sock_4_closing_in_another_thread_notifies_the_peer<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (message, _witness) = hand_over(&channel, &mut peer, KEY);
    let receiver = thread::spawn({
        let channel = channel.clone();
        move || receive(&channel)
    });
    // The receiver answers, and waits again.
    peer.write(ask("NOTIFY_CLOSE", KEY) + &ask("GET_COUNT", KEY));
    assert_eq!(peer.line(), count(1, KEY));
    thread::spawn(move || drop(message)).join().unwrap();
    assert_eq!(peer.line(), all_closed(KEY));
    peer.write("\"done\"\n");
    assert_eq!(receiver.join().unwrap(), json!("done"));
}

fn sock_4_no_close_notice_is_lost_under_load<D: Driver>() {
    const MANY: usize = 60;
    let (channel, mut peer) = connect::<D>();
    let keys: Vec<String> = (0..MANY).map(|i| format!("\"key {i}\"")).collect();
    let mut held = Vec::new();
    for key in &keys {
        held.push(hand_over(&channel, &mut peer, key));
        peer.write(ask("NOTIFY_CLOSE", key));
    }
    // A sender that is blocked because the peer does not read: the answers queue behind it.
    let large = json!("x".repeat(2 << 20));
    let sender = thread::spawn({
        let (channel, large) = (channel.clone(), large.clone());
        move || channel.send(&large)
    });
    eventually("the sender waits", || channel.queued_bytes() > 0);
    let receiver = thread::spawn({
        let channel = channel.clone();
        move || while channel.recv().unwrap().is_some() {}
    });
    let mut closers: Vec<_> = Vec::new();
    while !held.is_empty() {
        let some = held.split_off(held.len().saturating_sub(MANY / 6));
        closers.push(thread::spawn(move || drop(some)));
    }
    for closer in closers {
        closer.join().unwrap();
    }
    assert!(peer.value() == large);
    let mut told: Vec<Value> = (0..MANY).map(|_| peer.value()).collect();
    for value in &told {
        assert_eq!(value["cmd"], json!("NODE_SOCKET_ALL_CLOSED"));
    }
    told.sort_by_key(|value| value["key"].to_string());
    let mut keys = keys;
    keys.sort();
    assert!(told.iter().map(|value| value["key"].to_string()).eq(keys), "each once");
    sender.join().unwrap().unwrap();
    peer.assert_quiet();
    drop(peer);
    receiver.join().unwrap();
}

fn sock_6_answers_wait_for_a_handle_in_flight<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (message, _witness) = hand_over(&channel, &mut peer, KEY);
    let sender = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!("handle"), watched().0)
    });
    peer.line_with_fd();
    peer.write(ask("NOTIFY_CLOSE", KEY) + &ask("GET_COUNT", KEY));
    eventually("the count waits behind the handle", || channel.queued_bytes() > 0);
    drop(message);
    peer.assert_quiet();
    peer.write(format!("{ACK}\n"));
    assert_eq!(peer.line(), count(1, KEY));
    assert_eq!(peer.line(), all_closed(KEY));
    sender.join().unwrap().unwrap();
}

fn a_hold_may_outlive_its_channel<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (message, witness) = hand_over(&channel, &mut peer, KEY);
    peer.write(ask("NOTIFY_CLOSE", KEY));
    drop(channel);
    // No longer read nor answered (SOCK-4).
    peer.assert_end();
    witness.assert_open();
    drop(message);
    witness.assert_closed();

    let (channel, mut peer) = connect::<D>();
    let (message, witness) = hand_over(&channel, &mut peer, KEY);
    channel.disconnect().unwrap();
    drop(message);
    witness.assert_closed();
    peer.assert_end();
}
