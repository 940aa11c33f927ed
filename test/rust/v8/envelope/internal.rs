//! Which messages are internal (INT-1).

use crossfork::Serialization;
use crossfork::v8::{JsString, SparseArray, Value};
use crossfork::wire::control::{self, Control, SocketKey, advanced};

use super::{content, encoded, parse};
use crate::kit::{empty, hex, js, record, varint};

/// `6f 2203 636d64 …`, in the letters of the test.
fn cmd_is(value: &str) -> Vec<u8> {
    record(&format!("6f 2203636d64 {value} 7b01"))
}

fn is_internal(record: &[u8]) -> bool {
    parse(record).is_some()
}

fn node_x() -> Value {
    "NODE_X".into()
}

fn array(length: u32, properties: Vec<(JsString, Value)>) -> Value {
    Value::SparseArray(Box::new(SparseArray { length, properties }))
}

#[test]
fn int_1_a_message_is_internal_if_its_cmd_begins_with_node_and_continues() {
    let object = |fields: Vec<(&str, Value)>| encoded(&Value::object(fields));
    for cmd in ["NODE_X", "NODE__", "NODE_ ", "NODE_\u{e9}", "NODE_\u{20ac}", "NODE_\0", "NODE_HANDLEX"] {
        assert!(is_internal(&object(vec![("cmd", cmd.into())])), "{cmd}");
    }
    for record in [
        // Not first, and among other fields.
        object(vec![
            ("a", Value::Map(vec![(1.into(), empty())])),
            ("cmd", node_x()),
            ("z", Value::buffer("xyz")),
        ]),
        object(vec![("a", "cmd".into()), ("cmd", node_x())]),
        object(vec![("0", 1.into()), ("4294967294", 1.into()), ("cmd", node_x())]),
        object(vec![
            ("a", JsString::from_utf16(&[0xd800]).into()),
            ("cmd", JsString::from_utf16(&"NODE_".encode_utf16().chain([0xd800]).collect::<Vec<_>>()).into()),
        ]),
        encoded(&Value::Object(vec![(JsString::from_utf16(&[0xd800]), 1.into()), (js("cmd"), node_x())])),
        // Node accepts an array with properties, or a native object, like any object.
        encoded(&array(0, vec![(js("cmd"), node_x())])),
        encoded(&array(2, vec![(js("0"), 1.into()), (js("1"), empty()), (js("cmd"), node_x())])),
        encoded(&array(9, vec![(js("3"), empty()), (js("cmd"), node_x())])),
        encoded(&Value::HostObject(vec![(js("cmd"), node_x())])),
        // A circular or shared object.
        encoded(&Value::object([("self", Value::Reference(1)), ("cmd", node_x())]).with_label(1)),
        // In other encodings: two bytes per character, UTF-8, and padding anywhere.
        cmd_is("63 0c 4e004f00440045005f005800"),
        cmd_is("53 06 4e4f44455f58"),
        record("6f 6306 63006d006400 22064e4f44455f58 7b01"),
        record("6f 5303 636d64 22064e4f44455f58 7b01"),
        record("0000 6f 00 2203636d64 000000 22064e4f44455f58 00 7b01"),
        record("4102 2d 6f7b00 00 2203636d64 22064e4f44455f58 240102"),
        // A longer header, which V8 reads.
        hex("ff8f00 6f 2203636d64 22064e4f44455f58 7b01"),
        // The last of several counts, as in JSON; Node reads neither.
        record("6f 2203636d64 220178 2203636d64 22064e4f44455f58 7b02"),
        record("6f 2203636d64 30 2203636d64 22064e4f44455f58 7b02"),
    ] {
        assert!(is_internal(&record), "{} is Node's own", record.escape_ascii());
    }
}

#[test]
fn int_1_every_other_message_is_ordinary() {
    let object = |fields: Vec<(&str, Value)>| encoded(&Value::object(fields));
    for cmd in
        ["NODE_", "NODE", "", "node_x", "Node_X", " NODE_X", "XNODE_X", "\u{ff}NODE_X", "\u{20ac}NODE_X"]
    {
        assert!(!is_internal(&object(vec![("cmd", cmd.into())])), "{cmd}");
    }
    for record in [
        object(vec![("CMD", node_x())]),
        object(vec![("cmd ", node_x())]),
        object(vec![("cmd", vec![node_x()].into())]),
        object(vec![("cmd", Value::StringObject("NODE_X".into()))]),
        object(vec![("cmd", Value::Null), ("x", node_x())]),
        object(vec![("a", Value::object([("cmd", node_x())]))]),
        object(vec![("msg", Value::object([("cmd", "NODE_HANDLE".into())]))]),
        object(vec![("NODE_X", "cmd".into())]),
        encoded(&Value::object([("cmd\u{20ac}", node_x())])),
        // Elements, entries and parts are not properties.
        encoded(&Value::from(vec![Value::object([("cmd", node_x())])])),
        encoded(&vec!["cmd", "NODE_X"].into()),
        encoded(&array(5, vec![(js("1"), node_x()), (js("x"), "cmd".into())])),
        encoded(&Value::Map(vec![("cmd".into(), node_x())])),
        encoded(&Value::Set(vec!["cmd".into(), node_x()])),
        encoded(&Value::error(Default::default(), "NODE_X")),
        encoded(&Value::buffer("\"\x03cmd\"\x06NODE_X")),
        encoded(&node_x()),
        encoded(&Value::Undefined),
        encoded(&empty()),
        record("6f 2203636d64 22064e4f44455f58 2203636d64 30 7b02"),
        // Not this key, although its bytes are the same: 25444 would be an index.
        record("6f 49c88c03 22064e4f44455f58 7b01"),
    ] {
        assert!(!is_internal(&record), "{} is the user's", record.escape_ascii());
    }
}

#[test]
fn adv_2_an_invalid_record_is_not_internal() {
    let good = cmd_is("22064e4f44455f58");
    assert!(is_internal(&good));
    for end in 0..good.len() {
        assert!(!is_internal(&good[..end]), "{end}");
    }
    for bad in [
        [&good[..], b"\0"].concat(),
        [&good[..], b"_"].concat(),
        record("6f 2203636d64 22064e4f44455f58 7b02"),
        record("6f 2203636d64 22064e4f44455f58 22 7b01"),
        record("4100 2203636d64 22064e4f44455f58 240101"),
        record("6105 2203636d64 22064e4f44455f58 400104"),
        record("5c01 30"),
        hex("ff10 6f 2203636d64 22064e4f44455f58 7b01"),
        hex("6f 2203636d64 22064e4f44455f58 7b01"),
    ] {
        assert!(!is_internal(&bad), "{}", bad.escape_ascii());
    }
}

/// Large records are walked, not searched. `cmd` may be before or after the large part.
#[test]
fn int_1_large_internal_messages_are_recognized() {
    for size in [200 << 10, 300 << 10, 2 << 20] {
        let blob = || [hex("2201 78 5c000a"), varint(size), vec![b'x'; size as usize]].concat();
        let cmd = hex("2203636d64 22064e4f44455f58");
        for parts in [[blob(), cmd.clone()], [cmd.clone(), blob()]] {
            let large = [record("6f"), parts.concat(), hex("7b02")].concat();
            assert!(advanced::parse(&large.clone().into()).is_some(), "{size}");
            assert_eq!(advanced::reserved_cmd(&large).as_deref(), Some("NODE_X"));
        }
        let without = [record("6f"), blob(), hex("7b01")].concat();
        assert!(advanced::parse(&without.into()).is_none());
        // An ordinary array of that size is not walked at all.
        let array =
            [record("41"), varint(size), vec![b'0'; size as usize], hex("2400"), varint(size)].concat();
        assert!(!advanced::may_be_internal(&array));
    }
}

#[test]
fn int_1_the_error_names_the_refused_cmd() {
    let cmd = |cmd: &str| advanced::reserved_cmd(&encoded(&Value::object([("cmd", cmd.into())])));
    assert_eq!(cmd("NODE_X\u{20ac}").as_deref(), Some("NODE_X\u{20ac}"));
    assert_eq!(cmd("NODE_"), None);
    let lone = JsString::from_utf16(&"NODE_".encode_utf16().chain([0xd800]).collect::<Vec<_>>());
    let lone = encoded(&Value::object([("cmd", Value::String(lone))]));
    assert_eq!(advanced::reserved_cmd(&lone).as_deref(), Some("NODE_\u{fffd}"));
}

#[test]
fn int_2_every_command_is_recognized_and_unknown_ones_are_discarded() {
    let of = |cmd: &str, fields: Vec<(&str, Value)>| {
        let cmd = ("cmd", Value::from(cmd));
        parse(&encoded(&Value::object([cmd].into_iter().chain(fields))))
    };
    let key = || ("key", Value::from("4:127.0.0.1:0"));
    let keyed = |of: &SocketKey| *of.name() == "4:127.0.0.1:0";
    assert!(matches!(of("NODE_HANDLE", vec![]), Some(Control::Handle(_))));
    assert!(matches!(of("NODE_HANDLE_ACK", vec![]), Some(Control::HandleAck)));
    assert!(matches!(of("NODE_HANDLE_NACK", vec![("x", 1.into())]), Some(Control::HandleNack)));
    let count = of("NODE_SOCKET_GET_COUNT", vec![key()]);
    assert!(matches!(count, Some(Control::SocketGetCount(of)) if keyed(&of)));
    let notify = of("NODE_SOCKET_NOTIFY_CLOSE", vec![key()]);
    assert!(matches!(notify, Some(Control::SocketNotifyClose(of)) if keyed(&of)));
    let closed = of("NODE_SOCKET_ALL_CLOSED", vec![key()]);
    assert!(matches!(closed, Some(Control::SocketAllClosed(of)) if keyed(&of)));
    for (count, n) in [(0.0, 0), (-0.0, 0), (7.0, 7), (4294967296.0, 1 << 32)] {
        let count = of("NODE_SOCKET_COUNT", vec![key(), ("count", count.into())]);
        assert!(matches!(count, Some(Control::SocketCount(of, m)) if keyed(&of) && m == n));
    }
    let online = vec![("act", "online".into()), ("seq", 0.into())];
    assert!(matches!(of("NODE_CLUSTER", online), Some(Control::Cluster)));
    for (cmd, fields) in [
        ("NODE_SOCKET_GET_COUNT", vec![]),
        ("NODE_SOCKET_GET_COUNT", vec![("key", "".into())]),
        ("NODE_SOCKET_NOTIFY_CLOSE", vec![("key", 7.into())]),
        ("NODE_SOCKET_COUNT", vec![key()]),
        ("NODE_SOCKET_COUNT", vec![key(), ("count", (-1).into())]),
        ("NODE_SOCKET_COUNT", vec![key(), ("count", 1.5.into())]),
        ("NODE_SOCKET_COUNT", vec![key(), ("count", f64::NAN.into())]),
        ("NODE_SOCKET_COUNT", vec![key(), ("count", "1".into())]),
        ("NODE_SOCKET_ALL_CLOSED", vec![]),
        ("NODE_DEBUG_ENABLED", vec![]),
        ("NODE_HANDLE_", vec![]),
        ("NODE_NEW_IN_NODE_30", vec![]),
    ] {
        assert!(matches!(of(cmd, fields), Some(Control::Other)), "{cmd}");
    }
}

#[test]
fn sock_1_hnd_6_our_internal_messages_are_parsed_correctly() {
    let mode = Serialization::Advanced;
    let keys = ["4:127.0.0.1:0", "\u{e9}", "\u{20ac}"].map(js);
    for key in keys.into_iter().chain([JsString::from_utf16(&[0x61, 0xd800])]) {
        let key = SocketKey::new(key).expect("is not empty");
        let said = |frame: Vec<u8>| parse(content(&frame));
        assert!(
            matches!(said(control::encode_get_count(mode, &key)), Some(Control::SocketGetCount(k)) if k == key)
        );
        assert!(
            matches!(said(control::encode_notify_close(mode, &key)), Some(Control::SocketNotifyClose(k)) if k == key)
        );
        assert!(
            matches!(said(control::encode_all_closed(mode, &key)), Some(Control::SocketAllClosed(k)) if k == key)
        );
        for count in [0, 1, 1 << 31, 1 << 40] {
            let frame = control::encode_socket_count(mode, &key, count);
            assert!(matches!(said(frame), Some(Control::SocketCount(k, n)) if k == key && n == count));
        }
    }
    assert!(matches!(parse(content(control::handle_ack(mode))), Some(Control::HandleAck)));
    assert!(matches!(parse(content(control::handle_nack(mode))), Some(Control::HandleNack)));
    let of = |frame: &[u8]| Value::decode(content(frame)).expect("decodes").to_string();
    assert_eq!(of(control::handle_ack(mode)), "{ cmd: 'NODE_HANDLE_ACK' }");
    let key = SocketKey::new(js("k")).expect("is not empty");
    assert_eq!(
        of(&control::encode_socket_count(mode, &key, 2)),
        "{ cmd: 'NODE_SOCKET_COUNT', key: 'k', count: 2 }"
    );
}
