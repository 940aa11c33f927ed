//! The content and the encoding of a `NODE_HANDLE` as JSON (HND-1, HND-10, SOCK-1).

use bytes::Bytes;
use crossfork::HandleType;
use crossfork::v8::JsString;
use crossfork::wire::control::{Addressee, Control, DgramType, HandleFrame, SocketKey, json};

fn frame(line: impl AsRef<[u8]>) -> HandleFrame {
    let line = Bytes::copy_from_slice(line.as_ref());
    match json::parse(&line) {
        Some(Control::Handle(frame)) => frame,
        other => panic!("{} is {other:?}", line.escape_ascii()),
    }
}

fn key(text: &str) -> SocketKey {
    frame(format!(r#"{{"cmd":"NODE_HANDLE","key":{text}}}"#)).key.expect("a key")
}

/// Its type and its message.
fn read(line: impl AsRef<[u8]>) -> (String, String) {
    let frame = frame(line);
    (frame.wire_type, String::from_utf8_lossy(&frame.message).into_owned())
}

fn pair(wire_type: &str, message: &str) -> (String, String) {
    (wire_type.into(), message.into())
}

#[test]
fn hnd_1_fields_are_read_in_any_order_and_the_message_is_extracted_unchanged() {
    let node = r#"{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{"a":[1.0, 2e3 ]},"key":"4::0"}"#;
    assert_eq!(read(node), pair("net.Socket", r#"{"a":[1.0, 2e3 ]}"#));
    let other = r#"{ "key" : "4::0", "msg" : "\ud800" , "x":{}, "type" : "net.Native","cmd":"NODE_HANDLE" }"#;
    assert_eq!(read(other), pair("net.Native", r#""\ud800""#));
    assert_eq!(frame(node).key, frame(other).key);
    assert_eq!(frame(node).addressee, Addressee::User);
}

#[test]
fn hnd_1_a_missing_message_or_type_is_empty() {
    assert_eq!(read(r#"{"cmd":"NODE_HANDLE"}"#), pair("", ""));
    assert_eq!(read(r#"{"cmd":"NODE_HANDLE","type":["net.Socket"],"msg":null}"#), pair("", "null"));
}

#[test]
fn hnd_1_a_type_may_be_escaped_or_unknown() {
    assert_eq!(read(r#"{"cmd":"NODE_HANDLE","type":"net\u002eServer"}"#).0, "net.Server");
    assert_eq!(read(r#"{"cmd":"NODE_HANDLE","type":"tls.Socket"}"#).0, "tls.Socket");
    assert_eq!(HandleType::from_name("tls.Socket"), None);
}

#[test]
fn hnd_1_the_last_of_a_repeated_field_counts() {
    let twice = r#"{"cmd":"NODE_HANDLE","type":"a","msg":1,"key":"k","type":"b","msg":2,"key":""}"#;
    assert_eq!(read(twice), pair("b", "2"));
    assert_eq!(frame(twice).key, None);
}

#[test]
fn hnd_1_the_addressee_of_an_internal_message_is_recognized() {
    let newconn = r#"{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_CLUSTER","act":"newconn"}}"#;
    assert_ne!(frame(newconn).addressee, Addressee::User);
    assert_eq!(
        frame(r#"{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_"}}"#).addressee,
        Addressee::User
    );
    assert_eq!(
        frame(r#"{"cmd":"NODE_HANDLE","type":"net.Native","msg":"NODE_CLUSTER"}"#).addressee,
        Addressee::User
    );
}

#[test]
fn hnd_10_a_retransmission_by_node_is_unwrapped() {
    let inner = r#"{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{"a":1},"key":"4:127.0.0.1:0"}"#;
    let outer = format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Native","msg":{inner}}}"#);
    let (single, double) = (frame(inner), frame(&outer));
    assert_eq!(double.wire_type, single.wire_type);
    assert_eq!(double.message, single.message);
    assert_eq!(double.key, single.key);
    assert_eq!(double.addressee, Addressee::User);
    // No peer wraps more often: the inner message is internal, not the user's.
    assert_ne!(
        frame(format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Native","msg":{outer}}}"#)).addressee,
        Addressee::User
    );
}

#[test]
fn hnd_10_only_a_handle_message_is_unwrapped() {
    for message in [r#"{"cmd":"NODE_"}"#, r#""NODE_HANDLE""#, r#"[{"cmd":"NODE_HANDLE"}]"#, r#"{"cmd":"x"}"#]
    {
        let line = format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Native","msg":{message}}}"#);
        assert_eq!(read(line), pair("net.Native", message));
    }
}

#[test]
fn ser_6_invalid_utf_8_in_a_handle_message_reads_as_node_reads_it() {
    let line = b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\",\"msg\":\"a\xffb\",\"key\":\"4::0\"}";
    assert_eq!(read(line), pair("net.Socket", "\"a\u{fffd}b\""));
    assert_eq!(frame(line).key, Some(key("\"4::0\"")));
}

#[test]
fn sock_1_a_key_is_any_truthy_string() {
    let with = |key: &str| frame(format!(r#"{{"cmd":"NODE_HANDLE","msg":1,"key":{key}}}"#)).key;
    assert!(with(r#""-1:/tmp/\"odd\"\u0020path:-1""#).is_some());
    for none in [r#""""#, "null", "false", "0", "{}"] {
        assert_eq!(with(none), None, "{none}");
    }
}

#[test]
fn sock_1_equal_keys_are_equal_in_any_escaping() {
    assert_eq!(key(r#""-1:/a\u002fb:-1""#), key(r#""-1:/a/b:-1""#));
    assert_eq!(Some(key(r#""6:::8080""#)), SocketKey::new(JsString::from("6:::8080")));
    let lone = [0x61, 0xd800, 0x62, 0xdc00, 0xd83d, 0xde00, 0xdbff, 0xdbff];
    assert_eq!(
        Some(key(r#""a\ud800b\uDC00\ud83d\ude00\udbff\udbff""#)),
        SocketKey::new(JsString::from_utf16(&lone))
    );
    assert_ne!(key(r#""\ud800""#), key(r#""\ud801""#));
}

#[test]
fn hnd_1_frames_have_the_same_bytes_as_nodes() {
    let write = |t, m: &[u8], k: Option<&SocketKey>, d| {
        String::from_utf8(json::encode_handle(t, m, k, d)).expect("UTF-8")
    };
    assert_eq!(
        write(HandleType::NetServer, b"{\"a\":1}", None, None),
        "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\",\"msg\":{\"a\":1}}\n"
    );
    assert_eq!(
        write(HandleType::NetSocket, b"1", Some(&key(r#""4:127.0.0.1:0""#)), None),
        "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\",\"msg\":1,\"key\":\"4:127.0.0.1:0\"}\n"
    );
    assert_eq!(
        write(HandleType::DgramSocket, b"null", None, Some(DgramType::Udp6)),
        "{\"cmd\":\"NODE_HANDLE\",\"type\":\"dgram.Socket\",\"msg\":null,\"dgramType\":\"udp6\"}\n"
    );
    assert_eq!(
        write(HandleType::DgramSocket, b"null", None, Some(DgramType::Udp4)),
        "{\"cmd\":\"NODE_HANDLE\",\"type\":\"dgram.Socket\",\"msg\":null,\"dgramType\":\"udp4\"}\n"
    );
}

#[test]
fn hnd_1_every_type_has_its_name() {
    for name in ["net.Socket", "net.Server", "net.Native", "dgram.Socket", "dgram.Native", "net.BoundSocket"]
    {
        assert_eq!(HandleType::from_name(name).map(HandleType::as_str), Some(name));
    }
}

#[test]
fn sock_3_sock_4_answers_carry_the_key_as_node_writes_it() {
    let answer = |key: &SocketKey, count| {
        String::from_utf8(json::encode_socket("NODE_SOCKET_COUNT", key, count)).expect("UTF-8")
    };
    assert_eq!(
        answer(&key(r#""-1:/a\u002fb:-1""#), Some(2)),
        "{\"cmd\":\"NODE_SOCKET_COUNT\",\"key\":\"-1:/a/b:-1\",\"count\":2}\n"
    );
    for (odd, written) in [
        (r#""\"\\""#, r#""\"\\""#),
        (r#""\u0000\u001f\u0020""#, r#""\u0000\u001f ""#),
        (r#""\ud800x\uDFFF""#, r#""\ud800x\udfff""#),
        (r#""\u00e9\ud83d\ude00\u2028""#, "\"\u{e9}\u{1F600}\u{2028}\""),
    ] {
        let frame = answer(&key(odd), None);
        assert_eq!(frame, format!("{{\"cmd\":\"NODE_SOCKET_COUNT\",\"key\":{written}}}\n"));
        assert_eq!(key(written), key(odd));
    }
}

#[test]
fn hnd_6_the_replies_have_the_same_bytes_as_nodes() {
    assert_eq!(json::HANDLE_ACK, b"{\"cmd\":\"NODE_HANDLE_ACK\"}\n");
    assert_eq!(json::HANDLE_NACK, b"{\"cmd\":\"NODE_HANDLE_NACK\"}\n");
}

#[test]
fn hnd_6_a_truncated_handle_message_is_recognized_at_any_cut() {
    let line = br#"{"cmd":"NODE_HANDLE","type":"net.Socket","msg":"xxxxxxxx"}"#;
    let cmd = br#"{"cmd":"NODE_HANDLE""#.len();
    for cut in 0..=line.len() {
        assert_eq!(json::begins_handle(&line[..cut]), cut >= cmd, "cut at {cut}");
    }
    for other in
        [&b"{\"cmd\":\"NODE_HANDLE_ACK\",\"pad\":\"x"[..], b"{\"msg\":{\"cmd\":\"NODE_HANDLE\",", b"[\"cmd\""]
    {
        assert!(!json::begins_handle(other), "{}", other.escape_ascii());
    }
}
