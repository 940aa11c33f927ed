//! The header before the value, and the tags that begin a value.

use crossfork::v8::{Kind, Value};

use super::refused;
use crate::any;
use crate::kit::{hex, record};

fn kind_of(record: &str) -> Kind {
    let record = hex(record);
    any::check(&record);
    Value::decode(&record).expect_err("is no record").kind().clone()
}

#[test]
fn adv_1_adv_2_a_record_without_its_header_is_an_error() {
    assert_eq!(kind_of(""), Kind::Truncated);
    assert_eq!(kind_of("ff"), Kind::Truncated);
    assert_eq!(kind_of("ff0f"), Kind::Truncated);
    assert_eq!(kind_of("ff0f 00"), Kind::Truncated);
    assert_eq!(kind_of("30"), Kind::NoHeader);
    assert_eq!(kind_of("0fff 30"), Kind::NoHeader);
    assert_eq!(kind_of("00 ff0f 30"), Kind::NoHeader);
    // A second header is not a value.
    assert_eq!(kind_of("ff0f ff0f 30"), Kind::UnknownTag(0xff));
}

#[test]
fn adv_1_adv_2_an_unknown_version_is_an_error_that_names_it() {
    for version in (0..=0x7f).filter(|version| *version != 15) {
        let record = [0xff, version, b'0'];
        any::check(&record);
        let error = Value::decode(&record).expect_err("is another version");
        assert_eq!(error.kind(), &Kind::Version(version.into()));
        assert!(error.to_string().contains(&format!("version {version} ")), "{error}");
    }
    assert_eq!(kind_of("ff ffffffff0f 30"), Kind::Version(u32::MAX));
    let denos = Value::decode(&hex("ff10 30")).expect_err("is Deno's").to_string();
    assert!(denos.contains("Deno") && denos.contains("serialization: 'json'"), "{denos}");
}

#[test]
fn adv_2_an_unknown_tag_is_an_error_that_names_it() {
    // `-` is the hole of an array, and nothing elsewhere.
    let known = b"_0TFIUNZ\"cSoAaDyxnzsR;'B~r^\\";
    for tag in (1..=0xff).filter(|tag| !known.contains(tag)) {
        refused(&format!("{tag:02x}"), &Kind::UnknownTag(tag));
        if tag != b'-' {
            refused(&format!("41 01 {tag:02x} 240001"), &Kind::UnknownTag(tag));
        }
    }
    for tag in known {
        let error = Value::decode(&[0xff, 0x0f, *tag]);
        let unknown = matches!(&error, Err(error) if matches!(error.kind(), Kind::UnknownTag(_)));
        assert!(!unknown, "{tag:02x} is known");
    }
}

#[test]
fn adv_2_a_misplaced_part_is_an_error() {
    let invalid = |text: &str| {
        let error = Value::decode(&record(text)).expect_err(text);
        assert!(matches!(error.kind(), Kind::Invalid(_)), "{text}: {error}");
        any::check(&record(text));
    };
    // A key is a string or an index.
    for key in
        ["30", "54", "5f", "4901", "4e000000000000f83f", "4e000000000000f07f", "6f7b00", "5e00", "5a00"]
    {
        invalid(&format!("6f {key} 30 7b01"));
        invalid(&format!("6101 {key} 30 400101"));
        invalid(&format!("4100 {key} 30 240100"));
    }
    // A string is expected.
    for text in ["73 30", "73 4902", "52 30 00", "726d302e", "7273302e"] {
        invalid(text);
    }
    // Half a unit, and flags that do not exist.
    for text in ["6301 61", "6303 616161", "52 220161 8004", "52 220161 ffffffff0f"] {
        invalid(text);
    }
    // The parts of an error come once.
    for text in ["72 6d220161 6d220162 2e", "72 54 52 2e", "72 73220161 73220161 2e", "72 6330 6330 2e"] {
        invalid(text);
    }
    // A native object is an object, and Node has two kinds of them.
    invalid("5c01 30");
    invalid("5c01 4100240000");
    refused("5c02 30", &Kind::UnknownHostObject(2));
    refused("5cffffffff0f", &Kind::UnknownHostObject(u32::MAX));
    refused("5c000e00", &Kind::UnknownHostObject(14));
}
