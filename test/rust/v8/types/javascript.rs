//! JavaScript types that serde lacks, read as the nearest equivalent.

use std::collections::BTreeMap;

use crossfork::v8::{self, Value};
use serde::Deserialize;
use serde_json::json;

use super::{reads, refused};
use crate::kit::record;

fn map<const N: usize>(entries: [(&str, u8); N]) -> BTreeMap<String, u8> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[test]
fn adv_6_a_map_is_a_map_and_a_set_a_sequence() {
    reads(&record("3b 220161 4902 220162 4904 3a04"), map([("a", 1), ("b", 2)]));
    reads(&record("3b 4902 220161 3a02"), BTreeMap::from([(1, "a".to_owned())]));
    reads(&record("3b 4102 4902 4904 240002 54 3a02"), BTreeMap::from([((1, 2), true)]));
    reads(&record("3b 3a00"), map([]));
    reads(&record("27 4902 4904 2c02"), vec![1, 2]);
    reads(&record("27 4902 4904 2c02"), (1, 2));
    reads(&record("27 2c00"), Vec::<u8>::new());
    reads(&record("3b 220161 27 4902 2c01 3a02"), json!({"a": [1]}));
    // A Map whose keys are the names of fields is a struct too.
    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: u8,
        y: Option<u8>,
    }
    reads(&record("3b 220178 4902 220179 4904 3a04"), Point { x: 1, y: Some(2) });
    refused::<BTreeMap<String, u8>>("3b 4902 4902 3a02");
    refused::<(u8, u8)>("27 4902 4904 4906 2c03");
    refused::<(u8, u8, u8)>("27 4902 4904 2c02");
}

#[test]
fn adv_6_a_date_is_read_as_its_milliseconds() {
    reads(&record("44 00b08756febc7842"), 1_700_000_000_123u64);
    reads(&record("44 00b08756febc7842"), 1_700_000_000_123f64);
    reads(&record("44 000000000000f8bf"), -1.5f64);
    let invalid: f64 = v8::from_slice(&record("44 000000000000f87f")).expect("reads");
    assert!(invalid.is_nan());
    refused::<u64>("44 000000000000f87f");
}

#[test]
fn adv_6_boxed_primitives_are_read_as_their_content() {
    reads(&record("79"), true);
    reads(&record("78"), false);
    reads(&record("6e 000000000000f83f"), 1.5);
    reads(&record("6e 0000000000000840"), 3u8);
    reads(&record("7a 11 0500000000000000"), -5i64);
    reads(&record("73 22026869"), "hi");
    reads(&record("73 63 02 ac20"), "\u{20ac}".to_owned());
    reads(&record("4105 79 78 6e0000000000000040 7a00 7322016f 240005"), json!([true, false, 2, 0, "o"]));
}

#[test]
fn adv_6_a_regular_expression_is_read_as_its_text() {
    reads(&record("52 2204 61622b63 03"), "/ab+c/gi".to_owned());
    reads(&record("52 2201 61 00"), json!("/a/"));
}

#[derive(Debug, PartialEq, Deserialize)]
struct Failure {
    name: String,
    message: Option<String>,
    stack: Option<String>,
    cause: Option<Box<Failure>>,
}

#[test]
fn adv_7_an_error_is_an_object_for_any_order_of_its_parts() {
    let failure = |name: &str, message: &str, stack: Option<&str>, cause: Option<Failure>| Failure {
        name: name.into(),
        message: Some(message.into()),
        stack: stack.map(Into::into),
        cause: cause.map(Box::new),
    };
    let outer = || failure("Error", "out", Some("S"), Some(failure("TypeError", "in", None, None)));
    reads(&record("72 6d22036f7574 73220153 63 72 54 6d2202696e 2e 2e"), outer());
    reads(&record("72 6d22036f7574 63 72 54 6d2202696e 2e 73220153 2e"), outer());
    reads(&record("72 63 72 54 6d2202696e 2e 73220153 6d22036f7574 2e"), outer());
    // The class never follows the parts, because the name has been set by then.
    assert!(refused::<Failure>("72 6d220161 54 2e").contains("class"));
    for (letter, name) in [
        ("45", "EvalError"),
        ("52", "RangeError"),
        ("46", "ReferenceError"),
        ("53", "SyntaxError"),
        ("54", "TypeError"),
        ("55", "URIError"),
        ("", "Error"),
    ] {
        reads(&record(&format!("72 {letter} 2e")), json!({ "name": name }));
    }
    reads(&record("72 6d220161 634902 2e"), json!({"name": "Error", "message": "a", "cause": 1}));
}

#[test]
fn adv_4_undefined_and_holes_are_read_as_none() {
    reads(&record("5f"), ());
    reads(&record("5f"), None::<String>);
    reads(&record("6f 220161 5f 7b01"), json!({ "a": null }));
    reads(&record("4103 4902 2d 4904 240003"), vec![Some(1), None, Some(2)]);
    reads(&record("6103 4900 4902 4904 4904 400203"), vec![Some(1), None, Some(2)]);
    reads(&record("6105 400005"), vec![None::<u8>; 5]);
    reads(&record("6103 4900 4902 4904 4904 400203"), json!([1, null, 2]));
    reads(&record("6102 4902 4902 400102"), (None::<u8>, Some(1)));
    refused::<u8>("5f");
    refused::<Vec<u8>>("4102 4902 2d 240002");
}

/// A sequence has no names: properties besides the elements are skipped.
#[test]
fn adv_6_properties_of_an_array_are_not_elements() {
    reads(&record("4102 4902 4904 220178 220179 240102"), vec![1, 2]);
    reads(&record("6103 4900 4902 220178 4102 30 30 240002 4904 4906 400303"), vec![Some(1), None, Some(3)]);
    refused::<(u8,)>("4102 4902 4904 220178 30 240102");
    // Elements out of order, or beyond the length, are ignored.
    refused::<Vec<Option<u8>>>("6103 4904 4902 4900 4902 400203");
    refused::<Vec<Option<u8>>>("6103 4906 4902 400103");
    refused::<Vec<Option<u8>>>("6103 4900 4902 4900 4902 400203");
}

#[test]
fn adv_4_big_integers_are_read_as_rust_integers_within_range() {
    reads(&record("5a 10 0500000000000000"), 5u8);
    reads(&record("5a 11 0500000000000000"), -5i8);
    reads(&record("5a 10 ffffffffffffffff"), u64::MAX);
    reads(&record("5a 20 00000000000000000100000000000000"), 1u128 << 64);
    reads(&record(&format!("5a 20 {}", "ff".repeat(16))), u128::MAX);
    reads(&record("5a 21 00000000000000000000000000000080"), i128::MIN);
    refused::<u8>("5a 10 0001000000000000");
    refused::<u64>("5a 11 0100000000000000");
    refused::<i128>(&format!("5a 20 {}", "ff".repeat(16)));
    assert!(refused::<u128>(&format!("5a 30 {}", "01".repeat(24))).contains("v8::Value"));
}

/// Native objects are their properties, and `IgnoredAny` skips any value.
#[test]
fn adv_9_a_native_object_is_a_map() {
    reads(&record("5c01 6f 220161 4902 7b01"), map([("a", 1)]));
    reads(&record("5c01 6f 7b00"), json!({}));
    for text in crate::kit::vectors().into_iter().map(|vector| vector.record) {
        v8::from_slice::<serde::de::IgnoredAny>(&text).expect("is passed over");
    }
}

/// The type may inspect the value, as a JSON value does.
#[test]
fn adv_6_a_field_can_be_of_any_javascript_type() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Wanted {
        wanted: u8,
    }
    for vector in crate::kit::vectors() {
        let value = Value::decode(&vector.record).expect("decodes");
        let holder = Value::object([("before", value.clone()), ("wanted", 7.into())]);
        let record = holder.encode(&crate::kit::newest()).expect("encodes");
        reads(&record, Wanted { wanted: 7 });
    }
}
