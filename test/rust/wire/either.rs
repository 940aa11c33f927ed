//! Node's internal messages have the same meaning in both serializations (ADV-10).

use bytes::Bytes;
use crossfork::v8::JsString;
use crossfork::wire::control::{self, Addressee, Control, DgramType, HandleFrame, SocketKey};
use crossfork::wire::frame::content;
use crossfork::wire::{advanced, json};
use crossfork::{HandleType, Serialization};

const BOTH: [Serialization; 2] = [Serialization::Json, Serialization::Advanced];

/// The frame of a user's message.
fn message<T: serde::Serialize + ?Sized>(serialization: Serialization, value: &T) -> Vec<u8> {
    match serialization {
        Serialization::Json => json::encode(value),
        _ => advanced::encode(value, &Default::default()),
    }
    .expect("encodes")
}

fn parse(serialization: Serialization, frame: &[u8]) -> Option<Control> {
    control::parse(serialization, &Bytes::copy_from_slice(content(serialization, frame)))
}

fn handle(serialization: Serialization, frame: &[u8]) -> HandleFrame {
    match parse(serialization, frame) {
        Some(Control::Handle(frame)) => frame,
        other => panic!("{} is {other:?}", frame.escape_ascii()),
    }
}

/// Names with nothing but letters, with what JSON escapes, beyond Latin-1, and with half a
/// surrogate pair.
fn keys() -> [SocketKey; 5] {
    let lone = JsString::from_utf16(&[0x36, 0xd83d, 0x3a, 0xdc00]);
    let texts = ["4:127.0.0.1:0", "-1:/a \"b\"\\\n\u{0}:-1", "é", "\u{1F600}"];
    let [a, b, c, d] = texts.map(JsString::from);
    [a, b, c, d, lone].map(|name| SocketKey::new(name).expect("is not empty"))
}

#[test]
fn hnd_6_a_reply_is_recognized_by_its_name() {
    for serialization in BOTH {
        let ack = parse(serialization, control::handle_ack(serialization));
        assert!(matches!(ack, Some(Control::HandleAck)), "{ack:?}");
        let nack = parse(serialization, control::handle_nack(serialization));
        assert!(matches!(nack, Some(Control::HandleNack)), "{nack:?}");
    }
    // As Node writes it.
    let nodes = b"\0\0\0\x1b\xff\x0fo\"\x03cmd\"\x0fNODE_HANDLE_ACK{\x01";
    assert!(matches!(parse(Serialization::Advanced, nodes), Some(Control::HandleAck)));
}

#[test]
fn never_1_a_handle_without_a_message_omits_the_field_as_node_does() {
    for serialization in BOTH {
        for key in [None, keys().first()] {
            let frame = control::encode_handle(serialization, HandleType::NetSocket, b"", key, None);
            assert!(memchr::memmem::find(&frame, b"msg").is_none(), "{}", frame.escape_ascii());
            let read = handle(serialization, &frame);
            assert_eq!((read.wire_type.as_str(), read.message.len()), ("net.Socket", 0));
            assert_eq!(read.key.as_ref(), key);
        }
    }
}

#[test]
fn hnd_1_a_handle_message_round_trips() {
    for serialization in BOTH {
        let user = message(serialization, &[1, 2]);
        for (wire_type, dgram_type) in [
            (HandleType::NetSocket, None),
            (HandleType::NetServer, None),
            (HandleType::DgramSocket, Some(DgramType::Udp4)),
            (HandleType::DgramSocket, Some(DgramType::Udp6)),
        ] {
            for key in keys().map(Some).iter().chain([&None]) {
                let frame = control::encode_handle(serialization, wire_type, &user, key.as_ref(), dgram_type);
                let read = handle(serialization, &frame);
                assert_eq!((read.wire_type.as_str(), &read.key), (wire_type.as_str(), key));
                assert_eq!(read.addressee, Addressee::User);
                // Only Node needs the family.
                let family = [b"udp4", b"udp6"].map(|name| memchr::memmem::find(&frame, name).is_some());
                assert_eq!(
                    family,
                    [dgram_type == Some(DgramType::Udp4), dgram_type == Some(DgramType::Udp6)]
                );
            }
        }
    }
}

#[test]
fn hnd_10_a_double_wrapped_handle_is_unwrapped() {
    for serialization in BOTH {
        let user = message(serialization, "inner");
        let key = &keys()[0];
        let inner = control::encode_handle(serialization, HandleType::NetSocket, &user, Some(key), None);
        let outer = control::encode_handle(serialization, HandleType::NetNative, &inner, None, None);
        let (once, twice) = (handle(serialization, &inner), handle(serialization, &outer));
        assert_eq!((twice.wire_type.as_str(), &twice.key), ("net.Socket", &Some(key.clone())));
        assert_eq!(twice.message, once.message);
        assert_eq!(twice.addressee, Addressee::User);
        let thrice = control::encode_handle(serialization, HandleType::NetNative, &outer, None, None);
        assert_ne!(handle(serialization, &thrice).addressee, Addressee::User);
    }
}

#[test]
fn sock_1_a_key_is_the_same_in_either_serialization() {
    for key in keys() {
        for serialization in BOTH {
            let question = control::encode_get_count(serialization, &key);
            assert!(
                matches!(parse(serialization, &question), Some(Control::SocketGetCount(read)) if read == key)
            );
            let request = control::encode_notify_close(serialization, &key);
            assert!(
                matches!(parse(serialization, &request), Some(Control::SocketNotifyClose(read)) if read == key)
            );
            let answer = control::encode_socket_count(serialization, &key, 7);
            assert!(
                matches!(parse(serialization, &answer), Some(Control::SocketCount(read, 7)) if read == key)
            );
            let answer = control::encode_all_closed(serialization, &key);
            assert!(
                matches!(parse(serialization, &answer), Some(Control::SocketAllClosed(read)) if read == key)
            );
        }
    }
    assert_eq!(SocketKey::new(JsString::from("")), None, "JavaScript calls it false");
}

#[test]
fn int_1_a_reserved_cmd_is_reported_and_others_belong_to_the_user() {
    #[derive(serde::Serialize)]
    struct Message<'a> {
        first: [u8; 2],
        cmd: &'a str,
    }
    for serialization in BOTH {
        for (cmd, reserved) in [
            ("NODE_X", true),
            ("NODE_é\u{1F600}", true),
            ("NODE_", false),
            ("node_x", false),
            ("XNODE_X", false),
        ] {
            let frame = message(serialization, &Message { first: [0; 2], cmd });
            let named = control::reserved_cmd(serialization, &frame);
            assert_eq!(named.as_deref(), reserved.then_some(cmd));
            assert_eq!(matches!(parse(serialization, &frame), Some(Control::Other)), reserved);
        }
        for other in [message(serialization, "NODE_X"), message(serialization, &[("cmd", "NODE_X")])] {
            assert_eq!(control::reserved_cmd(serialization, &other), None);
            assert!(parse(serialization, &other).is_none());
        }
    }
}

#[test]
fn hnd_6_a_truncated_handle_message_is_recognized_at_any_cut() {
    for serialization in BOTH {
        let user = message(serialization, "x");
        let frame = control::encode_handle(serialization, HandleType::NetServer, &user, None, None);
        let whole = content(serialization, &frame);
        let cmd = memchr::memmem::find(whole, b"NODE_HANDLE").expect("is there") + "NODE_HANDLE".len();
        for cut in 0..=whole.len() {
            let known = control::begins_handle(serialization, &whole[..cut]);
            // JSON has a quotation mark behind it.
            let enough = cut >= cmd + usize::from(serialization == Serialization::Json);
            assert_eq!(known, enough, "cut at {cut}");
        }
        let ack = control::handle_ack(serialization);
        assert!(!control::begins_handle(serialization, content(serialization, ack)));
    }
}
