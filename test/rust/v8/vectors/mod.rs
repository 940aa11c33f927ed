//! Records of real Node processes, compared with their source text (ADV-1 to ADV-9).

mod containers;
mod objects;
mod scalars;

use crossfork::v8::{self, Kind, Options, Value};
use crossfork::wire::advanced as frames;

use crate::kit::{Vector, newest, vectors};

/// The value of the vector's source text, as far as it can be sent (ADV-8).
pub fn expected(vector: &Vector) -> Value {
    let found = scalars::expected(vector)
        .or_else(|| containers::expected(&vector.id))
        .or_else(|| objects::expected(vector));
    found.unwrap_or_else(|| panic!("{} is not known here: {}", vector.id, vector.js))
}

/// Where V8's choice is not the only one: a double for a whole number, which depends on the array's
/// past; and an error's cause before its stack, which Node 22 cannot read (ADV-7).
fn is_written_otherwise(vector: &Vector) -> bool {
    let old = vector.node.iter().any(|node| node.starts_with("18."));
    vector.id == "double_int_valued" || vector.id.starts_with("error_cause") && old
}

/// The first Node that can read it, and whether an older one gets a safe form (NEVER-3).
fn since(vector: &Vector) -> (u32, bool) {
    let new = !vector.node.iter().any(|node| node.starts_with("18."));
    match vector.id.as_str() {
        "arraybuffer_resizable" if new => (20, true),
        "regexp_v" if new => (20, false),
        "float16array" if new => (24, false),
        _ => (18, true),
    }
}

#[test]
fn adv_4_to_adv_9_every_recorded_frame_decodes_to_the_value_of_its_source_text() {
    for vector in vectors() {
        let value = Value::decode(&vector.record).unwrap_or_else(|e| panic!("{}: {e}", vector.id));
        assert_eq!(value, expected(&vector), "{}: {}", vector.id, vector.js);
    }
}

#[test]
fn adv_4_to_adv_9_recorded_values_are_encoded_in_the_same_bytes() {
    let mut others = 0;
    for vector in vectors() {
        let record = expected(&vector).encode(&newest()).unwrap_or_else(|e| panic!("{}: {e}", vector.id));
        if is_written_otherwise(&vector) {
            others += 1;
            assert_ne!(record, vector.record, "{}", vector.id);
            assert_eq!(Value::decode(&record), Ok(expected(&vector)), "{}", vector.id);
            continue;
        }
        let (ours, nodes) = (record.escape_ascii(), vector.record.escape_ascii());
        assert_eq!(ours.to_string(), nodes.to_string(), "{}", vector.id);
    }
    assert_eq!(others, 3);
}

#[test]
fn adv_7_an_error_with_a_cause_is_written_in_the_order_that_every_node_reads() {
    let of = |id: &str, major: &str| {
        let mut all = vectors().into_iter();
        all.find(|v| v.id == id && v.node.iter().any(|node| node.starts_with(major))).expect("is there")
    };
    for id in ["error_cause", "error_cause_error"] {
        let old = Value::decode(&of(id, "18.").record).expect("decodes");
        assert_eq!(old.encode(&Options::new()), Ok(of(id, "22.").record), "{id}");
    }
}

#[test]
fn never_3_values_too_new_for_a_node_are_refused_or_written_in_a_safe_form() {
    let mut new = 0;
    for vector in vectors() {
        let value = expected(&vector);
        let (first, has_safe_form) = since(&vector);
        new += usize::from(first > 18);
        for major in [18, 20, 22, 24, 26] {
            let options = Options::new().oldest_node(major);
            let name = format!("{} for {major}", vector.id);
            match value.encode(&options) {
                Ok(record) if major >= first => assert_eq!(Ok(&record), value.encode(&newest()).as_ref()),
                Ok(record) => {
                    assert!(has_safe_form, "{name} is written");
                    let safe = Value::decode(&record).expect(&name);
                    assert_eq!(safe, Value::ArrayBuffer(vec![1, 2].into()), "{name}");
                }
                Err(error) => {
                    let refused = matches!(error.kind(), Kind::TooNew { since, .. } if *since == first && major < first);
                    assert!(refused && !has_safe_form, "{name}: {error}");
                    assert!(error.to_string().contains(&format!("oldest_node({first})")), "{error}");
                }
            }
        }
    }
    assert_eq!(new, 3);
}

#[test]
fn never_3_a_forwarded_record_is_converted_for_the_peer() {
    for vector in vectors() {
        let passed = frames::reencode(&vector.record.clone().into(), &Options::new()).ok();
        let written = frames::encode(&expected(&vector), &Options::new()).ok();
        assert_eq!(passed, written, "{}", vector.id);
        let (first, has_safe_form) = since(&vector);
        assert_eq!(passed.is_some(), first == 18 || has_safe_form, "{}", vector.id);
        // Its author can certainly read it, and gets it unchanged.
        let back = frames::frame_of(&vector.record).expect(&vector.id);
        assert_eq!(Value::decode(&back[frames::PREFIX..]), Value::decode(&vector.record), "{}", vector.id);
    }
}

#[test]
fn adv_5_every_value_is_aligned_as_by_v8_at_any_position() {
    for vector in vectors() {
        let value = expected(&vector);
        for shift in 0..4 {
            let holder = Value::from(vec![Value::from("x".repeat(shift)), value.clone()]);
            let record = holder.encode(&newest()).expect("encodes");
            assert_eq!(Value::decode(&record).as_ref(), Ok(&holder), "{} behind {shift}", vector.id);
            let read: Vec<Value> = v8::from_slice(&record).expect("decodes");
            assert_eq!(read[1], value, "{} behind {shift}", vector.id);
        }
    }
}
