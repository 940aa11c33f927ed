//! Any value, and any bytes.

use crossfork::v8::{self, Kind, Options, Value};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::hostile::takes_little;
use crate::kit::newest;
use crate::{any, arbitrary};

fn value() -> impl Strategy<Value = Value> {
    prop::collection::vec(any::<u32>(), 0..400).prop_map(|words| arbitrary::value(&words, false))
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    value: Value,
    list: Vec<Value>,
}

proptest! {
    #[test]
    fn adv_4_to_adv_9_any_value_is_written_and_read_as_itself(value in value()) {
        let record = value.encode(&newest()).expect("encodes");
        prop_assert_eq!(&Value::decode(&record).expect("decodes"), &value);
        any::check(&record);
        // Also inside a user type.
        let holder = Holder { value: value.clone(), list: Vec::new() };
        let record = v8::to_vec(&holder, &newest()).expect("encodes");
        prop_assert_eq!(&v8::from_slice::<Holder>(&record).expect("reads"), &holder);
    }

    #[test]
    fn never_3_any_value_is_encoded_for_the_oldest_node_or_refused(value in value()) {
        match value.encode(&Options::new()) {
            Ok(record) => {
                let safe = Value::decode(&record).expect("decodes");
                // A record for the oldest Node is the same for all.
                prop_assert_eq!(safe.encode(&newest()), Ok(record));
            }
            Err(error) => prop_assert!(matches!(error.kind(), Kind::TooNew { .. }), "{}", error),
        }
    }

    #[test]
    fn adv_2_any_truncated_value_is_an_error(value in value(), cut: prop::sample::Index) {
        let record = value.encode(&newest()).expect("encodes");
        let part = &record[..cut.index(record.len())];
        match Value::decode(part) {
            Err(error) => prop_assert_eq!(error.kind(), &Kind::Truncated),
            // A buffer is complete without the view on it.
            Ok(_) => prop_assert!(matches!(value, Value::BufferView(_)), "{}", value),
        }
        any::check(part);
    }

    #[test]
    fn adv_2_damaged_values_cause_no_panic(
        value in value(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut record = value.encode(&newest()).expect("encodes");
        for (at, byte) in damage {
            let at = at.index(record.len());
            record[at] = byte;
        }
        takes_little(&record, any::check);
    }

    #[test]
    fn adv_2_arbitrary_bytes_cause_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), header: bool) {
        let record = if header { [b"\xff\x0f", bytes.as_slice()].concat() } else { bytes };
        takes_little(&record, any::check);
    }

    /// Only tags and small numbers, which get further.
    #[test]
    fn adv_2_arbitrary_tags_cause_no_panic(
        tags in prop::collection::vec(prop::sample::select(&b"\0\x01\x02\x03_0TFIUNZ\"cSoAaDyxnzsR;'B~Vr^\\{$@:,-.mb"[..]), 0..60),
    ) {
        takes_little(&[b"\xff\x0f", tags.as_slice()].concat(), any::check);
    }
}

/// The generated values are of every kind, with and without references.
#[test]
fn the_generated_values_cover_every_kind() {
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let mut random = 1u32;
    for _ in 0..2000 {
        let words: Vec<u32> = (0..400)
            .map(|_| {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                random
            })
            .collect();
        let value = arbitrary::value(&words, false);
        let printed = format!("{value:?}");
        for kind in [
            "Undefined",
            "Null",
            "Bool(",
            "Number(",
            "BigInt(",
            "String(",
            "Object([",
            "Array([",
            "SparseArray",
            "Date(",
            "BoolObject",
            "NumberObject",
            "BigIntObject",
            "StringObject",
            "RegExp",
            "Map(",
            "Set(",
            "Error(",
            "ArrayBuffer(",
            "ResizableArrayBuffer",
            "View(",
            "BufferView",
            "HostObject",
            "Shared(",
            "Reference(",
        ] {
            *seen.entry(kind.to_owned()).or_default() += usize::from(printed.contains(kind));
        }
    }
    assert!(seen.values().all(|count| *count >= 20), "{seen:?}");
}
