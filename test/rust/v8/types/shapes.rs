//! Structs, enums, maps and tuples have the same shape as in JSON.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crossfork::v8::{self, Value};
use serde::{Deserialize, Serialize};

use super::{reads, refused, round_trip};
use crate::kit::record;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    job_id: u32,
    #[serde(rename = "the name")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<bool>,
    there: Option<bool>,
    #[serde(default)]
    missing: Vec<u16>,
    #[serde(skip)]
    private: u8,
}

#[test]
fn adv_6_structs_are_objects_and_tuples_are_arrays() {
    round_trip(&Unit, "null");
    round_trip(&(), "null");
    round_trip(&Meters(1.5), "1.5");
    round_trip(&Pair(7, "x".into()), "[ 7, 'x' ]");
    round_trip(&(1, "a".to_owned(), false), "[ 1, 'a', false ]");
    round_trip(&[1u16, 2, 3], "[ 1, 2, 3 ]");
    let job = Job { job_id: 3, name: "n".into(), there: Some(true), ..Job::default() };
    round_trip(&job, "{ jobId: 3, 'the name': 'n', there: true, missing: [] }");
    // A missing field has its default, and an unknown one is skipped.
    let odd = record(
        "6f 22056a6f624964 4906 22017a 3b 22016b 6f7b00 3a02 2208746865206e616d65 22016e 22057468657265 54 7b04",
    );
    reads(&odd, job);
    let missing = refused::<Job>("6f 22056a6f624964 4906 7b01");
    assert!(missing.contains("missing field") && missing.contains("the name"), "{missing}");
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    a: Option<u8>,
}

#[test]
fn adv_6_a_value_that_the_type_rejects_is_an_error() {
    reads(&record("6f 220161 4902 7b01"), Strict { a: Some(1) });
    reads(&record("6f7b00"), Strict { a: None });
    assert!(refused::<Strict>("6f 220162 4902 7b01").contains("unknown field `b`"));
    assert!(refused::<Strict>("6f 220161 4902 220161 4902 7b02").contains("duplicate field"));
    assert!(refused::<u8>("49 8004").contains("256"));
    assert!(refused::<u8>("49 01").contains("-1"));
    assert!(refused::<u8>("4e 000000000000f83f").contains("1.5"));
    assert!(refused::<bool>("49 02").contains("boolean"));
    assert!(refused::<String>("30").contains("string"));
    assert!(refused::<(u8, u8)>("4101 4902 240001").contains("tuple"));
    refused::<(u8, u8)>("4103 4902 4902 4902 240003");
    refused::<[u8; 2]>("4101 4902 240001");
    refused::<char>("2202 6161");
    refused::<Unit>("49 02");
    refused::<()>("6f7b00");
    refused::<BTreeMap<u8, u8>>("6f 22023130 30 7b01");
    refused::<BTreeMap<u8, u8>>("6f 220178 4902 7b01");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(u8),
    Tuple(u8, String),
    Struct {
        a: u8,
        b: Option<Box<Shape>>,
    },
    Nested(Box<Shape>),
    Map(BTreeMap<String, u8>),
    #[serde(rename = "7")]
    Seven(()),
}

#[test]
fn adv_6_enums_are_a_variant_name_or_an_object_with_one_key() {
    round_trip(&Shape::Unit, "'Unit'");
    round_trip(&Shape::Newtype(1), "{ Newtype: 1 }");
    round_trip(&Shape::Tuple(1, "x".into()), "{ Tuple: [ 1, 'x' ] }");
    let inner = Shape::Struct { a: 2, b: None };
    round_trip(&inner, "{ Struct: { a: 2, b: null } }");
    round_trip(&Shape::Struct { a: 1, b: Some(Box::new(Shape::Unit)) }, "{ Struct: { a: 1, b: 'Unit' } }");
    round_trip(&Shape::Nested(Box::new(inner)), "{ Nested: { Struct: { a: 2, b: null } } }");
    round_trip(&Shape::Map(BTreeMap::from([("k".into(), 1)])), "{ Map: { k: 1 } }");
    round_trip(&Shape::Seven(()), "{ 7: null }");
    round_trip(&vec![Shape::Unit, Shape::Newtype(2), Shape::Unit], "[ 'Unit', { Newtype: 2 }, 'Unit' ]");
    // The unit variant as an object too, and a boxed string.
    reads(&record("6f 2204556e6974 30 7b01"), Shape::Unit);
    reads(&record("73 2204556e6974"), Shape::Unit);
    // Shared objects are read again.
    let twice = record("4102 6f 22074e657774797065 4902 7b01 5e01 240002");
    reads(&twice, vec![Shape::Newtype(1), Shape::Newtype(1)]);
    for text in [
        "2203 466f6f",
        "6f7b00",
        "6f 2204556e6974 30 22014e 30 7b02",
        "6f 2204556e6974 4902 7b01",
        "22074e657774797065",
        "4902",
        "30",
        "6f 22055475706c65 4101 4902 240001 7b01",
    ] {
        refused::<Shape>(text);
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Internal {
    A { x: u8, text: String },
    B(Inner),
    C,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    big: u64,
    list: Vec<f64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    A(u8),
    B(u8, u8),
    C { x: Option<u8> },
    D,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Float(f64),
    Text(String),
    List(Vec<Untagged>),
    Object { a: u8 },
    Map(BTreeMap<String, Untagged>),
    Nothing,
}

#[test]
fn adv_6_enums_with_other_tagging_have_the_shape_of_json() {
    round_trip(&Internal::A { x: 1, text: "t".into() }, "{ type: 'A', x: 1, text: 't' }");
    let inner = Inner { big: (1 << 53) - 1, list: vec![1.5, 2.0] };
    round_trip(&Internal::B(inner), "{ type: 'B', big: 9007199254740991, list: [ 1.5, 2 ] }");
    round_trip(
        &Internal::B(Inner { big: u64::MAX, list: vec![] }),
        "{ type: 'B', big: 18446744073709551615n, list: [] }",
    );
    round_trip(&Internal::C, "{ type: 'C' }");
    round_trip(&Adjacent::A(1), "{ t: 'A', c: 1 }");
    round_trip(&Adjacent::B(1, 2), "{ t: 'B', c: [ 1, 2 ] }");
    round_trip(&Adjacent::C { x: None }, "{ t: 'C', c: { x: null } }");
    round_trip(&Adjacent::D, "{ t: 'D' }");
    let list = Untagged::List(vec![Untagged::Number(-1), Untagged::Text("x".into()), Untagged::Nothing]);
    let map = BTreeMap::from([("k".to_owned(), list), ("o".to_owned(), Untagged::Object { a: 1 })]);
    round_trip(&Untagged::Map(map), "{ k: [ -1, 'x', null ], o: { a: 1 } }");
    round_trip(&Untagged::Float(0.5), "0.5");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    a: u8,
    #[serde(flatten)]
    inner: Inner,
    #[serde(flatten)]
    rest: BTreeMap<String, Option<bool>>,
}

#[test]
fn adv_6_flattened_fields_are_part_of_the_outer_object() {
    let rest = BTreeMap::from([("x".to_owned(), None), ("y".to_owned(), Some(true))]);
    let flat = Flat { a: 1, inner: Inner { big: 2, list: vec![] }, rest };
    round_trip(&flat, "{ a: 1, big: 2, list: [], x: null, y: true }");
}

#[test]
fn adv_6_maps_are_objects_and_integers_can_be_their_keys() {
    round_trip(&BTreeMap::from([("b".to_owned(), 1), ("a".to_owned(), 2)]), "{ a: 2, b: 1 }");
    round_trip(
        &BTreeMap::from([(-3i64, true), (4, false), (1 << 40, true)]),
        "{ '-3': true, 4: false, '1099511627776': true }",
    );
    round_trip(&BTreeMap::from([(u128::MAX, 1)]), &format!("{{ '{}': 1 }}", u128::MAX));
    round_trip(&BTreeMap::from([(true, 1), (false, 0)]), "{ false: 0, true: 1 }");
    round_trip(&BTreeMap::from([('x', 1)]), "{ x: 1 }");
    round_trip(&HashMap::from([(Key::Some, 1)]), "{ Some: 1 }");
    round_trip(&BTreeMap::from([(Wrapped(5), ())]), "{ 5: null }");
    round_trip(&BTreeMap::<String, u8>::new(), "{}");
    round_trip(&BTreeSet::from([1, 2]), "[ 1, 2 ]");
    // A number as a key may have been written in more ways than one.
    for key in ["490e", "55 07", "4e0000000000001c40", "220137", "53 01 37"] {
        reads(&record(&format!("6f {key} 4902 7b01")), BTreeMap::from([(7u8, 1)]));
        reads(&record(&format!("6f {key} 4902 7b01")), BTreeMap::from([("7".to_owned(), 1)]));
    }
}

#[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Key {
    Some,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Wrapped(u8);

#[test]
fn adv_6_options_are_null_or_their_content() {
    round_trip(&Some(1), "1");
    round_trip(&None::<u8>, "null");
    round_trip(&vec![Some("x".to_owned()), None], "[ 'x', null ]");
    round_trip(
        &Some(vec![None, Some(BTreeMap::from([("k".to_owned(), None::<u8>)]))]),
        "[ null, { k: null } ]",
    );
    reads(&record("5f"), None::<u8>);
    reads(&record("00 5f"), None::<u8>);
    // As in JSON, only the outer option is visible.
    assert_eq!(v8::from_slice::<Option<Option<u8>>>(&record("30")), Ok(None));
}

#[test]
fn adv_4_characters_and_floats_are_strings_and_numbers() {
    round_trip(&'\u{1f600}', "'\u{1f600}'");
    round_trip(&1.5f32, "1.5");
    round_trip(&0.1f32, "0.10000000149011612");
    round_trip(&f64::MIN_POSITIVE, &f64::MIN_POSITIVE.to_string());
    reads(&record("49 04"), 2.0f64);
    reads(&record("49 04"), 2.0f32);
    reads(&record("5a 10 0400000000000000"), 4.0f64);
    // A double with an integer value can be read as an integer.
    reads(&record("4e 0000000000000040"), 2u8);
    reads(&record("4e 000000000000e043"), 1u64 << 63);
    reads(&record("4e 000000000000e0c3"), i64::MIN);
    let minus_zero: f64 = v8::from_slice(&record("4e 0000000000000080")).expect("reads");
    assert!(minus_zero.is_sign_negative());
    let nan: f64 = v8::from_slice(&record("4e 000000000000f87f")).expect("reads");
    assert!(nan.is_nan());
}

/// A sequence that does not know its length, and one that lies about it.
#[test]
fn adv_6_a_sequence_of_unknown_length_is_an_ordinary_array() {
    struct Unknown(usize);
    impl Serialize for Unknown {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..self.0).filter(|n| *n != usize::MAX))
        }
    }
    for count in [0, 1, 3, 200, 20_000] {
        let record = v8::to_vec(&Unknown(count), &v8::Options::new()).expect("encodes");
        assert_eq!(v8::from_slice::<Vec<usize>>(&record), Ok((0..count).collect()));
        let value = Value::decode(&record).expect("decodes");
        assert_eq!(value.as_array().map(<[_]>::len), Some(count));
    }
    struct Liar(usize);
    impl Serialize for Liar {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(Some(self.0))?;
            seq.serialize_element(&1)?;
            seq.end()
        }
    }
    v8::to_vec(&Liar(1), &v8::Options::new()).expect("tells the truth");
    for wrong in [0, 2, 1 << 30] {
        v8::to_vec(&Liar(wrong), &v8::Options::new()).expect_err("lies");
    }
}
