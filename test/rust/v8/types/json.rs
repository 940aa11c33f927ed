//! A value that JSON can express has the same shape as in JSON.

use std::collections::BTreeMap;

use crossfork::v8::{self, Options, Value};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Mixed {
    small: i32,
    large: u64,
    float: f64,
    text: String,
    character: char,
    option: Option<Box<Mixed>>,
    list: Vec<Shape>,
    #[serde(rename = "7")]
    numbered: (bool, [u16; 2]),
    map: BTreeMap<String, Option<f64>>,
    keys: BTreeMap<i64, ()>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(String),
    Tuple(u8, bool),
    Struct { a: i64, b: Option<String> },
}

/// JSON writes no other numbers, and JavaScript reads no others exactly.
const SAFE: i64 = (1 << 53) - 1;

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Unit),
        ".*".prop_map(Shape::Newtype),
        any::<(u8, bool)>().prop_map(|(a, b)| Shape::Tuple(a, b)),
        (-SAFE..=SAFE, any::<Option<String>>()).prop_map(|(a, b)| Shape::Struct { a, b }),
    ]
}

fn float() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE, (-SAFE..=SAFE).prop_map(|n| n as f64)]
}

fn mixed() -> impl Strategy<Value = Mixed> {
    let leaf = (
        any::<i32>(),
        0..=SAFE as u64,
        float(),
        ".*",
        any::<char>(),
        prop::collection::vec(shape(), 0..4),
        any::<(bool, [u16; 2])>(),
        prop::collection::btree_map(".*", prop::option::of(float()), 0..4),
        prop::collection::btree_map(-SAFE..=SAFE, Just(()), 0..4),
    );
    let leaf = leaf.prop_map(|(small, large, float, text, character, list, numbered, map, keys)| Mixed {
        small,
        large,
        float,
        text,
        character,
        option: None,
        list,
        numbered,
        map,
        keys,
    });
    leaf.prop_recursive(3, 4, 1, |inner| {
        (inner.clone(), inner)
            .prop_map(|(inside, outside)| Mixed { option: Some(Box::new(inside)), ..outside })
    })
}

/// Numbers that are equal are the same in JavaScript, whichever type of Rust they come from; and
/// an index is the first of its object's keys there, in whichever order it was written.
fn normal(json: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match json {
        Json::Number(n) => Json::from(n.as_f64()),
        Json::Array(values) => values.iter().map(normal).collect(),
        Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), normal(value))).collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn adv_6_ser_1_a_type_has_the_same_shape_as_in_json(mixed in mixed()) {
        let record = v8::to_vec(&mixed, &Options::new()).expect("encodes");
        let text = serde_json::to_string(&mixed).expect("encodes");
        let json: serde_json::Value = serde_json::from_str(&text).expect("is JSON");
        // By serde, as a value, and as a value's own JSON.
        let by_serde: serde_json::Value = v8::from_slice(&record).expect("reads");
        prop_assert_eq!(normal(&by_serde), normal(&json));
        let value = Value::decode(&record).expect("decodes");
        let printed = serde_json::to_string(&value).expect("JSON has words for it");
        prop_assert_eq!(normal(&serde_json::from_str(&printed).expect("is JSON")), normal(&json));
        // And back from both.
        prop_assert_eq!(&v8::from_slice::<Mixed>(&record).expect("reads"), &mixed);
        prop_assert_eq!(&serde_json::from_str::<Mixed>(&printed).expect("reads"), &mixed);
        let from_json: Value = serde_json::from_str(&text).expect("reads");
        let again = from_json.encode(&Options::new()).expect("encodes");
        prop_assert_eq!(&v8::from_slice::<Mixed>(&again).expect("reads"), &mixed);
    }
}

#[test]
fn the_limits_of_number_types_are_written_exactly() {
    for n in [i64::MIN as f64, i64::MAX as f64, -(SAFE as f64), SAFE as f64, f64::MIN, f64::MAX] {
        let text = serde_json::to_string(&Value::Number(n)).expect("JSON");
        assert_eq!(serde_json::from_str::<f64>(&text).expect("a number"), n);
    }
}
