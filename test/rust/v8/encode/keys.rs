//! Property names: their order, indexes, and duplicates (ADV-6).

use std::collections::{BTreeMap, HashMap};

use crossfork::v8::{self, JsString, Kind, Options, SparseArray, Value};
use crossfork::wire::advanced as frames;
use serde::{Serialize, Serializer};

use super::{invalid, serialized, written};
use crate::kit::{newest, record};

/// Each as it is written.
const KEYS: &[(&str, &str)] = &[
    ("0", "49 00"),
    ("1", "49 02"),
    ("10", "49 14"),
    ("2147483647", "49 feffffff0f"),
    ("2147483648", "4e 000000000000e041"),
    ("4294967294", "4e 0000c0ffffffef41"),
    // No indexes: too large, or in another form.
    ("4294967295", "22 0a 34323934393637323935"),
    ("4294967296", "22 0a 34323934393637323936"),
    ("9999999999", "22 0a 39393939393939393939"),
    ("00", "22 02 3030"),
    ("01", "22 02 3031"),
    ("-1", "22 02 2d31"),
    ("-0", "22 02 2d30"),
    ("+1", "22 02 2b31"),
    (" 1", "22 02 2031"),
    ("1.5", "22 03 312e35"),
    ("1e3", "22 03 316533"),
    ("0x1", "22 03 307831"),
    ("", "22 00"),
    ("\u{e9}", "22 01 e9"),
    ("__proto__", "22 09 5f5f70726f746f5f5f"),
];

#[test]
fn adv_6_an_array_index_is_written_as_a_number_and_any_other_key_as_a_string() {
    for (key, text) in KEYS {
        let text = format!("6f {text} 30 7b01");
        written(&Value::object([(*key, Value::Null)]), &text);
        serialized(&BTreeMap::from([(*key, ())]), &text);
        let back: BTreeMap<String, ()> = v8::from_slice(&record(&text)).expect("reads");
        assert_eq!(back.keys().collect::<Vec<_>>(), [key]);
    }
    #[derive(Serialize)]
    enum Renamed {
        #[serde(rename = "7")]
        Tuple(u8, u8),
        #[serde(rename = "8")]
        Struct {
            #[serde(rename = "9")]
            field: u8,
        },
        #[serde(rename = "6")]
        Newtype(u8),
    }
    serialized(&Renamed::Tuple(0, 1), "6f 490e 4102 4900 4902 240002 7b01");
    serialized(&Renamed::Struct { field: 0 }, "6f 4910 6f 4912 4900 7b01 7b01");
    serialized(&Renamed::Newtype(0), "6f 490c 4900 7b01");
}

#[test]
fn adv_6_map_keys_are_encoded_as_in_json() {
    serialized(&BTreeMap::from([(-1i8, 0)]), "6f 22022d31 4900 7b01");
    serialized(&BTreeMap::from([(7u64, 0)]), "6f 490e 4900 7b01");
    serialized(
        &BTreeMap::from([(u64::MAX, 0)]),
        "6f 2214 3138343436373434303733373039353531363135 4900 7b01",
    );
    serialized(&BTreeMap::from([('x', 0)]), "6f 220178 4900 7b01");
    serialized(&BTreeMap::from([(true, 0)]), "6f 220474727565 4900 7b01");
    serialized(&BTreeMap::from([(Some("k"), 0)]), "6f 22016b 4900 7b01");
    for float in [0.1f32, 1.0, 1e20, -0.0, f32::MIN_POSITIVE] {
        let map = HashMap::from([(Float(float), 1)]);
        let json: serde_json::Value =
            serde_json::from_str(&serde_json::to_string(&map).expect("encodes")).expect("is JSON");
        let record = v8::to_vec(&map, &newest()).expect("encodes");
        assert_eq!(v8::from_slice::<serde_json::Value>(&record).expect("reads"), json, "{float}");
    }
    let refused = |error: v8::Error| assert!(matches!(error.kind(), Kind::Invalid(_)), "{error}");
    refused(v8::to_vec(&BTreeMap::from([((1, 2), 0)]), &newest()).expect_err("is no key"));
    refused(v8::to_vec(&BTreeMap::from([((), 0)]), &newest()).expect_err("is no key"));
    refused(v8::to_vec(&BTreeMap::from([(vec![1u8], 0)]), &newest()).expect_err("is no key"));
    refused(v8::to_vec(&BTreeMap::from([(None::<&str>, 0)]), &newest()).expect_err("is no key"));
    refused(v8::to_vec(&HashMap::from([(Float(f32::NAN), 0)]), &newest()).expect_err("is no key"));
}

#[derive(PartialEq, Debug)]
struct Float(f32);

impl Eq for Float {}

impl std::hash::Hash for Float {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f32(self.0)
    }
}

#[test]
fn adv_6_properties_keep_their_order() {
    let value = Value::object([("b", 1.into()), ("2", 2.into()), ("a", 3.into()), ("1", 4.into())]);
    written(&value, "6f 220162 4902 4904 4904 220161 4906 4902 4908 7b04");
    #[derive(Serialize)]
    struct Fields {
        b: u8,
        a: u8,
    }
    serialized(&Fields { b: 1, a: 2 }, "6f 220162 4902 220161 4904 7b02");
}

/// V8 cannot read an object with a repeated property, and Node crashes (NEVER-2).
#[test]
fn never_2_a_repeated_property_is_refused() {
    let twice =
        |keys: &[&str]| keys.iter().map(|key| (JsString::from(*key), Value::Null)).collect::<Vec<_>>();
    for keys in [&["a", "a"][..], &["0", "x", "0"], &["", ""], &["\u{20ac}", "\u{20ac}"]] {
        invalid(&Value::Object(twice(keys)), "twice");
        invalid(&Value::HostObject(twice(keys)), "twice");
        invalid(&sparse(5, twice(keys)), "twice");
        let map = Pairs(keys);
        assert!(matches!(v8::to_vec(&map, &newest()).expect_err("is twice").kind(), Kind::Invalid(_)));
        // Deep inside, where it would crash Node as well.
        invalid(&Value::from(vec![Value::Object(twice(keys))]), "twice");
    }
    // Among many.
    for (count, again) in [(15, 0), (16, 15), (17, 16), (40, 3), (1000, 500)] {
        let mut names: Vec<String> = (0..count).map(|n| format!("k{n}")).collect();
        let all = |names: &[String]| Value::object(names.iter().map(|name| (name.as_str(), Value::Null)));
        all(&names).encode(&newest()).expect("each is there once");
        v8::to_vec(&Pairs(&names), &newest()).expect("each is there once");
        names.push(format!("k{again}"));
        invalid(&all(&names), "twice");
        assert!(v8::to_vec(&Pairs(&names), &newest()).is_err());
    }
    // Lone surrogates that look the same in UTF-8, and an index and its text.
    let lone = |unit| (JsString::from_utf16(&[unit]), Value::Null);
    Value::Object(vec![lone(0xd800), lone(0xd801)]).encode(&newest()).expect("are two");
    invalid(&Value::Object(vec![lone(0xd800), lone(0xd800)]), "twice");
}

#[test]
fn never_2_fields_with_the_same_key_are_refused() {
    #[derive(Serialize)]
    struct Flat {
        a: u8,
        #[serde(flatten)]
        rest: BTreeMap<&'static str, u8>,
    }
    #[derive(Serialize)]
    struct Renamed {
        #[serde(rename = "x")]
        a: u8,
        #[serde(rename = "x")]
        b: u8,
    }
    v8::to_vec(&Flat { a: 1, rest: BTreeMap::from([("b", 1)]) }, &newest()).expect("are two");
    v8::to_vec(&Flat { a: 1, rest: BTreeMap::from([("a", 1)]) }, &newest()).expect_err("are one");
    v8::to_vec(&Renamed { a: 1, b: 2 }, &newest()).expect_err("are one");
    // A two-byte key is the same wherever padding puts it.
    for shift in ["", "x"] {
        let map = BTreeMap::from([("before", shift)]);
        v8::to_vec(&(map, Pairs(&["\u{20ac}", "y", "\u{20ac}"])), &newest()).expect_err("is twice");
        v8::to_vec(&(shift, Pairs(&["\u{20ac}", "yy", "\u{20ac}"])), &newest()).expect_err("is twice");
    }
}

/// Properties that V8 reads as elements, or as the array's length.
#[test]
fn never_2_a_property_that_repeats_an_array_element_is_refused() {
    let of = |length, keys: &[&str]| {
        sparse(length, keys.iter().map(|key| (JsString::from(*key), Value::Null)).collect())
    };
    for (length, keys) in
        [(0, &["length"][..]), (2, &["0", "1", "length"]), (1, &["0", "0"]), (9, &["length"])]
    {
        let error = of(length, keys).encode(&newest()).expect_err("is there already");
        assert!(matches!(error.kind(), Kind::Invalid(_)), "{error}");
    }
    written(&of(2, &["0", "1", "Length", "-1"]), "4102 30 30 22064c656e677468 30 22022d31 30 240202");
    written(&of(3, &["2", "x"]), "6103 4904 30 220178 30 400203");
}

#[test]
fn never_2_a_record_with_a_repeated_property_is_not_forwarded() {
    for text in ["6f 220161 30 220161 30 7b02", "4101 30 4900 30 240101", "4100 22066c656e677468 30 240100"] {
        frames::reencode(&record(text).into(), &Options::new()).expect_err(text);
    }
}

fn sparse(length: u32, properties: v8::Object) -> Value {
    Value::SparseArray(Box::new(SparseArray { length, properties }))
}

/// Serialized as a map in which a key may be twice.
struct Pairs<'a, T>(&'a [T]);

impl<T: Serialize> Serialize for Pairs<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|key| (key, 0)))
    }
}
