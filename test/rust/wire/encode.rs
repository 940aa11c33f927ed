//! Values to frames (SER-1, SER-3, SER-11).

use crossfork::SendError;
use crossfork::wire::json;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

fn encode<T: Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(json::encode(value).expect("encodes")).expect("UTF-8")
}

#[test]
fn ser_1_a_frame_is_the_json_text_and_one_line_end() {
    assert_eq!(encode(&json!({"b": [1, "x"], "a": null})), "{\"a\":null,\"b\":[1,\"x\"]}\n");
}

#[test]
fn ser_5_any_value_can_be_a_message() {
    assert_eq!(encode("text"), "\"text\"\n");
    assert_eq!(encode(&-1.5), "-1.5\n");
    assert_eq!(encode(&true), "true\n");
    assert_eq!(encode(&()), "null\n");
    assert_eq!(encode(&None::<u8>), "null\n");
    assert_eq!(encode(&[(); 0]), "[]\n");
}

#[test]
fn ser_3_numbers_that_json_lacks_are_null() {
    assert_eq!(encode(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]), "[null,null,null]\n");
}

#[test]
fn ser_3_non_ascii_text_is_raw_utf_8_without_a_byte_order_mark() {
    assert_eq!(encode("é\u{2028}\u{2029}\u{1F600}"), "\"é\u{2028}\u{2029}\u{1F600}\"\n");
    // U+FEFF as a character of the user's is inside of quotes.
    assert_eq!(encode("\u{feff}"), "\"\u{feff}\"\n");
}

#[test]
fn ser_11_control_characters_are_escaped() {
    assert_eq!(encode("a\nb\r\u{0}\u{1f}"), "\"a\\nb\\r\\u0000\\u001f\"\n");
}

#[test]
fn ser_11_a_pretty_printed_raw_value_has_no_raw_line_end() {
    #[derive(Serialize)]
    struct Holder<'a> {
        raw: &'a RawValue,
    }

    let value = json!({"a": [1, "two\nlines"], "b": {}});
    let pretty = serde_json::to_string_pretty(&value).expect("encodes").replace('\n', "\r\n");
    let raw: &RawValue = serde_json::from_str(&pretty).expect("is JSON");
    let frame = encode(&Holder { raw });
    assert_eq!(frame.matches('\n').count(), 1, "{frame}");
    assert!(frame.ends_with('\n'));
    let back: Value = serde_json::from_str(&frame).expect("is JSON still");
    assert_eq!(back["raw"], value);
}

#[test]
fn ser_3_a_lone_surrogate_in_a_raw_value_stays_escaped() {
    let raw: &RawValue = serde_json::from_str(r#""\ud800""#).expect("is JSON");
    assert_eq!(encode(raw), "\"\\ud800\"\n");
}

#[test]
fn ser_5_a_value_that_json_cannot_express_is_an_error_for_the_caller() {
    let map = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(json::encode(&map), Err(SendError::Encode(_))));
}

#[test]
fn ser_9_a_message_that_no_node_can_read_is_refused() {
    struct Long;
    impl Serialize for Long {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let part = RawValue::from_string(format!("\"{}\"", "x".repeat(1 << 20))).expect("is JSON");
            serializer.collect_seq(std::iter::repeat_n(part, 1 + (json::MAX_SENT >> 20)))
        }
    }
    let error = json::encode(&Long).expect_err("is over the limit");
    assert!(
        matches!(error, SendError::TooLong { length, limit } if length > limit && limit == json::MAX_SENT)
    );
}

#[test]
fn ser_6_a_forwarded_text_is_framed_unchanged() {
    let reencode = |text: &[u8]| json::reencode(text).map(|f| String::from_utf8(f).expect("UTF-8")).ok();
    assert_eq!(
        reencode(br#" {"a":1.0,"a":"\ud800"} "#).as_deref(),
        Some(" {\"a\":1.0,\"a\":\"\\ud800\"} \n")
    );
    assert_eq!(reencode(b"[1,\n2]\r").as_deref(), Some("[1, 2]\r\n"));
    assert_eq!(reencode(b"\"\xff\"").as_deref(), Some("\"\u{fffd}\"\n"));
    assert_eq!(reencode(b"1e999").as_deref(), Some("1e999\n"));
    for bad in ["", " ", "undefined", "1 2", "{", "\u{feff}1", "\"a\nb\"", "NaN"] {
        assert_eq!(reencode(bad.as_bytes()), None, "{bad:?}");
    }
}

/// Any JSON value, to a depth of three.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("\\PC*", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn ser_1_ser_11_any_value_is_one_line_and_round_trips(value in value(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let raw = RawValue::from_string(text.expect("encodes")).expect("is JSON");
        let frame = json::encode(&raw).expect("encodes");
        prop_assert_eq!(frame.iter().position(|b| *b == b'\n'), Some(frame.len() - 1));
        prop_assert_eq!(json::decode::<Value>(&frame[..frame.len() - 1]).expect("decodes"), value);
    }
}
