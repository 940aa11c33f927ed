//! Wrong lengths and counts.

use crossfork::v8::{self, Kind, SparseArray, Value};
use serde::de::IgnoredAny;

use super::{refused, takes_little};
use crate::any;
use crate::kit::{hex, record, varint};

/// Records that announce `length`, and contain less.
fn announcing(length: &str) -> Vec<String> {
    let element = "30".repeat(6);
    ["22", "53", "63", "41", "42", "7e ffffffff0f", "7e 7f", "5c000a", "5c0001", "5c0009"]
        .iter()
        .map(|tag| match *tag {
            // The length precedes the maximum.
            "7e ffffffff0f" => format!("7e {length} ffffffff0f {element}"),
            "7e 7f" => format!("7e {length} {length} {element}"),
            tag => format!("{tag} {length} {element}"),
        })
        .collect()
}

#[test]
fn adv_4_to_adv_9_an_excessive_length_is_an_error_before_allocation() {
    for length in ["08", "80 01", "feffffff0f", "feffff7f"] {
        for text in announcing(length) {
            refused(&text, &Kind::Truncated);
            // Deep inside, where more follows.
            refused(&format!("6f 220161 {text}"), &Kind::Truncated);
        }
    }
    // Digits of a big integer: 2^30 bits are what V8 holds.
    refused("5a 808080 80 01", &Kind::Truncated);
    refused("5a 8080808001 00", &Kind::Truncated);
    refused("5a 82808080 01", &Kind::TooLong);
    refused("7a feffffff0f", &Kind::TooLong);
}

#[test]
fn adv_6_a_wrong_count_is_an_error() {
    for (contents, end, right) in [
        ("6f 220161 30", "7b", 1),
        ("6f 220161 30 220162 30", "7b", 2),
        ("6f", "7b", 0),
        ("3b 30 30", "3a", 2),
        ("3b", "3a", 0),
        ("27 30 30 30", "2c", 3),
        ("5c01 6f 220161 30", "7b", 1),
        ("4100 220161 30", "24", 1),
        ("6105 4902 30 220161 30", "40", 2),
    ] {
        // Arrays repeat their length.
        let length = match end {
            "24" => "00",
            "40" => "05",
            _ => "",
        };
        for count in [0, 1, 2, 3, 4, 127, 128, u32::MAX] {
            let count_bytes: String = varint(count).iter().map(|b| format!("{b:02x}")).collect();
            let text = format!("{contents} {end} {count_bytes} {length}");
            match count == right {
                true => drop(crate::kit::value(&text)),
                false => refused(&text, &Kind::WrongCount),
            }
        }
    }
    refused("4102 30 30 24 00 01", &Kind::WrongCount);
    refused("4102 30 30 24 00 03", &Kind::WrongCount);
    refused("4102 30 30 24 02 00", &Kind::WrongCount);
    refused("6105 40 00 04", &Kind::WrongCount);
    // An element too few or too many is no element.
    refused("4102 30 24 00 02", &Kind::UnknownTag(b'$'));
    let error = Value::decode(&record("4102 30 30 30 24 00 02")).expect_err("has three");
    assert!(matches!(error.kind(), Kind::Invalid(_)), "{error}");
    refused("3b 30 3a 01", &Kind::UnknownTag(b':'));
}

#[test]
fn adv_4_a_varint_above_32_bits_is_an_error_everywhere() {
    for long in ["ffffffff10", "ffffffff7f", "808080808000", "ffffffffff0f", "8080808010"] {
        for before in [
            "49",
            "55",
            "5a",
            "22",
            "63",
            "53",
            "5e",
            "6f7b",
            "4100240000".get(..2).expect("41"),
            "61",
            "52 220161",
            "3b3a",
            "272c",
            "42",
            "7e",
            "7e00",
            "5c",
            "5c00",
            "5c000a",
        ] {
            let record = record(&format!("{before} {long}"));
            let error = Value::decode(&record).expect_err(before);
            assert!(
                matches!(error.kind(), Kind::Invalid(what) if what.contains("32 bits")),
                "{before}: {error}"
            );
            any::check(&record);
        }
    }
    // As long as allowed, although some bits have no meaning.
    for (padded, n) in [("80808080 00", 0.0), ("82808080 00", 1.0), ("ffffffff 0f", -2147483648.0)] {
        assert_eq!(crate::kit::value(&format!("49 {padded}")), Value::Number(n));
    }
}

#[test]
fn adv_6_a_view_stays_inside_its_buffer() {
    let buffer = "42 08 0102030405060708";
    for wrong in [
        "56 42 00 09 00",         // longer
        "56 42 09 00 00",         // begins behind the end
        "56 42 04 05 00",         // ends behind the end
        "56 42 ffffffff0f 02 00", // overflows
        "56 42 01 ffffffff0f 00",
        "56 77 01 02 00", // not where an element begins
        "56 77 00 03 00", // half an element
        "56 46 00 04 00",
        "56 46 04 08 00",
        "56 42 00 01 01", // flags of buffers that can be resized
        "56 42 00 01 02",
        "56 00 00 01 00", // no such kind
        "56 5c 00 01 00",
    ] {
        for text in [format!("{buffer} {wrong}"), format!("4102 {buffer} 5e01 {wrong} 240002")] {
            let error = Value::decode(&record(&text)).expect_err(&text);
            assert!(matches!(error.kind(), Kind::Invalid(_)), "{text}: {error}");
            any::check(&record(&text));
        }
    }
    assert_eq!(
        crate::kit::value(&format!("{buffer} 56 77 04 04 00")).to_string(),
        "Int16Array(<ArrayBuffer 01 02 03 04 05 06 07 08>, 4, 4)"
    );
    // A view on another value is invalid.
    for text in [
        "30 56 42 00 00 00",
        "6f7b00 56 42 00 00 00",
        "5c000a00 56 42 00 00 00",
        "56 42 00 00 00",
        "4102 6f7b00 5e01 56 42 00 00 00 240002",
        "4102 7e0001 5e01 56 42 00 00 00 240002",
    ] {
        Value::decode(&record(text)).expect_err(text);
        any::check(&record(text));
    }
}

#[test]
fn adv_9_a_view_ends_with_an_element() {
    for (index, size) in [(3, 2), (4, 2), (5, 4), (6, 4), (7, 4), (8, 8), (11, 8), (12, 8), (13, 2)] {
        for length in 0..=2 * size {
            let bytes = [hex("ff0f5c00"), vec![index, length], vec![0; length.into()]].concat();
            assert_eq!(Value::decode(&bytes).is_ok(), length % size == 0, "{length} bytes for kind {index}");
            assert_eq!(v8::from_slice::<IgnoredAny>(&bytes).is_ok(), length % size == 0);
            any::check(&bytes);
        }
    }
}

#[test]
fn adv_6_a_buffer_longer_than_its_maximum_is_an_error() {
    let error = Value::decode(&record("7e 02 01 0102")).expect_err("2 is over 1");
    assert!(matches!(error.kind(), Kind::Invalid(_)), "{error}");
    let value = crate::kit::value("7e 02 ffffffff0f 0102");
    assert_eq!(value, Value::ResizableArrayBuffer(vec![1, 2].into(), u32::MAX));
}

#[test]
fn adv_6_an_array_of_holes_takes_memory_only_for_its_elements() {
    let endless = record("61 ffffffff0f 40 00 ffffffff0f");
    takes_little(&endless, any::check);
    let value = Value::decode(&endless).expect("decodes");
    let none = SparseArray { length: u32::MAX, properties: Vec::new() };
    assert_eq!(value, Value::SparseArray(Box::new(none)));
    assert_eq!(value.encode(&crate::kit::newest()).as_ref(), Ok(&endless));
    v8::from_slice::<IgnoredAny>(&endless).expect("is passed over");
    // As a sequence it would have to be built.
    for record in [&endless, &record("61 ffff7f 4902 30 40 01 ffff7f")] {
        let error = v8::from_slice::<Vec<Option<u8>>>(record).expect_err("has too many holes");
        assert!(error.to_string().contains("v8::Value"), "{error}");
    }
    let few = record("61 03 4902 4902 40 01 03");
    assert_eq!(v8::from_slice::<Vec<Option<u8>>>(&few), Ok(vec![None, Some(1), None]));
}
