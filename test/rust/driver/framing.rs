//! Framing: messages in any number of reads.

use std::thread;
use std::time::Duration;

use crossfork::{Error, ProtocolError, SendError};
use serde_json::{Value, json};

use crate::support::deadline::in_time;
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{Peer, connect};

in_both_modes!(in_time:
    ser_2_large_and_many_messages_arrive_in_order,
    ser_5_any_json_value_may_be_a_message,
    int_1_unknown_internal_messages_are_discarded,
    int_1_never_12_internal_messages_cannot_be_sent,
    life_11_early_messages_are_queued,
);

/// Lines: for frames with a length, see `advanced`.
mod lines {
    use super::*;
    use crate::support::for_both_drivers;
    for_both_drivers!(in_time:
        ser_2_a_message_may_arrive_byte_by_byte,
        ser_4_ser_6_invalid_json_is_an_error_and_the_next_message_arrives,
        ser_6_white_space_around_a_message_is_accepted,
        ser_6_invalid_utf_8_is_read_as_node_reads_it,
        ser_8_an_incomplete_last_line_is_dropped,
        ser_11_a_message_never_contains_a_raw_line_end,
        a_payload_is_sent_back_unchanged,
    );
}

/// The next message, as JSON.
pub fn receive<D: Driver>(channel: &D) -> Value {
    let message = channel.recv().unwrap().expect("a message, not the end");
    message.decode().unwrap()
}

fn ser_2_a_message_may_arrive_byte_by_byte<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let line = "{\"text\":\"é ≠ 😀\"}\n";
    let (last, bytes) = line.as_bytes().split_last().unwrap();
    for byte in bytes {
        peer.write([*byte]);
        // Reads the available byte, and waits only briefly for more.
        let nothing = channel.recv_timeout(Duration::from_millis(1));
        assert!(matches!(nothing, Err(Error::Send(SendError::TimedOut))), "{nothing:?}");
    }
    peer.write([*last]);
    assert_eq!(receive(&channel), json!({ "text": "é ≠ 😀" }));
}

fn ser_2_large_and_many_messages_arrive_in_order<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let large = "ü".repeat(4 << 20);
    let first = format!("\"{large}\"\n");
    let writer = thread::spawn(move || {
        peer.write(first);
        peer.write((0..20_000).map(|i| format!("{i}\n")).collect::<String>());
        peer
    });
    assert!(receive(&channel) == json!(large));
    for i in 0..20_000 {
        assert_eq!(receive(&channel), json!(i));
    }
    let _peer: Peer = writer.join().unwrap();
}

fn ser_4_ser_6_invalid_json_is_an_error_and_the_next_message_arrives<D: Driver>() {
    let (channel, peer) = connect::<D>();
    peer.write("undefined\n\n\u{feff}{}\n\"next\"\n");
    for garbage in ["undefined", "", "\u{feff}{}"] {
        match channel.recv() {
            Err(Error::Protocol(ProtocolError::NotJson { line })) => assert_eq!(line, garbage.as_bytes()),
            other => panic!("{garbage:?} gave {other:?}"),
        }
    }
    assert_eq!(receive(&channel), json!("next"));
    // A line that begins as JSON is parsed only when it is decoded.
    peer.write("{bad\n\"next\"\n");
    let bad = channel.recv().unwrap().unwrap();
    match bad.decode::<Value>() {
        Err(ProtocolError::Decode { message, .. }) => assert_eq!(message, b"{bad"[..]),
        other => panic!("{other:?}"),
    }
    assert_eq!(receive(&channel), json!("next"));
}

fn ser_5_any_json_value_may_be_a_message<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let deep = json!([[{ "a": [null] }], "\u{2028}😀"]);
    for value in [json!(null), json!(true), json!(-0.5), json!(""), json!([]), json!({}), deep] {
        channel.send(&value).unwrap();
        let line = peer.line();
        assert_eq!(line, value.to_string());
        peer.write(line + "\n");
        assert_eq!(receive(&channel), value);
    }
}

fn ser_6_white_space_around_a_message_is_accepted<D: Driver>() {
    let (channel, peer) = connect::<D>();
    peer.write(" \t{ \"a\" : 1 }\r\n");
    assert_eq!(receive(&channel), json!({ "a": 1 }));
}

fn ser_6_invalid_utf_8_is_read_as_node_reads_it<D: Driver>() {
    let (channel, peer) = connect::<D>();
    peer.write(b"\"a\xffb\"\n\"next\"\n");
    assert_eq!(receive(&channel), json!("a\u{fffd}b"));
    assert_eq!(receive(&channel), json!("next"));
}

fn ser_8_an_incomplete_last_line_is_dropped<D: Driver>() {
    let (channel, peer) = connect::<D>();
    peer.write("\"whole\"\n\"half");
    drop(peer);
    assert_eq!(receive(&channel), json!("whole"));
    assert!(channel.recv().unwrap().is_none());
    assert!(channel.recv().unwrap().is_none());
}

fn ser_11_a_message_never_contains_a_raw_line_end<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    channel.send(&json!({ "text": "one\ntwo\r\n" })).unwrap();
    assert_eq!(peer.line(), r#"{"text":"one\ntwo\r\n"}"#);
}

fn int_1_unknown_internal_messages_are_discarded<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    peer.write("{\"cmd\":\"NODE_FOO\"}\n{\"cmd\":\"NODE_\"}\n{\"cmd\":\"node_foo\"}\n");
    assert_eq!(receive(&channel), json!({ "cmd": "NODE_" }));
    assert_eq!(receive(&channel), json!({ "cmd": "node_foo" }));
    channel.disconnect().unwrap();
    peer.assert_end();
}

fn int_1_never_12_internal_messages_cannot_be_sent<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    for cmd in ["NODE_HANDLE_ACK", "NODE_CLUSTER", "NODE_x"] {
        match channel.send(&json!({ "cmd": cmd })) {
            Err(Error::Send(SendError::Reserved { cmd: refused })) => assert_eq!(refused, cmd),
            other => panic!("{cmd} gave {other:?}"),
        }
        let fed = channel.feed(&json!({ "cmd": cmd }));
        assert!(matches!(fed, Err(Error::Send(SendError::Reserved { .. }))), "{fed:?}");
    }
    channel.send(&json!({ "cmd": "NODE_" })).unwrap();
    assert_eq!(peer.line(), r#"{"cmd":"NODE_"}"#);
}

fn life_11_early_messages_are_queued<D: Driver>() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let peer = Peer::of::<D>(theirs);
    peer.write("\"before\"\n");
    let channel = D::from_socket(ours.into(), crossfork::Limits::default()).unwrap();
    // A message that arrives while we send is queued as well.
    peer.write("\"while\"\n");
    channel.send(&json!("something")).unwrap();
    channel.flush().unwrap();
    assert_eq!(receive(&channel), json!("before"));
    assert_eq!(receive(&channel), json!("while"));
}

fn a_payload_is_sent_back_unchanged<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    for line in [r#"{"a":1.0,"a":123456789012345678901234567890}"#, r#""\ud800""#, r#"{ "b" : [ ] }"#] {
        peer.write(format!("{line}\n"));
        let message = channel.recv().unwrap().unwrap();
        channel.send_payload(message.payload()).unwrap();
        assert_eq!(peer.line(), line);
    }
}
