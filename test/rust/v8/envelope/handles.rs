//! The content and the encoding of a `NODE_HANDLE` (HND-1, HND-10, SOCK-1).

use bytes::Bytes;
use crossfork::HandleType;
use crossfork::v8::{Kind, MAX_DEPTH, Value};
use crossfork::wire::control::{Addressee, Control, DgramType, SocketKey, advanced as control};
use proptest::prelude::*;

use super::{content, encoded, envelope, handle};
use crate::kit::{empty, hex, js, newest, record, varint};
use crate::{arbitrary, meter};

fn net_socket() -> Value {
    "net.Socket".into()
}

/// The user's message in a handle's record.
fn message(record: &[u8]) -> Value {
    Value::decode(&handle(record).message).expect("the message is a record")
}

fn wrapped(message: &[u8]) -> Vec<u8> {
    let frame = control::encode_handle(HandleType::NetSocket, message, None, None);
    content(&frame).to_vec()
}

#[test]
fn hnd_1_fields_are_read_in_any_order_and_the_message_is_extracted_unchanged() {
    let user = Value::object([("a", Value::Map(vec![(1.into(), Value::Undefined)]))]);
    let node = envelope([("type", net_socket()), ("msg", user.clone()), ("key", "4::0".into())]);
    let read = handle(&node);
    assert_eq!(read.wire_type, "net.Socket");
    assert_eq!(read.message, encoded(&user));
    assert_eq!(read.key, SocketKey::new(js("4::0")));
    assert_eq!(read.addressee, Addressee::User);
    let fields = [
        ("key", "4::0".into()),
        ("x", empty()),
        ("msg", user.clone()),
        ("type", "net.Native".into()),
        ("cmd", "NODE_HANDLE".into()),
    ];
    let other = handle(&encoded(&Value::object(fields)));
    assert_eq!((other.wire_type.as_str(), other.message, other.key), ("net.Native", read.message, read.key));
}

#[test]
fn hnd_1_a_missing_or_undefined_message_is_empty() {
    assert_eq!(handle(&envelope([])).message, b"".as_slice());
    assert_eq!(handle(&envelope([("msg", Value::Undefined)])).message, b"".as_slice());
    assert_eq!(handle(&envelope([("msg", Value::Null)])).message, record("30"));
    // Padding before it does not change that.
    let padded = record("6f 2203636d64 220b4e4f44455f48414e444c45 22036d7367 00 5f 7b02");
    assert_eq!(message(&padded), Value::Undefined);
}

#[test]
fn hnd_1_a_type_or_key_that_is_not_a_string_is_ignored() {
    let odd = handle(&envelope([("type", 7.into()), ("key", Value::StringObject("k".into()))]));
    assert_eq!((odd.wire_type.as_str(), odd.key), ("", None));
    assert_eq!(handle(&envelope([("key", "".into())])).key, None);
    assert_eq!(handle(&envelope([("type", "t\u{20ac}".into())])).wire_type, "t\u{20ac}");
}

/// Node reads neither; we take the last readable one.
#[test]
fn hnd_1_the_last_of_a_repeated_field_counts() {
    let cmd = "2203636d64 220b4e4f44455f48414e444c45";
    let twice = record(&format!(
        "6f {cmd} 22036d7367 4902 220474797065 220161 22036d7367 4904 220474797065 220162 7b05"
    ));
    assert_eq!(handle(&twice).wire_type, "b");
    assert_eq!(message(&twice), 2.into());
}

/// In its own record the message's objects count from 0, and in the envelope from 1 (ADV-6).
#[test]
fn hnd_1_references_inside_a_message_stay_correct() {
    let shared = || Value::object([("k", 1.into())]).with_label(1);
    let circular = Value::object([("self", Value::Reference(1))]).with_label(1);
    let native = Value::HostObject(vec![(js("self"), Value::Reference(1))]).with_label(1);
    for user in [Value::Array(vec![shared(), Value::Reference(1)]), circular, native] {
        let alone = encoded(&user);
        let envelope = wrapped(&alone);
        assert_eq!(handle(&envelope).message, alone);
        let read = Value::decode(&envelope).expect("decodes");
        assert_eq!(read.get("msg"), Some(&user), "{read}");
        // Also after other objects.
        let (before, behind) =
            (("before", Value::from(vec![empty(), Value::Date(0.0)])), ("behind", empty()));
        let fields = [("cmd", "NODE_HANDLE".into()), before, ("msg", user.clone()), behind];
        assert_eq!(message(&encoded(&Value::object(fields))), user);
    }
    // Two hundred objects before it, so that the numbers differ in size.
    let many = Value::from(vec![empty(); 200]);
    let user = Value::Array(vec![shared(), Value::Reference(1)]);
    let fields = [("cmd", "NODE_HANDLE".into()), ("before", many), ("msg", user.clone())];
    assert_eq!(message(&encoded(&Value::object(fields))), user);
    let inside = Value::from(vec![Value::from(vec![empty(); 127]), user]);
    assert_eq!(message(&wrapped(&encoded(&inside))), inside);
}

/// Bytes inside strings and buffers may look like references.
#[test]
fn hnd_1_bytes_that_look_like_a_reference_are_unchanged() {
    for user in [
        Value::from("^\0^\u{1}^"),
        Value::buffer("^^^^\0\0"),
        Value::from(vec![Value::buffer("^\0"), empty().with_label(1), "^^".into(), Value::Reference(1)]),
        Value::object([("^", Value::Number(f64::from_le_bytes(*b"^\0^\0^\0^\0")))]),
    ] {
        let alone = encoded(&user);
        assert_eq!(handle(&wrapped(&alone)).message, alone, "{user}");
    }
}

#[test]
fn hnd_1_a_message_that_refers_to_its_envelope_is_an_error() {
    let cmd = "2203636d64 220b4e4f44455f48414e444c45";
    for text in [
        format!("6f {cmd} 22036d7367 5e00 7b02"),
        format!("6f {cmd} 220178 6f7b00 22036d7367 4101 5e01 240001 7b03"),
    ] {
        let error = Value::decode(&handle(&record(&text)).message).expect_err("it has no envelope any more");
        assert!(matches!(error.kind(), Kind::NoSuchObject(_)), "{error}");
    }
    // A reference to the message from outside does not matter.
    let text = format!("6f {cmd} 22036d7367 6f7b00 220178 5e01 7b03");
    assert_eq!(message(&record(&text)), empty());
}

#[test]
fn hnd_10_a_retransmission_by_node_is_unwrapped() {
    let shared = Value::Array(vec![empty().with_label(1), Value::Reference(1)]);
    for user in [Value::object([("a", 1.into())]), shared, Value::Undefined] {
        let inner = |user: &Value| {
            let fields = [
                ("cmd", "NODE_HANDLE".into()),
                ("type", net_socket()),
                ("msg", user.clone()),
                ("key", "4:127.0.0.1:0".into()),
            ];
            Value::object(fields)
        };
        let (single, outer) =
            (encoded(&inner(&user)), envelope([("type", "net.Native".into()), ("msg", inner(&user))]));
        let (single, double) = (handle(&single), handle(&outer));
        assert_eq!(double.wire_type, "net.Socket");
        assert_eq!(double.message, single.message);
        assert_eq!(double.key, single.key);
        assert_eq!(double.addressee, Addressee::User);
        // No peer wraps more often: the inner message is internal, not the user's.
        let twice = Value::decode(&outer).expect("decodes");
        assert_eq!(
            handle(&envelope([("type", "net.Native".into()), ("msg", twice)])).addressee,
            Addressee::Nobody
        );
    }
    for message in
        [Value::object([("cmd", "NODE_".into())]), "NODE_HANDLE".into(), Value::object([("cmd", "x".into())])]
    {
        let read = handle(&envelope([("type", "net.Native".into()), ("msg", message.clone())]));
        assert_eq!((read.wire_type.as_str(), read.addressee), ("net.Native", Addressee::User));
        assert_eq!(read.message, encoded(&message));
    }
    let newconn = Value::object([("cmd", "NODE_CLUSTER".into()), ("act", "newconn".into())]);
    let newconn = handle(&envelope([("type", "net.Native".into()), ("msg", newconn)]));
    assert_eq!(newconn.addressee, Addressee::Cluster);
}

#[test]
fn hnd_1_frames_have_the_same_bytes_as_nodes() {
    let user = encoded(&Value::object([("a", 1.into())]));
    let key = SocketKey::new(js("4:127.0.0.1:0"));
    let of = |wire_type, key: Option<&SocketKey>, dgram_type| {
        let frame = control::encode_handle(wire_type, &user, key, dgram_type);
        Value::decode(content(&frame)).expect("decodes").to_string()
    };
    assert_eq!(
        of(HandleType::NetServer, None, None),
        "{ cmd: 'NODE_HANDLE', type: 'net.Server', msg: { a: 1 } }"
    );
    assert_eq!(
        of(HandleType::NetSocket, key.as_ref(), None),
        "{ cmd: 'NODE_HANDLE', type: 'net.Socket', msg: { a: 1 }, key: '4:127.0.0.1:0' }"
    );
    assert_eq!(
        of(HandleType::DgramSocket, None, Some(DgramType::Udp4)),
        "{ cmd: 'NODE_HANDLE', type: 'dgram.Socket', msg: { a: 1 }, dgramType: 'udp4' }"
    );
}

/// An unfinished handle message needs its reply too (HND-6): it is recognized by its beginning.
#[test]
fn hnd_6_a_handle_message_is_recognized_by_its_beginning() {
    let whole = envelope([("type", net_socket()), ("msg", "x".repeat(1000).into())]);
    let known = 2 + 1 + 2 + 3 + 2 + "NODE_HANDLE".len();
    for end in 0..=whole.len() {
        assert_eq!(control::begins_handle(&whole[..end]), end >= known, "{end}");
    }
    let ack = encoded(&Value::object([("cmd", "NODE_HANDLE_ACK".into()), ("x", "x".repeat(100).into())]));
    assert!((0..=ack.len()).all(|end| !control::begins_handle(&ack[..end])));
    // Elements of an array come before its properties.
    let array = record("4102 4902 4904 2203636d64 220b4e4f44455f48414e444c45 220178");
    assert!(control::begins_handle(&array));
    assert!(!control::begins_handle(&array[..10]));
}

/// The envelope does not count for the depth of the message.
#[test]
fn hnd_1_the_deepest_message_can_be_sent_with_a_handle() {
    let mut user = Value::Array(vec![empty().with_label(1), Value::Reference(1)]);
    while let Ok(record) = Value::from(vec![user.clone()]).encode(&newest()) {
        user = Value::decode(&record).expect("decodes");
    }
    let alone = encoded(&user);
    assert!(
        Value::from(vec![user.clone()]).encode(&newest()).is_err_and(|e| e.kind() == &Kind::TooDeep),
        "{MAX_DEPTH}"
    );
    let single = wrapped(&alone);
    let read = control::parse(&Bytes::from(single.clone()));
    assert!(matches!(read, Some(Control::Handle(frame)) if frame.message == alone));
    let double = control::encode_handle(HandleType::NetNative, &single, None, None);
    let read = control::parse(&Bytes::copy_from_slice(content(&double)));
    assert!(matches!(read, Some(Control::Handle(frame)) if frame.message == alone));
}

#[test]
fn hnd_1_a_large_message_is_copied_once() {
    let length = 16 << 20;
    let user = [record("5c000a"), varint(length), vec![b'^'; length as usize]].concat();
    let envelope = Bytes::from(wrapped(&user));
    let most = meter::most(|| control::parse(&envelope).expect("is a handle"));
    assert!(most < length as usize + 4096, "{most} bytes");
    assert_eq!(hex("5e"), b"^");
}

proptest! {
    #[test]
    fn hnd_1_any_message_survives_its_envelope(words in prop::collection::vec(any::<u32>(), 0..300)) {
        let user = arbitrary::value(&words, false);
        let alone = encoded(&user);
        for wire_type in [HandleType::NetSocket, HandleType::NetNative] {
            let key = SocketKey::new("4:127.0.0.1:0".into()).expect("is not empty");
            let frame = control::encode_handle(wire_type, &alone, Some(&key), None);
            let read = handle(content(&frame));
            prop_assert_eq!(read.wire_type, wire_type.as_str());
            prop_assert_eq!(read.key, Some(key));
            let expected = if user == Value::Undefined { Vec::new() } else { alone.clone() };
            prop_assert_eq!(&read.message, &expected);
            // As Node sends it again (HND-9).
            let again = control::encode_handle(HandleType::NetNative, content(&frame), None, None);
            prop_assert_eq!(&handle(content(&again)).message, &expected);
        }
    }
}
