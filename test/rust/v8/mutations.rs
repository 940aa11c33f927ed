//! Node's records with every possible single-byte change.

use std::collections::BTreeSet;
use std::thread;

use crossfork::v8::{self, Kind, Value};
use crossfork::wire::control::advanced as control;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::any;
use crate::hostile::takes_little;
use crate::kit::vectors;

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read, and not looked at")]
struct Message {
    cmd: String,
    id: Option<u64>,
    payload: Option<Value>,
}

/// A truncated varint is an error, and a truncated record is not an internal message.
#[test]
fn adv_2_a_truncated_record_is_an_error_for_every_reader() {
    for vector in vectors() {
        for end in 0..vector.record.len() {
            let (name, part) = (format!("{} up to {end}", vector.id), &vector.record[..end]);
            let error = Value::decode(part).expect_err(&name);
            assert_eq!(error.kind(), &Kind::Truncated, "{name}");
            assert!(error.offset().is_some_and(|at| at <= end), "{name}");
            v8::from_slice::<serde_json::Value>(part).expect_err(&name);
            v8::from_slice::<IgnoredAny>(part).expect_err(&name);
            v8::from_slice::<Message>(part).expect_err(&name);
            v8::from_slice::<Vec<Value>>(part).expect_err(&name);
            assert!(control::parse(&part.to_vec().into()).is_none(), "{name}");
            assert_eq!(control::reserved_cmd(part), None, "{name}");
            any::check(part);
        }
    }
}

#[test]
fn adv_2_bytes_after_the_value_are_an_error_for_every_reader() {
    for vector in vectors() {
        for tail in [&[0u8][..], b"_", b"\xff", &[0; 9]] {
            let long = [&vector.record, tail].concat();
            let error = Value::decode(&long).expect_err(&vector.id);
            assert_eq!(error.kind(), &Kind::TrailingBytes(tail.len()), "{}", vector.id);
            v8::from_slice::<IgnoredAny>(&long).expect_err(&vector.id);
            assert!(control::parse(&long.into()).is_none(), "{}", vector.id);
        }
    }
}

#[test]
fn adv_2_records_with_one_changed_byte_fail_or_round_trip() {
    let records: BTreeSet<Vec<u8>> = vectors().into_iter().map(|vector| vector.record).collect();
    let records: Vec<Vec<u8>> = records.into_iter().collect();
    thread::scope(|scope| {
        for part in records.chunks(records.len().div_ceil(4)) {
            scope.spawn(|| part.iter().for_each(|record| every_byte_changed(record)));
        }
    });
}

fn every_byte_changed(record: &[u8]) {
    /// Bytes with a meaning as a value, an end, a length or a version.
    const MEANINGS: &[u8] = b"\0\x01\x0f\x7f\x80\xff_0TFIUNZ\"cSoAaDyxnzsR;'B~Vr^\\{$@:,-.m";
    // The quick tier tries a quarter of them, different ones at each place.
    let every = if std::env::var("CROSSFORK_TIER").is_ok_and(|tier| tier == "full") { 1 } else { 4 };
    let mut record = record.to_vec();
    for at in 0..record.len() {
        let right = record[at];
        // In a long run of one byte, which occurs only in text, three places are enough.
        if at >= 3 && record[at - 3..at] == [right; 3] {
            continue;
        }
        for wrong in (0..=u8::MAX).filter(|wrong| (usize::from(*wrong) + at).is_multiple_of(every)) {
            record[at] = wrong;
            takes_little(&record, |record| {
                match MEANINGS.contains(&wrong) || Value::decode(record).is_ok() {
                    true => any::check(record),
                    false => drop(v8::from_slice::<Message>(record).expect_err("is damaged")),
                }
            });
        }
        record[at] = right;
    }
}
