//! Short records whose references expand to a huge value.

use std::collections::BTreeMap;

use crossfork::v8::{self, Kind, Value};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::takes_little;
use crate::kit::{hex, newest, record, varint};
use crate::meter;

/// `[a, b, c, …]`, in which each is an array of ten references to the one before.
fn laughs(levels: u32) -> Vec<u8> {
    let mut bytes = [record("41"), varint(levels), hex("4100240000")].concat();
    for level in 1..levels {
        bytes.extend(hex("410a"));
        for _ in 0..10 {
            bytes.extend([hex("5e"), varint(level)].concat());
        }
        bytes.extend(hex("24000a"));
    }
    bytes.extend([hex("2400"), varint(levels)].concat());
    bytes
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read, and not looked at")]
struct Tree(Vec<Tree>);

#[test]
fn adv_6_a_value_keeps_references_unexpanded() {
    let record = laughs(20_000);
    takes_little(&record, |record| Value::decode(record).expect("decodes"));
    let value = Value::decode(&record).expect("decodes");
    assert_eq!(value.encode(&newest()), Ok(record.clone()));
    let first: Vec<Value> = v8::from_slice(&laughs(3)).expect("decodes");
    assert_eq!(first.len(), 3);
    v8::from_slice::<IgnoredAny>(&record).expect("is passed over");
}

#[test]
fn adv_6_the_expansion_of_references_is_limited_for_every_type() {
    // A thousandfold expansion is allowed.
    let json: serde_json::Value = v8::from_slice(&laughs(4)).expect("is small");
    assert_eq!(json[3][9][9], serde_json::json!([[], [], [], [], [], [], [], [], [], []]));
    limited::<serde_json::Value>(&laughs(20));
    limited::<Tree>(&laughs(20));
    // One-byte values could be the most numerous.
    let count = 4000;
    let of = |id| {
        [hex("41"), varint(count), [hex("5e"), varint(id)].concat().repeat(4000), hex("2400"), varint(count)]
            .concat()
    };
    let length = varint(count + 2);
    let references = hex("5e02").repeat(4000);
    let record = [record("41"), length.clone(), hex("79"), of(1), references, hex("2400"), length].concat();
    limited::<serde_json::Value>(&record);
}

fn limited<T: DeserializeOwned>(record: &[u8]) {
    let most = meter::most(|| match v8::from_slice::<T>(record) {
        Ok(_) => panic!("the expansion was not limited"),
        Err(error) => assert_eq!(error.kind(), &Kind::Shared),
    });
    assert!(most < 100 << 20, "{most} bytes for a record of {}", record.len());
}

/// Each of many values in a user type refers to one large object outside it.
#[test]
fn adv_6_values_that_refer_to_large_outer_objects_are_limited() {
    let count = 100_000u32;
    let large = [hex("4101"), hex("22"), varint(4000), vec![b'x'; 4000], hex("240001")].concat();
    let references = hex("5e01").repeat(count as usize);
    let length = varint(count + 1);
    let record = [record("41"), length.clone(), large, references, hex("2400"), length].concat();
    let error = v8::from_slice::<Vec<Value>>(&record).map(|all| all.len()).expect_err("is 400 MB");
    assert_eq!(error.kind(), &Kind::Shared);
    let error = v8::from_slice::<Vec<(String,)>>(&record).map(|all| all.len()).expect_err("is 400 MB");
    assert_eq!(error.kind(), &Kind::Shared);
    Value::decode(&record).expect("as a whole it is small");
}

/// A chain in which each object is in the next, read from the innermost: the longest way.
#[test]
fn adv_6_a_chain_of_references_counts_with_its_expanded_depth() {
    let links = 2000u32;
    let mut bytes = [record("41"), varint(links), hex("4100240000")].concat();
    for link in 1..links {
        bytes.extend([hex("4101 5e"), varint(link), hex("240001")].concat());
    }
    bytes.extend([hex("2400"), varint(links)].concat());
    Value::decode(&bytes).expect("is flat");
    let error = v8::from_slice::<serde_json::Value>(&bytes).expect_err("is deep");
    assert!(matches!(error.kind(), Kind::TooDeep | Kind::Shared), "{error}");
}

#[test]
fn adv_6_a_shared_object_is_read_for_each_reference() {
    let record = record("6f 220161 6f 22016b 4902 7b01 220162 5e01 220163 4102 5e01 5e01 240002 7b03");
    let json: serde_json::Value = v8::from_slice(&record).expect("decodes");
    assert_eq!(json, serde_json::json!({"a": {"k": 1}, "b": {"k": 1}, "c": [{"k": 1}, {"k": 1}]}));
    type Keys = BTreeMap<String, u8>;
    #[derive(Debug, PartialEq, Deserialize)]
    struct Typed {
        a: Keys,
        b: Option<Keys>,
        c: (Keys, Value),
    }
    let typed: Typed = v8::from_slice(&record).expect("decodes");
    let keys = Keys::from([("k".into(), 1)]);
    let value = Value::object([("k", 1.into())]).with_label(1);
    assert_eq!(typed, Typed { a: keys.clone(), b: Some(keys.clone()), c: (keys, value) });
}
