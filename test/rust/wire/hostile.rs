//! Messages that Rust or JavaScript cannot represent, and invalid lines: what is decoded, what is an
//! error, and that nothing is lost (SER-4, SER-6).

use std::collections::HashMap;
use std::fmt::Debug;

use crossfork::proto::{Channel, Event};
use crossfork::wire::json;
use crossfork::{Limits, Payload, ProtocolError, Serialization};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::value::RawValue;

fn event(line: impl AsRef<[u8]>) -> Event<()> {
    let mut channel = Channel::new(Serialization::Json, Limits::default());
    channel.read_buffer().extend_from_slice(line.as_ref());
    channel.read_buffer().extend_from_slice(b"\n");
    channel.handle_input(line.as_ref().len() + 1, [], false);
    channel.poll_event().expect("every line is an event")
}

fn payload(line: impl AsRef<[u8]>) -> Payload {
    match event(line) {
        Event::Message { payload, .. } => payload,
        other => panic!("{other:?} is not a message"),
    }
}

fn decode<T: DeserializeOwned>(line: impl AsRef<[u8]>) -> Result<T, ProtocolError> {
    payload(line).decode()
}

/// The error returns the message unchanged.
fn assert_undecodable<T: DeserializeOwned + Debug>(line: impl AsRef<[u8]>) {
    match decode::<T>(&line) {
        Err(ProtocolError::Decode { message, .. }) => assert_eq!(message, line.as_ref()),
        other => panic!("{} became {other:?}", line.as_ref().escape_ascii()),
    }
}

#[test]
fn ser_6_invalid_utf_8_reads_as_replacement_characters_and_the_payload_keeps_the_bytes() {
    let line = b"{\"a\":\"x\xff\xfey\",\"b\":\"\xed\xa0\x80\"}";
    assert_eq!(payload(line).as_bytes(), line);
    assert_eq!(decode::<Value>(line).expect("decodes")["a"], "x\u{fffd}\u{fffd}y");
    // Node's decoder makes three of a surrogate that was written as bytes.
    assert_eq!(decode::<Value>(line).expect("decodes")["b"], "\u{fffd}\u{fffd}\u{fffd}");
    // A value that borrows from the payload.
    let payload = payload(b"\"a\xff\"");
    assert_eq!(payload.decode::<&str>().expect("decodes"), "a\u{fffd}");
    assert_eq!(payload.clone().decode::<String>().expect("decodes"), "a\u{fffd}");
    assert_eq!(payload.into_bytes(), b"\"a\xff\"".as_slice());
}

#[test]
fn ser_6_invalid_utf_8_outside_strings_is_an_error() {
    assert!(matches!(event(b"\xff\xfe"), Event::Invalid(ProtocolError::NotJson { .. })));
    assert_undecodable::<Value>(b"[1,\xff]");
}

#[test]
fn ser_6_a_lone_surrogate_is_an_error_in_a_string_but_readable_otherwise() {
    for line in [r#""\ud800""#, r#""\udc00x""#, r#""\ud800\ud800""#] {
        assert_undecodable::<String>(line);
        assert_undecodable::<Value>(line);
        let payload = payload(line);
        assert_eq!(payload.decode::<&RawValue>().expect("decodes").get(), line);
        assert_eq!(payload.as_bytes(), line.as_bytes());
    }
    assert_eq!(decode::<String>(r#""\ud83d\ude00""#).expect("a whole pair decodes"), "\u{1F600}");
}

#[test]
fn ser_6_a_lone_surrogate_in_an_ignored_field_is_no_error() {
    #[derive(Deserialize)]
    struct Wanted {
        a: u8,
    }
    assert_eq!(decode::<Wanted>(r#"{"b":"\ud800","a":1}"#).expect("decodes").a, 1);
    // Invalid bytes in an ignored field are no error either.
    assert_eq!(decode::<Wanted>(b"{\"b\":\"\xff\",\"a\":1}").expect("decodes").a, 1);
}

#[test]
fn ser_6_ten_thousand_levels_pass_through_and_do_not_overflow_the_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let line = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        assert_undecodable::<Value>(&line);
        let payload = payload(&line);
        assert_eq!(payload.decode::<&RawValue>().expect("passes").get(), line);
        payload.decode::<IgnoredAny>().expect("passes");
        let frame = json::reencode(payload.as_bytes()).expect("goes back");
        assert_eq!(frame.strip_suffix(b"\n"), Some(line.as_bytes()));
    }
    let endless = "[".repeat(10_000);
    assert_undecodable::<Value>(&endless);
    assert!(decode::<IgnoredAny>(&endless).is_err());
}

#[test]
fn ser_6_the_last_of_a_repeated_key_counts() {
    let line = r#"{"a":1,"b":2,"a":3}"#;
    assert_eq!(decode::<Value>(line).expect("decodes"), serde_json::json!({"a": 3, "b": 2}));
    assert_eq!(decode::<HashMap<String, u8>>(line).expect("decodes")["a"], 3);
}

#[test]
fn ser_5_numbers_out_of_range_are_errors_but_readable_otherwise() {
    let raw = |line: &str| payload(line).decode::<Box<RawValue>>().expect("passes").get().to_owned();
    for line in ["1e999", "-1e400", "123456789012345678901234567890", "0.1e-999", "-0"] {
        assert_eq!(raw(line), line);
    }
    assert_undecodable::<f64>("1e999");
    assert_undecodable::<Value>("1e999");
    assert_undecodable::<u64>("18446744073709551616");
    assert_undecodable::<u8>("256");
    assert_undecodable::<u64>("1.5");
    assert_eq!(
        decode::<u128>("123456789012345678901234567890").expect("fits"),
        123456789012345678901234567890
    );
    // More digits than JavaScript keeps are kept here.
    assert_eq!(decode::<u64>("9007199254740993").expect("fits"), (1 << 53) + 1);
    // The shortest text of each double decodes to that double.
    assert_eq!(decode::<f64>("5e-324").expect("fits"), f64::from_bits(1));
    assert_eq!(decode::<f64>("1.7976931348623157e308").expect("fits"), f64::MAX);
}

#[test]
fn ser_4_ser_6_a_line_that_cannot_be_json_is_reported_unchanged() {
    for line in ["", " ", "\r", "undefined", "\u{feff}1", "NaN", "Infinity", "'a'", "+1", "#", "\0", "\u{2}1"]
    {
        match event(line) {
            Event::Invalid(ProtocolError::NotJson { line: kept }) => assert_eq!(kept, line),
            other => panic!("{line:?} became {other:?}"),
        }
    }
}

#[test]
fn ser_6_invalid_json_is_an_error_when_it_is_decoded() {
    for line in ["{bad", "nul", "truefalse", "1 2", "[1,]", "{\"a\"}", "-", "01", "\"a", "{}{}"] {
        assert_undecodable::<Value>(line);
    }
}

#[test]
fn ser_6_white_space_around_a_value_is_allowed() {
    assert_eq!(decode::<Value>(" \t[1]\r").expect("decodes"), serde_json::json!([1]));
    assert_eq!(decode::<u8>("7\r").expect("decodes"), 7);
}

#[test]
fn hnd_1_a_handles_undefined_message_reads_as_null() {
    let line = b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\"}\n";
    let mut channel = Channel::new(Serialization::Json, Limits::default());
    channel.read_buffer().extend_from_slice(line);
    channel.handle_input(line.len(), [()], false);
    let Some(Event::Message { payload, handle: Some(_) }) = channel.poll_event() else {
        panic!("no message with a handle");
    };
    assert_eq!(payload.as_bytes(), b"");
    assert_eq!(payload.decode::<Value>().expect("decodes"), Value::Null);
    assert_eq!(payload.decode::<Option<u8>>().expect("decodes"), None);
    payload.decode::<()>().expect("decodes");
}

#[test]
fn ser_6_an_error_shows_the_beginning_of_the_line_and_no_control_characters() {
    let Event::Invalid(error) = event("\u{1b}[31m".repeat(100)) else {
        panic!("a colour is no JSON");
    };
    let text = error.to_string();
    assert!(text.contains("\\x1b[31m") && text.contains("(500 bytes)"), "{text}");
    assert!(text.len() < 200 && !text.contains('\u{1b}'), "{text}");
    assert_eq!(error.code(), "ERR_IPC_DECODE");
}
