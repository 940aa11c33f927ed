//! Strings with one or two bytes per character, and the alignment of two-byte strings (ADV-4, ADV-5).

use crossfork::v8::{self, ErrorKind, JsString, Kind, RegExp, RegExpFlags, Value};
use crossfork::wire::advanced as frames;
use proptest::prelude::*;

use super::{serialized, written};
use crate::kit::{js, newest};
use crate::meter;

#[test]
fn adv_4_a_string_has_one_byte_per_character_up_to_ff_and_two_beyond() {
    for (text, bytes) in [
        ("", "22 00"),
        ("a\0\x7f", "22 03 61007f"),
        ("\u{80}\u{ff}", "22 02 80ff"),
        ("\u{100}", "63 02 0001"),
        ("a\u{100}", "63 04 61000001"),
        ("\u{ff}\u{100}", "63 04 ff000001"),
        ("\u{ffff}", "63 02 ffff"),
        ("\u{10000}", "63 04 00d800dc"),
        ("\u{10ffff}", "63 04 ffdbffdf"),
    ] {
        written(&text.into(), bytes);
        serialized(text, bytes);
        serialized(&text.to_owned(), bytes);
    }
    serialized(&'\u{e9}', "22 01 e9");
    serialized(&'\u{1f600}', "63 04 3dd800de");
}

#[test]
fn adv_4_lone_surrogates_are_preserved() {
    let of = |units: &[u16]| Value::String(JsString::from_utf16(units));
    written(&of(&[0xd800]), "63 02 00d8");
    written(&of(&[0xdc00, 0xd800]), "63 04 00dc00d8");
    written(&of(&[0x61, 0xdfff, 0xe9]), "63 06 6100ffdfe900");
    // A pair is one character, in any form.
    assert_eq!(of(&[0xd83d, 0xde00]), "\u{1f600}".into());
    let record = of(&[0x61, 0xd800]).encode(&newest()).expect("encodes");
    let error = v8::from_slice::<String>(&record).expect_err("is no Rust string");
    assert!(error.to_string().contains("surrogate"), "{error}");
}

#[test]
fn adv_4_utf_8_strings_are_read() {
    let value = |text: &str| crate::kit::value(text);
    assert_eq!(value("53 03 e282ac"), "\u{20ac}".into());
    // Invalid UTF-8 is read as Node reads it.
    assert_eq!(value("53 03 ffc328"), "\u{fffd}\u{fffd}(".into());
    assert_eq!(value("6f 53 03 e282ac 30 7b01"), Value::object([("\u{20ac}", Value::Null)]));
    assert_eq!(v8::from_slice::<&str>(&crate::kit::record("53 03 e282ac")).ok(), Some("\u{20ac}"));
}

/// Every value that contains a string.
fn holders(text: &str) -> Vec<Value> {
    let is_short = text.len() < 1000;
    let text = || js(text);
    let mut holders = vec![
        Value::String(text()),
        Value::StringObject(text()),
        Value::object([(text(), Value::String(text()))]),
        Value::Map(vec![(Value::String(text()), Value::String(text()))]),
        Value::Set(vec![Value::String(text())]),
        Value::Array(vec![Value::String(text()), Value::Null, Value::String(text())]),
        Value::error(ErrorKind::TypeError, text()),
        Value::HostObject(vec![(text(), Value::Null)]),
    ];
    // Long expressions are not for every Node.
    let regexp = RegExp { source: text(), flags: RegExpFlags::GLOBAL };
    holders.extend(is_short.then(|| Value::RegExp(Box::new(regexp))));
    holders
}

/// Around the lengths at which a varint grows.
#[test]
fn adv_5_two_byte_strings_are_padded_by_at_most_one_byte_where_needed() {
    for units in [1, 2, 63, 64, 65, 8191, 8192] {
        let text = "\u{20ac}".repeat(units);
        for shift in 1..4 {
            for holder in holders(&text) {
                let value = Value::from(vec![Value::from("x".repeat(shift)), holder]);
                let record = value.encode(&newest()).expect("encodes");
                assert_eq!(Value::decode(&record).as_ref(), Ok(&value));
                let mut from = 0;
                while let Some(found) = find(&record[from..], &text) {
                    let at = from + found;
                    assert_eq!((frames::PREFIX + at) % 2, 0, "{units} units behind {shift}");
                    let tag = at - 2 - usize::from(units > 63) - usize::from(units > 8191);
                    assert_eq!(record[tag], b'c');
                    // Without the padding it would not be aligned, so there is one byte of it.
                    assert!(record[tag - 1] != 0 || record[tag - 2] != 0, "{units} units behind {shift}");
                    from = at + 2 * units;
                }
                assert!(from > 0, "no string was found");
            }
        }
    }
}

fn find(record: &[u8], text: &str) -> Option<usize> {
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    record.windows(units.len()).position(|window| window == units)
}

proptest! {
    #[test]
    fn adv_4_adv_5_any_strings_round_trip(strings in prop::collection::vec(prop::collection::vec(unit(), 0..9), 0..9)) {
        let strings: Vec<JsString> = strings.iter().map(|units| JsString::from_utf16(units)).collect();
        let value: Value = strings.iter().cloned().collect();
        let record = value.encode(&newest()).expect("encodes");
        prop_assert_eq!(Value::decode(&record), Ok(value));
        let valid: Option<Vec<&str>> = strings.iter().map(JsString::as_str).collect();
        if let Some(valid) = valid {
            prop_assert_eq!(v8::to_vec(&valid, &newest()), Ok(record.clone()));
            prop_assert_eq!(v8::from_slice::<Vec<String>>(&record).expect("reads"), valid);
        } else {
            prop_assert!(v8::from_slice::<Vec<String>>(&record).is_err());
        }
    }
}

/// Units of every kind, surrogates among them.
fn unit() -> impl Strategy<Value = u16> {
    prop_oneof![4 => 0x20..0x7fu16, 1 => 0x80..0x100u16, 1 => any::<u16>(), 1 => 0xd7f0..0xe010u16]
}

/// No memory is allocated for it.
#[test]
fn adv_4_a_string_that_v8_cannot_hold_is_refused() {
    let longest = (1 << 29) - 24;
    let text = String::from_utf8(vec![0; longest + 1]).expect("is ASCII");
    let most = meter::most(|| {
        let error = v8::to_vec(&(1, &text), &newest()).expect_err("is too long");
        assert_eq!(error.kind(), &Kind::TooLong);
    });
    assert!(most < 4096, "{most} bytes");
}
