//! A `Value` inside a user type, without loss; and in other formats.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossfork::v8::{self, BigInt, Kind, Options, SparseArray, Value};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use crate::kit::{empty, newest, record, vectors};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    before: u8,
    value: Value,
    list: Vec<Value>,
    option: Option<Value>,
    shape: Shape,
    after: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Newtype(Value),
    Tuple(Value, u8),
    Struct { v: Value },
}

fn holder(value: &Value, shape: Shape) -> Holder {
    let option = Some(value.clone()).filter(|value| !value.is_nullish());
    let (before, after) = (1, "after".into());
    Holder { before, value: value.clone(), list: vec![value.clone(), Value::Null], option, shape, after }
}

#[test]
fn adv_4_to_adv_9_every_value_of_node_travels_inside_a_type_without_loss() {
    for vector in vectors() {
        let value = Value::decode(&vector.record).expect("decodes");
        let v = || value.clone();
        for shape in [Shape::Newtype(v()), Shape::Tuple(v(), 7), Shape::Struct { v: v() }] {
            let holder = holder(&value, shape);
            let record = v8::to_vec(&holder, &newest()).unwrap_or_else(|e| panic!("{}: {e}", vector.id));
            let whole = Value::decode(&record).expect("decodes");
            let back: Holder = v8::from_slice(&record).unwrap_or_else(|e| panic!("{}: {e}", vector.id));
            // Labels count from 1 through the whole record.
            let relabelled = value.to_string().contains('*');
            assert!(relabelled || back == holder, "{}: {back:?}", vector.id);
            assert_eq!(back.value, value, "{}", vector.id);
            assert_eq!((back.before, back.after.as_str()), (1, "after"));
            let again = v8::to_vec(&back, &newest()).expect("encodes");
            assert_eq!(again, record, "{}", vector.id);
            assert!(whole.get("value").is_some_and(|inside| *inside == value), "{}", vector.id);
        }
    }
}

/// Objects outside the value to which it refers are copied into it.
#[test]
fn adv_6_a_value_contains_everything_that_it_refers_to() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Parts {
        first: serde_json::Value,
        second: Value,
        third: Value,
    }
    // { first: { k: [] }, second: [ first, first.k ], third: first }
    let text = "6f 22056669727374 6f 22016b 4100240000 7b01 22067365636f6e64 4102 5e01 5e02 240002 22057468697264 5e01 7b03";
    let parts: Parts = v8::from_slice(&record(text)).expect("reads");
    let k = || Value::Array(Vec::new()).with_label(2);
    let first = || Value::object([("k", k())]).with_label(1);
    assert_eq!(parts.first, json!({ "k": [] }));
    assert_eq!(parts.second, Value::Array(vec![first(), Value::Reference(2)]));
    assert_eq!(parts.third, first());
    // Each value is complete, and can be sent on its own.
    for value in [parts.second, parts.third] {
        let again = value.encode(&newest()).expect("encodes");
        Value::decode(&again).expect("decodes");
    }
    // In the other order, the inner object is met first.
    let text = "4103 6f 22016b 4100240000 7b01 4102 5e02 5e01 240002 5e02 240003";
    let (_, both, last): (Value, Value, Value) = v8::from_slice(&record(text)).expect("reads");
    assert_eq!(both, Value::Array(vec![k(), Value::object([("k", Value::Reference(2))]).with_label(1)]));
    assert_eq!(last, k());
    // The object around it contains it, and so on.
    #[derive(Debug, Deserialize)]
    struct Around {
        inner: Value,
    }
    let around: Around = v8::from_slice(&record("6f 2205696e6e6572 4101 5e00 240001 7b01")).expect("reads");
    let circle = Value::object([("inner", Value::Array(vec![Value::Reference(1)]))]).with_label(1);
    assert_eq!(around.inner, Value::Array(vec![circle]));
    around.inner.encode(&newest()).expect("is whole");
}

#[test]
fn adv_6_a_value_survives_serdes_buffers() {
    let value = || Value::object([("a", vec![1, 2].into()), ("u", Value::Null)]);
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "t")]
    enum Outer {
        B(Shape),
        S { v: Value },
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        S { v: Value },
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        #[serde(flatten)]
        rest: Value,
    }
    fn survives<T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(
        of: T,
        printed: &str,
    ) {
        let record = v8::to_vec(&of, &newest()).expect(printed);
        assert_eq!(Value::decode(&record).expect(printed).to_string(), printed);
        assert_eq!(v8::from_slice::<T>(&record).expect(printed), of);
    }
    let inside = "{ a: [ 1, 2 ], u: null }";
    survives(Outer::B(Shape::Struct { v: value() }), &format!("{{ t: 'B', Struct: {{ v: {inside} }} }}"));
    survives(Outer::B(Shape::Tuple(value(), 1)), &format!("{{ t: 'B', Tuple: [ {inside}, 1 ] }}"));
    survives(Outer::B(Shape::Newtype(value())), &format!("{{ t: 'B', Newtype: {inside} }}"));
    survives(Outer::S { v: value() }, &format!("{{ t: 'S', v: {inside} }}"));
    survives(Untagged::S { v: value() }, &format!("{{ v: {inside} }}"));
    survives(Flat { rest: value() }, inside);
}

/// Other formats get the JSON representation.
#[test]
fn ser_3_a_value_in_another_format_is_plain_json() {
    let holes = SparseArray { length: 3, properties: vec![("1".into(), 5.into())] };
    for (value, json) in [
        (Value::Undefined, json!(null)),
        (
            Value::from(vec![Value::Undefined, 1.into(), 1.5.into(), f64::NAN.into()]),
            json!([null, 1, 1.5, null]),
        ),
        (Value::Number(-0.0), json!(0)),
        (Value::Number(1e300), json!(1e300)),
        (Value::Number(9007199254740991.0), json!(9007199254740991u64)),
        (
            Value::object([("a", true.into()), ("u", Value::Undefined), ("b", Value::Null)]),
            json!({"a": true, "b": null}),
        ),
        (Value::BoolObject(true), json!(true)),
        (Value::NumberObject(2.0), json!(2)),
        (Value::StringObject("s".into()), json!("s")),
        (Value::Map(vec![(1.into(), 2.into())]), json!({})),
        (Value::Set(vec![1.into()]), json!({})),
        (Value::Error(Box::default()), json!({})),
        (Value::HostObject(vec![("a".into(), 1.into())]), json!({"a": 1})),
        (Value::buffer(vec![1, 2]), json!([1, 2])),
        (empty().with_label(1), json!({})),
        (Value::SparseArray(Box::new(holes)), json!({"1": 5})),
    ] {
        assert_eq!(serde_json::to_value(&value).expect("has words"), json, "{value}");
        assert_eq!(serde_json::to_string(&[&value]).expect("has words"), format!("[{json}]"), "{value}");
    }
    for wordless in [
        Value::BigInt(BigInt::from(1)),
        Value::Reference(1),
        Value::from(v8::JsString::from_utf16(&[0xd800])),
    ] {
        serde_json::to_string(&wordless).expect_err("JSON has no words for it");
    }
    let read: Value =
        serde_json::from_str(r#"{"b":[1,2.5,null,true,"x"],"a":{"n":18446744073709551615}}"#).expect("reads");
    assert_eq!(read.to_string(), "{ b: [ 1, 2.5, null, true, 'x' ], a: { n: 18446744073709552000 } }");
}

struct Failing(bool);

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        assert!(!self.0, "this type panics");
        Err(serde::ser::Error::custom("this type fails"))
    }
}

/// A value that a thread has handed over does not stay behind.
#[test]
fn adv_4_a_failure_leaves_nothing_behind() {
    let value = || Value::Map(vec![(1.into(), Value::Undefined)]);
    let good =
        || assert_eq!(v8::to_vec(&(value(), 1), &newest()), Ok(record("4102 3b 4902 5f 3a02 4902 240002")));
    for fails in [
        |value: Value| drop(v8::to_vec(&(value, Failing(false)), &newest()).expect_err("fails")),
        |value: Value| drop(v8::to_vec(&(value, Failing(true)), &newest())),
        |value: Value| drop(v8::to_vec(&(value, Value::Reference(7)), &newest()).expect_err("dangles")),
        |value: Value| {
            drop(
                v8::to_vec(&vec![value.with_label(1).with_label(2)], &newest())
                    .expect_err("is labelled twice"),
            )
        },
        |_| drop(v8::from_slice::<(Value, u8)>(&record("4102 3b3a00 30 240002")).expect_err("is no u8")),
        |_| {
            drop(
                v8::from_slice::<(Value, Value)>(&record("4102 3b3a00 3b3a02 240002"))
                    .expect_err("is damaged"),
            )
        },
    ] {
        let panicked = catch_unwind(AssertUnwindSafe(|| fails(value())));
        good();
        // Another format finds neither a left-over value nor a writer.
        assert_eq!(serde_json::from_str::<Value>("null").expect("reads"), Value::Null);
        assert_eq!(serde_json::to_string(&value()).expect("writes"), "{}");
        drop(panicked);
    }
}

/// A type that writes another record while it is written.
#[test]
fn adv_4_a_record_can_be_written_while_another_is_written() {
    struct Nested(Value);
    impl Serialize for Nested {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let record = v8::to_vec(&(&self.0, 1), &Options::new()).map_err(serde::ser::Error::custom)?;
            let back: (Value, u8) = v8::from_slice(&record).map_err(serde::ser::Error::custom)?;
            let json = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
            (json, back.0, record).serialize(serializer)
        }
    }
    let inner = Value::object([("a", 1.into())]);
    let record_of = v8::to_vec(&(Nested(inner.clone()), inner.clone()), &Options::new()).expect("encodes");
    let ((json, back, raw), last): ((String, Value, Vec<u8>), Value) =
        v8::from_slice(&record_of).expect("reads");
    assert_eq!((json.as_str(), &back, &last), (r#"{"a":1}"#, &inner, &inner));
    assert_eq!(v8::from_slice::<(Value, u8)>(&raw), Ok((inner, 1)));
}

#[test]
fn adv_4_an_error_says_what_and_where() {
    let error = v8::from_slice::<u8>(&record("5f ff")).expect_err("is no u8");
    assert!(matches!(error.kind(), Kind::Custom(_)), "{error}");
    let error = Value::decode(&record("4101 21")).expect_err("is no tag");
    assert_eq!(error.to_string(), "no value begins with the byte 0x21 (at byte 4)");
    assert_eq!(error.offset(), Some(4));
}
