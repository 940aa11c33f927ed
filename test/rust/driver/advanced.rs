//! The advanced mode only: values that JSON lacks, its frames, and peers with other dialects.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crossfork::v8::{Options, Value};
use crossfork::{Error, FormatError, Limits, ProtocolError, SendError, Serialization};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::framing::receive;
use crate::support::advanced::Advanced;
use crate::support::deadline::in_time;
use crate::support::descriptors::watched;
use crate::support::drivers::Driver;
use crate::support::for_both_drivers;
use crate::support::peer::{ACK, Peer, connect, connect_two, connect_with};

for_both_drivers!(in_time:
    adv_4_values_that_json_lacks_arrive_unchanged,
    adv_9_bytes_become_a_buffer_and_are_borrowed_from_the_message,
    adv_3_a_frame_may_arrive_byte_by_byte,
    adv_2_an_invalid_value_is_an_error_and_the_next_message_arrives,
    adv_2_a_frame_over_the_limit_is_reported_and_the_next_message_arrives,
    adv_2_a_truncated_value_is_an_error_when_it_is_decoded,
    adv_1_buns_own_format_is_reported_once_and_ends_the_channel,
    adv_8_an_unsendable_value_is_an_error_for_the_caller,
    adv_11_values_for_newer_nodes_are_sent_only_if_allowed,
    adv_11_a_peers_own_record_can_be_sent_back_to_it,
    a_message_of_the_other_serialization_is_not_forwarded,
    hnd_1_a_handle_without_a_message_carries_undefined,
    hnd_1_the_message_of_a_handle_may_be_any_value,
    the_channel_reports_its_serialization,
);

/// A record with its length prefix.
fn framed(record: &[u8]) -> Vec<u8> {
    [&(record.len() as u32).to_be_bytes(), record].concat()
}

/// Sends the value to a second channel, and returns what arrives there.
fn passed_on<D: Driver>(value: &Value) -> Value {
    let (here, there) = connect_two::<Advanced<D>>();
    here.send(value).unwrap();
    there.recv().unwrap().unwrap().value().unwrap()
}

fn adv_4_values_that_json_lacks_arrive_unchanged<D: Driver>() {
    let ring = Value::object([("itself", Value::Reference(1))]).with_label(1);
    let twice = Value::Array(vec![Value::object([("a", Value::Null)]).with_label(1), Value::Reference(1)]);
    let map = Value::Map(vec![(Value::from(f64::NAN), Value::Set(vec![Value::Undefined, (-0.0).into()]))]);
    for value in [ring, twice, map, Value::Undefined, Value::Date(-1.5), Value::buffer(vec![0, 255])] {
        assert_eq!(passed_on::<D>(&value), value);
    }
}

fn adv_9_bytes_become_a_buffer_and_are_borrowed_from_the_message<D: Driver>() {
    #[derive(Serialize, Deserialize)]
    struct Page<'a> {
        number: u32,
        #[serde(with = "bytes_only")]
        image: &'a [u8],
    }

    /// As the crate `serde_bytes` does.
    mod bytes_only {
        pub fn serialize<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(bytes)
        }
        pub fn deserialize<'a, D: serde::Deserializer<'a>>(deserializer: D) -> Result<&'a [u8], D::Error> {
            serde::Deserialize::deserialize(deserializer)
        }
    }

    let (here, there) = connect_two::<Advanced<D>>();
    let image = vec![7; 3 << 20];
    let sender = std::thread::spawn({
        let image = image.clone();
        move || here.send(&Page { number: 5, image: &image }).unwrap()
    });
    let message = there.recv().unwrap().unwrap();
    let page: Page = message.decode().unwrap();
    assert!(page.number == 5 && page.image == image);
    let memory = message.payload().as_bytes().as_ptr_range();
    assert!(memory.contains(&page.image.as_ptr()), "the bytes were copied");
    let value = message.value().unwrap();
    assert_eq!(value.get("image").and_then(Value::as_bytes).unwrap().as_ptr(), page.image.as_ptr());
    sender.join().unwrap();
}

fn adv_3_a_frame_may_arrive_byte_by_byte<D: Driver>() {
    let (channel, peer) = connect::<Advanced<D>>();
    // { a: 'é' }
    let frame = framed(b"\xff\x0fo\"\x01a\"\x01\xe9{\x01");
    let (last, bytes) = frame.split_last().unwrap();
    for byte in bytes {
        peer.write_raw(&[*byte]);
        // Reads the available byte, and waits only briefly for more.
        let nothing = channel.recv_timeout(Duration::from_millis(1));
        assert!(matches!(nothing, Err(Error::Send(SendError::TimedOut))), "{nothing:?}");
    }
    peer.write_raw(&[*last]);
    assert_eq!(receive(&channel), json!({ "a": "é" }));
}

fn adv_2_an_invalid_value_is_an_error_and_the_next_message_arrives<D: Driver>() {
    let (channel, peer) = connect::<Advanced<D>>();
    let deno = b"\xff\x10\"\x02hi";
    let records: [&[u8]; 5] = [b"", b"\xff\x0f", b"{\"json\":1}\n", b"\x0fT", deno];
    for record in records {
        peer.write_raw(&framed(record));
        peer.write("\"next\"\n");
        match channel.recv() {
            Err(Error::Protocol(ProtocolError::NotV8 { frame, .. })) => assert_eq!(frame, record),
            other => panic!("{} gave {other:?}", record.escape_ascii()),
        }
        assert_eq!(receive(&channel), json!("next"));
    }
    peer.write_raw(&framed(deno));
    let error = channel.recv().unwrap_err();
    assert_eq!(error.code(), "ERR_IPC_DECODE");
    let text = error.to_string();
    assert!(text.contains("Deno") && text.contains("'json'"), "{text}");
}

fn adv_2_a_frame_over_the_limit_is_reported_and_the_next_message_arrives<D: Driver>() {
    let (channel, peer) = connect_with::<Advanced<D>>(Limits::new().max_message(100));
    peer.write_raw(&framed(&[0; 101]));
    peer.write("\"next\"\n");
    // Announced, but never sent.
    peer.write_raw(&[0xFF; 4]);
    match channel.recv() {
        Err(Error::Protocol(ProtocolError::TooLong { limit: 100 })) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(receive(&channel), json!("next"));
    drop(peer);
    assert!(channel.recv().unwrap().is_none());
}

fn adv_2_a_truncated_value_is_an_error_when_it_is_decoded<D: Driver>() {
    let (channel, peer) = connect::<Advanced<D>>();
    let record = b"\xff\x0fo\"\x01a\"\x40";
    peer.write_raw(&framed(record));
    peer.write("\"next\"\n");
    let bad = channel.recv().unwrap().unwrap();
    for error in [bad.decode::<serde_json::Value>().unwrap_err(), bad.value().unwrap_err()] {
        match error {
            ProtocolError::Decode { reason: FormatError::V8(_), message } => assert_eq!(message, record[..]),
            other => panic!("{other:?}"),
        }
    }
    // It is not forwarded either.
    let sent = channel.send_payload(bad.payload());
    assert!(matches!(sent, Err(Error::Send(SendError::Encode(FormatError::V8(_))))), "{sent:?}");
    assert_eq!(receive(&channel), json!("next"));
}

fn adv_1_buns_own_format_is_reported_once_and_ends_the_channel<D: Driver>() {
    let (channel, mut peer) = connect::<Advanced<D>>();
    peer.write_raw(b"\x01\x02\0\0\0\xff\x0f\x02\x05\0\0\0hello");
    let error = channel.recv().unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::BunFormat)), "{error:?}");
    assert!(error.to_string().contains("serialization: 'json'"), "{error}");
    assert!(channel.recv().unwrap().is_none());
    assert!(channel.recv().unwrap().is_none());
    assert!(!channel.is_connected());
    let sent = channel.send("anything");
    assert!(matches!(sent, Err(Error::Send(SendError::Closed))), "{sent:?}");
    peer.assert_end();
}

fn adv_8_an_unsendable_value_is_an_error_for_the_caller<D: Driver>() {
    let (channel, mut peer) = connect::<Advanced<D>>();
    let nothing_to_refer_to = Value::Reference(7);
    let error = channel.send(&nothing_to_refer_to).unwrap_err();
    assert!(matches!(error, Error::Send(SendError::Encode(FormatError::V8(_)))), "{error:?}");
    assert!(!error.to_string().contains("JSON"), "{error}");
    channel.send("next").unwrap();
    assert_eq!(peer.line(), "\"next\"");
}

fn adv_11_values_for_newer_nodes_are_sent_only_if_allowed<D: Driver>() {
    let (here, there) = connect_two::<Advanced<D>>();
    let value = Value::ResizableArrayBuffer(vec![1, 2].into(), 16);
    here.send(&value).unwrap();
    assert_eq!(there.recv().unwrap().unwrap().value().unwrap(), Value::ArrayBuffer(vec![1, 2].into()));
    here.set_v8_options(Options::new().oldest_node(20));
    here.send(&value).unwrap();
    assert_eq!(there.recv().unwrap().unwrap().value().unwrap(), value);
}

fn adv_11_a_peers_own_record_can_be_sent_back_to_it<D: Driver>() {
    let (channel, mut peer) = connect::<Advanced<D>>();
    let (other, mut other_peer) = connect::<Advanced<D>>();
    // Padded to multiples of four bytes, as we write them.
    let resizable = framed(b"\xff\x0f\0~\x02\x10\x01\x02");
    let plain = framed(b"\xff\x0f\0\0B\x02\x01\x02");
    let half = framed(b"\xff\x0f\x5c\x00\x0d\x02\x00\x3c");
    peer.write_raw(&[resizable.as_slice(), &half].concat());
    let messages = [0, 1].map(|_| channel.recv().unwrap().unwrap());
    for message in &messages {
        channel.send_payload(message.payload()).unwrap();
    }
    // Other peers get a form that they can read, if there is one.
    let [of_resizable, of_half] = messages;
    other.send_payload(of_resizable.payload()).unwrap();
    let sent = other.send_payload(of_half.payload());
    assert!(matches!(sent, Err(Error::Send(SendError::Encode(FormatError::V8(_))))), "{sent:?}");
    other.set_v8_options(Options::new().oldest_node(24));
    other.send_payload(of_resizable.payload()).unwrap();
    other.send_payload(of_half.payload()).unwrap();
    drop((channel, other));
    assert_eq!(peer.rest_as_bytes(), [resizable.as_slice(), &half].concat());
    assert_eq!(other_peer.rest_as_bytes(), [plain, resizable, half].concat());
}

fn a_message_of_the_other_serialization_is_not_forwarded<D: Driver>() {
    let (json, mut json_peer) = connect::<D>();
    let (advanced, mut advanced_peer) = connect::<Advanced<D>>();
    json_peer.write("{\"a\":1}\n");
    advanced_peer.write("{\"a\":1}\n");
    let from_json = json.recv().unwrap().unwrap();
    let from_advanced = advanced.recv().unwrap().unwrap();
    for sent in [advanced.send_payload(from_json.payload()), json.send_payload(from_advanced.payload())] {
        let error = sent.unwrap_err();
        assert!(matches!(error, Error::Send(SendError::OtherSerialization { .. })), "{error:?}");
        assert_eq!(error.code(), "ERR_INVALID_ARG_TYPE");
    }
    // The error suggests this.
    advanced.send(&from_json.value().unwrap()).unwrap();
    json.send(&from_advanced.value().unwrap()).unwrap();
    assert_eq!(advanced_peer.line(), "{\"a\":1}");
    assert_eq!(json_peer.line(), "{\"a\":1}");
}

fn hnd_1_a_handle_without_a_message_carries_undefined<D: Driver>() {
    let (channel, mut peer) = connect::<Advanced<D>>();
    let (socket, _witness) = watched();
    peer.write_with("{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\"}\n", &[socket.as_fd()]);
    let message = channel.recv().unwrap().unwrap();
    assert!(message.handle().is_some());
    assert_eq!(message.value().unwrap(), Value::Undefined);
    message.decode::<()>().unwrap();
    assert_eq!(message.decode::<Option<u8>>().unwrap(), None);
    assert_eq!(peer.line(), ACK);
}

fn hnd_1_the_message_of_a_handle_may_be_any_value<D: Driver>() {
    // A circular value numbers its objects, and is inside another object now.
    let ring =
        Value::object([("itself", Value::Reference(1)), ("bytes", Value::buffer(vec![1]))]).with_label(1);
    let (here, there) = connect_two::<Advanced<D>>();
    let (socket, _witness) = watched();
    let sender = std::thread::spawn({
        let ring = ring.clone();
        move || here.send_handle(&ring, socket).map(|()| here)
    });
    let message = there.recv().unwrap().unwrap();
    assert!(message.handle().is_some());
    assert_eq!(message.value().unwrap(), ring);
    let here = sender.join().unwrap().unwrap();
    there.send_payload(message.payload()).unwrap();
    assert_eq!(here.recv().unwrap().unwrap().value().unwrap(), ring);
}

fn the_channel_reports_its_serialization<D: Driver>() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let channel = D::from_socket_with(ours.into(), Serialization::Advanced, Limits::default()).unwrap();
    assert_eq!(channel.serialization(), Serialization::Advanced);
    let peer = Peer::speaking(Serialization::Advanced, theirs);
    peer.write("1\n");
    assert_eq!(channel.recv().unwrap().unwrap().payload().serialization(), Serialization::Advanced);
    let (channel, _peer) = connect::<D>();
    assert_eq!(channel.serialization(), Serialization::Json);
}
