//! Which JSON messages are internal (INT-1).

use bytes::Bytes;
use crossfork::wire::control::{Control, json};

fn is_internal(line: &[u8]) -> bool {
    let parsed = json::parse(&Bytes::copy_from_slice(line)).is_some();
    if parsed {
        assert!(json::may_be_internal(line), "may_be_internal missed {}", line.escape_ascii());
    }
    if let Ok(text) = std::str::from_utf8(line) {
        let reserved = json::reserved_cmd(line).is_some();
        assert_eq!(reserved, parsed, "receiving and refusing disagree for {text}");
    }
    parsed
}

const INTERNAL: &[&str] = &[
    r#"{"cmd":"NODE_X"}"#,
    r#"{"cmd":"NODE__"}"#,
    r#"{"cmd":"NODE_ "}"#,
    r#"{"cmd":"NODE_é"}"#,
    r#"{"cmd":"NODE_HANDLEX","type":"net.Socket"}"#,
    // Not first, and among other fields.
    r#"{"a":[1,{"b":"}"}],"cmd":"NODE_X","z":null}"#,
    r#"{"a":"cmd","cmd":"NODE_X"}"#,
    "\t { \"cmd\" : \"NODE_X\" } \r",
    // Escaped, in the value and in the name.
    r#"{"cmd":"\u004eODE_X"}"#,
    r#"{"cmd":"\u004EODE_X"}"#,
    r#"{"cmd":"\u004e\u004f\u0044\u0045\u005f\u0058"}"#,
    r#"{"\u0063md":"NODE_X"}"#,
    r#"{"c\u006d\u0064":"\u004eODE\u005fX"}"#,
    r#"{"cmd":"NODE_\ud800"}"#,
    r#"{"cmd":"NODE_\n"}"#,
    // The last of several counts, as in JavaScript.
    r#"{"cmd":"x","cmd":"NODE_X"}"#,
    r#"{"cmd":1,"cmd":"NODE_X"}"#,
    r#"{"cmd":{"cmd":"x"},"\u0063md":"NODE_X"}"#,
    // Lone surrogates and numbers beyond measure elsewhere.
    r#"{"\ud800":1,"cmd":"NODE_X"}"#,
    r#"{"a":"\udfff","cmd":"NODE_X","b":"\ud800\ud800"}"#,
    r#"{"n":1e999,"cmd":"NODE_X"}"#,
];

const ORDINARY: &[&str] = &[
    r#"{"cmd":"NODE_"}"#,
    r#"{"cmd":"NODE"}"#,
    r#"{"cmd":"node_x"}"#,
    r#"{"cmd":"Node_X"}"#,
    r#"{"CMD":"NODE_X"}"#,
    r#"{"Cmd":"NODE_X"}"#,
    r#"{"cmd ":"NODE_X"}"#,
    r#"{"cmd":" NODE_X"}"#,
    r#"{"cmd":"XNODE_X"}"#,
    r#"{"cmd":["NODE_X"]}"#,
    r#"{"cmd":{"cmd":"NODE_X"}}"#,
    r#"{"cmd":null,"x":"NODE_X"}"#,
    r#"{"a":{"cmd":"NODE_X"}}"#,
    r#"{"msg":{"cmd":"NODE_HANDLE"}}"#,
    r#"{"NODE_X":"cmd"}"#,
    r#"{"cmd":"\\u004eODE_X"}"#,
    r#"{"cmd":"\ud800NODE_X"}"#,
    r#"{"cmd\ud800":"NODE_X"}"#,
    r#"{"cmd":"NODE_X","cmd":"x"}"#,
    r#"{"cmd":"NODE_X","cmd":null}"#,
    r#"{"cmd":"NODE_X","\u0063md":1}"#,
    r#"[{"cmd":"NODE_X"}]"#,
    r#"["cmd","NODE_X"]"#,
    r#""NODE_X""#,
    r#""{\"cmd\":\"NODE_X\"}""#,
    "null",
    "1",
    "{}",
];

/// Invalid JSON is not a message, and so not an internal one.
const NOT_JSON: &[&str] = &[
    "",
    r#"{"cmd":"NODE_X""#,
    r#"{"cmd":"NODE_X"},"#,
    r#"{"cmd":"NODE_X"}{"#,
    r#"{"cmd":"NODE_X",}"#,
    r#"{cmd:"NODE_X"}"#,
    r#"{'cmd':'NODE_X'}"#,
    r#"{"cmd":NODE_X}"#,
    r#"{"cmd":"NODE_X","a":undefined}"#,
    r#"{"cmd":"NODE_X","a":01}"#,
    r#"{"cmd":"NODE_X","a":"\u00g0"}"#,
    "{\"cmd\":\"NODE_X\",\"a\":\"\t\"}",
    "\u{feff}{\"cmd\":\"NODE_X\"}",
    "\u{c}{\"cmd\":\"NODE_X\"}",
    "\u{a0}{\"cmd\":\"NODE_X\"}",
];

#[test]
fn int_1_an_object_is_internal_if_its_cmd_begins_with_node_and_continues() {
    for line in INTERNAL {
        assert!(is_internal(line.as_bytes()), "{line} is Node's own");
    }
}

#[test]
fn int_1_every_other_message_is_ordinary() {
    for line in ORDINARY.iter().chain(NOT_JSON) {
        assert!(!is_internal(line.as_bytes()), "{line} is the user's");
    }
}

#[test]
fn int_1_internal_messages_with_invalid_utf_8_are_recognized() {
    assert!(is_internal(b"{\"a\":\"\xff\",\"cmd\":\"NODE_X\"}"));
    assert!(is_internal(b"{\"\xff\":1,\"cmd\":\"NODE_X\xed\xa0\x80\"}"));
    assert!(!is_internal(b"{\"cmd\xff\":\"NODE_X\"}"));
    assert!(!is_internal(b"{\"cmd\":\"\xffNODE_X\"}"));
}

#[test]
fn int_1_deep_internal_messages_are_recognized() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(is_internal(format!(r#"{{"a":{deep},"cmd":"NODE_X"}}"#).as_bytes()));
    assert!(is_internal(format!(r#"{{"cmd":"NODE_X","msg":{deep}}}"#).as_bytes()));
    assert!(!is_internal(format!(r#"{{"cmd":{deep},"a":"NODE_X"}}"#).as_bytes()));
}

#[test]
fn int_1_the_error_names_the_refused_cmd() {
    let cmd = |line: &str| json::reserved_cmd(line.as_bytes());
    assert_eq!(cmd("{\"cmd\":\"\\u004eODE_X\"}\n").as_deref(), Some("NODE_X"));
    assert_eq!(cmd("{\"cmd\":\"NODE_\"}\n"), None);
}

#[test]
fn int_2_every_command_is_recognized_and_unknown_ones_are_discarded() {
    let parse = |line: &str| json::parse(&Bytes::copy_from_slice(line.as_bytes()));
    assert!(matches!(parse(r#"{"cmd":"NODE_HANDLE"}"#), Some(Control::Handle(_))));
    assert!(matches!(parse(r#"{"cmd":"NODE_HANDLE_ACK"}"#), Some(Control::HandleAck)));
    assert!(matches!(parse(r#"{"cmd":"NODE_HANDLE_NACK","x":1}"#), Some(Control::HandleNack)));
    let key = r#"{"key":"4:127.0.0.1:0","cmd":"NODE_SOCKET_GET_COUNT"}"#;
    assert!(matches!(parse(key), Some(Control::SocketGetCount(_))));
    let key = r#"{"cmd":"NODE_SOCKET_NOTIFY_CLOSE","key":"k"}"#;
    assert!(matches!(parse(key), Some(Control::SocketNotifyClose(_))));
    let count = r#"{"cmd":"NODE_SOCKET_COUNT","key":"k","count":1}"#;
    assert!(matches!(parse(count), Some(Control::SocketCount(_, 1))));
    let closed = r#"{"cmd":"NODE_SOCKET_ALL_CLOSED","key":"k"}"#;
    assert!(matches!(parse(closed), Some(Control::SocketAllClosed(_))));
    let online = r#"{"cmd":"NODE_CLUSTER","act":"online","seq":0}"#;
    assert!(matches!(parse(online), Some(Control::Cluster)));
    for other in [
        r#"{"cmd":"NODE_SOCKET_GET_COUNT"}"#,
        r#"{"cmd":"NODE_SOCKET_NOTIFY_CLOSE","key":7}"#,
        r#"{"cmd":"NODE_SOCKET_COUNT","key":"k"}"#,
        r#"{"cmd":"NODE_SOCKET_COUNT","key":"k","count":-1}"#,
        r#"{"cmd":"NODE_SOCKET_ALL_CLOSED"}"#,
        r#"{"cmd":"NODE_DEBUG_ENABLED"}"#,
        r#"{"cmd":"NODE_HANDLE_"}"#,
        r#"{"cmd":"NODE_NEW_IN_NODE_30"}"#,
    ] {
        assert!(matches!(parse(other), Some(Control::Other)), "{other}");
    }
}
