//! Conversion of Rust's values to JavaScript's and back.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use crossfork::v8::{self, BigInt, Kind, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

const SAFE: u64 = (1 << 53) - 1;

#[test]
fn an_integer_is_a_number_while_exact_and_a_bigint_beyond() {
    assert_eq!(Value::from(SAFE), Value::Number(SAFE as f64));
    assert_eq!(Value::from(SAFE + 1), Value::BigInt(BigInt::from(SAFE + 1)));
    assert_eq!(Value::from(u64::MAX), Value::BigInt(BigInt::from(u64::MAX)));
    assert_eq!(Value::from(-(SAFE as i64)), Value::Number(-(SAFE as f64)));
    assert_eq!(Value::from(i64::MIN), Value::BigInt(BigInt::from(i64::MIN)));
    assert_eq!((Value::from(7usize), Value::from(-7isize)), (Value::Number(7.0), Value::Number(-7.0)));
    // As a type of your own is written.
    for n in [0, SAFE, SAFE + 1, u64::MAX] {
        assert_eq!(v8::to_value(&n).unwrap(), Value::from(n));
    }
}

#[test]
fn an_integer_is_returned_if_it_is_whole_and_in_range() {
    for n in [0, 1, SAFE, u64::MAX] {
        assert_eq!(Value::from(n).as_u64(), Some(n));
    }
    for n in [0, -1, i64::MIN, i64::MAX] {
        assert_eq!(Value::from(n).as_i64(), Some(n));
    }
    for n in [1.5, f64::NAN, f64::INFINITY, -1.0, 18_446_744_073_709_551_616.0] {
        assert_eq!(Value::from(n).as_u64(), None, "{n}");
    }
    assert_eq!(Value::from(9_223_372_036_854_775_808.0).as_i64(), None);
    assert_eq!(Value::from(u64::MAX).as_i64(), None);
    assert_eq!(Value::from("1").as_u64(), None);
    assert_eq!(Value::from(u64::MAX).as_big_int(), Some(&BigInt::from(u64::MAX)));
}

#[test]
fn a_system_time_is_a_date_in_whole_milliseconds() {
    let date = |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
    for ms in [0, 1, 1_700_000_000_123] {
        assert_eq!(Value::from(date(ms)), Value::Date(ms as f64));
        assert_eq!(Value::Date(ms as f64).as_system_time(), Some(date(ms)));
    }
    let before = SystemTime::UNIX_EPOCH - Duration::from_millis(1500);
    assert_eq!(Value::from(before), Value::Date(-1500.0));
    assert_eq!(Value::Date(-1500.0).as_system_time(), Some(before));
    for ms in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
        assert_eq!(Value::Date(ms).as_system_time(), None, "{ms}");
    }
    assert_eq!(Value::from(1).as_system_time(), None);
}

#[test]
fn a_rust_map_is_an_object() {
    let tree = BTreeMap::from([("a", 1), ("b", 2)]);
    assert_eq!(Value::from(tree).to_string(), "{ a: 1, b: 2 }");
    let hash = HashMap::from([("a".to_owned(), vec![Some(true), None])]);
    assert_eq!(Value::from(hash).to_string(), "{ a: [ true, null ] }");
    assert_eq!(Value::from(Cow::Borrowed("text")), Value::from("text"));
}

#[test]
fn a_json_value_keeps_every_number() {
    let value = Value::from(json!({ "a": [null, true, "é", 1.5, -1, u64::MAX], "b": {} }));
    let expected = "{ a: [ null, true, 'é', 1.5, -1, 18446744073709551615n ], b: {} }";
    assert_eq!(value.to_string(), expected);
    let back = serde_json::to_value(Value::from(json!({ "a": [1, "b"] }))).unwrap();
    assert_eq!(back, json!({ "a": [1, "b"] }));
}

#[test]
fn entries_of_an_object_or_map_are_found_by_name() {
    let object = Value::object([("a", 1.into())]);
    let map = Value::Map(vec![(Value::from(1), "one".into()), (Value::from("a"), 1.into())]);
    for value in [&object, &map, &object.clone().with_label(1)] {
        assert_eq!(value.get("a").and_then(Value::as_u64), Some(1));
        assert_eq!(value.get("b"), None);
    }
    assert_eq!(object.as_object().map(<[_]>::len), Some(1));
    assert_eq!(map.as_map().map(<[_]>::len), Some(2));
    assert_eq!((object.as_map(), map.as_object()), (None, None));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Job {
    id: u64,
    image: Vec<u8>,
    due: Value,
}

#[test]
fn a_user_type_converts_to_a_value_and_back() {
    let job = Job { id: 1 << 60, image: vec![1, 2], due: Value::Date(1e12) };
    let value = v8::to_value(&job).unwrap();
    assert_eq!(
        value.to_string(),
        "{ id: 1152921504606846976n, image: <Buffer 01 02>, due: Date(1000000000000) }"
    );
    assert_eq!(v8::from_value::<Job>(&value).unwrap(), job);
}

#[test]
fn a_value_of_another_type_is_an_error_that_names_it() {
    let error = v8::from_value::<Job>(&Value::from(1)).unwrap_err();
    assert!(matches!(error.kind(), Kind::Custom(_)), "{error}");
    assert!(v8::from_value::<Value>(&Value::Reference(7)).is_err());
}

#[test]
fn a_value_for_the_newest_node_can_be_converted_too() {
    let kind = v8::ViewKind::Float16Array;
    let halves = Value::View(v8::View { kind, bytes: vec![0, 60].into() });
    assert_eq!(v8::to_value(&halves).unwrap(), halves);
    assert_eq!(v8::from_value::<Value>(&halves).unwrap(), halves);
}
