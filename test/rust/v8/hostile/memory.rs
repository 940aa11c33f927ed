//! Small records that announce large values.

use crossfork::v8::{self, Value};
use serde::Deserialize;

use super::takes_little;
use crate::kit::{hex, record, varint};
use crate::{any, meter};

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read, and not looked at")]
struct Tree(Vec<Tree>);

/// Nested arrays, each of which announces as many elements as there are bytes left.
#[test]
fn adv_6_announced_lengths_of_nested_arrays_reserve_no_memory() {
    let filler = 1 << 16;
    let mut bytes = hex("ff0f");
    for _ in 0..500 {
        bytes.push(b'A');
        bytes.extend(varint(filler));
    }
    bytes.extend(vec![b'0'; filler as usize]);
    takes_little(&bytes, |bytes| Value::decode(bytes).expect_err("does not end"));
    takes_little(&bytes, |bytes| v8::from_slice::<serde_json::Value>(bytes).expect_err("does not end"));
    takes_little(&bytes, |bytes| v8::from_slice::<Tree>(bytes).expect_err("does not end"));
    takes_little(&bytes, |bytes| v8::from_slice::<Vec<Vec<Vec<u64>>>>(bytes).expect_err("does not end"));
}

/// Each announces as many holes as there are bytes left; together that is quadratic.
#[test]
fn adv_6_holes_do_not_multiply() {
    let arrays = 5000;
    let mut bytes = [hex("ff0f41"), varint(arrays)].concat();
    for left in (0..arrays).rev() {
        let length = varint(7 * 6 * left);
        bytes.extend([&hex("61"), &length, &hex("4000"), &length].into_iter().flatten());
    }
    bytes.extend([hex("2400"), varint(arrays)].concat());
    takes_little(&bytes, |bytes| {
        assert_eq!(Value::decode(bytes).expect("decodes").as_array().map(<[_]>::len), Some(arrays as usize));
    });
    // Eight holes a byte are allowed, and each is a value.
    let enough = 8 * bytes.len() * 2 * size_of::<serde_json::Value>();
    let most =
        meter::most(|| v8::from_slice::<Vec<Vec<Option<u8>>>>(&bytes).expect_err("has too many holes"));
    assert!(most < enough, "{most} bytes for a record of {}", bytes.len());
    let most = meter::most(|| v8::from_slice::<serde_json::Value>(&bytes).expect_err("has too many holes"));
    assert!(most < enough, "{most} bytes for a record of {}", bytes.len());
}

#[test]
fn adv_5_long_padding_is_scanned_once() {
    let padding = vec![0; 1 << 20];
    // Before a value, a key, an end, and where a view may follow.
    for parts in [
        ["", "30"],
        ["6f", "7b00"],
        ["6f 220161", "30 7b01"],
        ["41 01", "30 240001"],
        ["41 01 30", "24 0001"],
        ["42 00", "56 42 00 00 00"],
        ["41 02 42 00", "5e01 240002"],
        ["72", "6d22002e"],
        ["73", "220161"],
        ["5c01", "6f7b00"],
    ] {
        let padded = [record(parts[0]), padding.clone(), hex(parts[1])].concat();
        let plain = [record(parts[0]), hex(parts[1])].concat();
        assert_eq!(
            Value::decode(&padded).expect("decodes"),
            Value::decode(&plain).expect("decodes"),
            "{parts:?}"
        );
        let (padded, plain) = (v8::from_slice::<serde_json::Value>(&padded), v8::from_slice(&plain));
        assert_eq!(padded.is_ok(), plain.is_ok(), "{parts:?}");
        assert!(padded.is_err() || padded == plain, "{parts:?}");
    }
    let endless = [record(""), padding].concat();
    any::check(&endless);
}

/// Between any two parts, as often as a record has room.
#[test]
fn adv_5_padding_everywhere_changes_nothing() {
    let plain = record("6f 220161 4102 4902 6302ac20 240002 220162 3b 30 27 30 2c01 3a02 7b02");
    let value = Value::decode(&plain).expect("decodes");
    let padded = record(
        "0000 6f 00 220161 000000 4102 00 4902 000000 6302ac20 00 240002 0000 220162 00 3b 00 30 00 27 00 30 00 2c01 00 3a02 00 7b02",
    );
    assert_eq!(Value::decode(&padded), Ok(value));
    any::check(&padded);
}
