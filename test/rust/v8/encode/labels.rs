//! Objects that occur more than once (ADV-6).

use crossfork::v8::{self, BufferView, ErrorObject, Kind, Options, SparseArray, Value, ViewKind};

use super::{invalid, written};
use crate::kit::{empty, newest, record};

fn reference(label: u32) -> Value {
    Value::Reference(label)
}

#[test]
fn adv_6_each_kind_of_object_can_be_referred_to() {
    let buffer = || Value::ArrayBuffer(vec![1, 2].into());
    for (object, text) in [
        (empty(), "6f7b00"),
        (Value::Array(Vec::new()), "4100240000"),
        (Value::SparseArray(Box::new(SparseArray { length: 1, properties: Vec::new() })), "6101400001"),
        (Value::Date(0.0), "440000000000000000"),
        (Value::BoolObject(true), "79"),
        (Value::NumberObject(0.0), "6e0000000000000000"),
        (Value::BigIntObject(0.into()), "7a00"),
        (Value::StringObject("".into()), "732200"),
        (Value::RegExp(Box::new(v8::RegExp { source: "a".into(), flags: v8::RegExpFlags(0) })), "5222016100"),
        (Value::Map(Vec::new()), "3b3a00"),
        (Value::Set(Vec::new()), "272c00"),
        (Value::Error(Box::default()), "722e"),
        (buffer(), "42020102"),
        (Value::ResizableArrayBuffer(vec![1].into(), 2), "7e010201"),
        (Value::buffer(vec![1]), "5c000a0101"),
    ] {
        let twice = Value::Array(vec![object.with_label(1), reference(1)]);
        written(&twice, &format!("4102 {text} 5e01 240002"));
    }
    // A native object takes two numbers, and only the second is known while it is read.
    let native = Value::HostObject(vec![("self".into(), reference(1))]).with_label(1);
    written(&Value::Array(vec![native, reference(1)]), "4102 5c01 6f 220473656c66 5e02 7b01 5e02 240002");
    // A view on a buffer begins behind it.
    let view = |buffer| {
        Value::BufferView(Box::new(BufferView { buffer, kind: ViewKind::Uint8Array, offset: 1, length: 1 }))
    };
    written(
        &Value::Array(vec![view(buffer()).with_label(1), reference(1)]),
        "4102 42020102 5642010100 5e02 240002",
    );
    written(
        &Value::Array(vec![view(buffer().with_label(1)), view(reference(1)), reference(1)]),
        "4103 42020102 5642010100 5e01 5642010100 5e01 240003",
    );
}

#[test]
fn adv_6_a_circular_value_is_encoded() {
    written(&Value::object([("self", reference(1))]).with_label(1), "6f 220473656c66 5e00 7b01");
    written(&Value::Array(vec![reference(1)]).with_label(1), "4101 5e00 240001");
    written(&Value::Set(vec![reference(1)]).with_label(1), "27 5e00 2c01");
    written(&Value::Map(vec![(reference(1), reference(1))]).with_label(1), "3b 5e00 5e00 3a02");
    let holes = SparseArray { length: 9, properties: vec![("1".into(), reference(1))] };
    written(&Value::SparseArray(Box::new(holes)).with_label(1), "6109 4902 5e00 400109");
}

/// Labels may have any numbers. Decoded labels count from 1 in the order of beginning.
#[test]
fn adv_6_labels_do_not_depend_on_order() {
    let of = |outer, first, second| {
        Value::Array(vec![
            Value::object([("a", Value::Date(1.0).with_label(second))]).with_label(first),
            reference(second),
            reference(first),
            reference(outer),
        ])
        .with_label(outer)
    };
    let canonical = of(1, 2, 3);
    for value in [of(7, 0, u32::MAX), of(3, 2, 1), of(2, 3, 1)] {
        let record = value.encode(&newest()).expect("encodes");
        assert_eq!(canonical.encode(&newest()).as_ref(), Ok(&record));
        assert_eq!(Value::decode(&record).as_ref(), Ok(&canonical));
    }
    // A label without references leaves no trace.
    let lonely = Value::Array(vec![empty().with_label(9)]);
    let record = lonely.encode(&newest()).expect("encodes");
    assert_eq!(Value::decode(&record), Ok(Value::Array(vec![empty()])));
}

#[test]
fn adv_6_a_forward_reference_is_refused() {
    let dangling = |value: Value, label| {
        assert_eq!(
            value.encode(&newest()).expect_err("dangles").kind(),
            &Kind::NoSuchObject(label),
            "{value}"
        );
    };
    dangling(reference(1), 1);
    dangling(Value::Array(vec![reference(7)]), 7);
    dangling(Value::Array(vec![reference(1), empty().with_label(1)]), 1);
    dangling(Value::Array(vec![empty().with_label(1), reference(2)]), 2);
    dangling(Value::Map(vec![(reference(1), empty().with_label(1))]), 1);
}

#[test]
fn adv_6_a_label_used_twice_is_refused() {
    let twice = Value::Array(vec![empty().with_label(1), empty().with_label(1)]);
    invalid(&twice, "same label");
    let inside = Value::Array(vec![empty().with_label(1)]).with_label(1);
    invalid(&inside, "same label");
    for primitive in [
        Value::Undefined,
        Value::Null,
        true.into(),
        1.into(),
        1.5.into(),
        "a".into(),
        Value::BigInt(1.into()),
        reference(1),
        empty().with_label(2),
    ] {
        invalid(&primitive.with_label(1), "label");
    }
}

/// Each value has its own labels, although all are in one record.
#[test]
fn adv_6_values_in_one_message_do_not_share_labels() {
    let value = || Value::Array(vec![empty().with_label(1), reference(1)]);
    let record = v8::to_vec(&(value(), value()), &newest()).expect("encodes");
    assert_eq!(record, crate::kit::record("4102 4102 6f7b00 5e02 240002 4102 6f7b00 5e04 240002 240002"));
    let back: (Value, Value) = v8::from_slice(&record).expect("reads");
    assert_eq!(back.0, value());
    // Decoded labels are those of the whole record.
    let relabelled = Value::Array(vec![empty().with_label(2), reference(2)]);
    assert_eq!(back.1, relabelled);
    v8::to_vec(&(value(), reference(1)), &newest()).expect_err("is another's label");
}

#[test]
fn adv_6_an_array_that_repeats_one_object_stays_small() {
    let mut values = vec![Value::object([("k", "x".repeat(1000).into())]).with_label(1)];
    values.extend((0..1000).map(|_| reference(1)));
    let record = Value::Array(values).encode(&newest()).expect("encodes");
    assert!(record.len() < 4000, "{} bytes", record.len());
}

/// Node 18 and 20 register an error only after reading all of it (NEVER-3).
#[test]
fn never_3_an_error_that_is_its_own_cause_needs_node_22() {
    let circular = |inner: fn(Value) -> Value| {
        let mut error = ErrorObject::default();
        error.cause = Some(inner(reference(1)));
        Value::from(error).with_label(1)
    };
    for value in [circular(|own| own), circular(|own| Value::object([("error", own)]))] {
        for (node, is_read) in [(18, false), (20, false), (22, true), (24, true), (26, true)] {
            let written = value.encode(&Options::new().oldest_node(node));
            assert_eq!(written.is_ok(), is_read, "{value} for {node}");
            let too_new = |error: v8::Error| matches!(error.kind(), Kind::TooNew { since: 22, .. });
            assert!(written.map_or_else(too_new, |record| Value::decode(&record).as_ref() == Ok(&value)));
        }
    }
    // Behind its end it is known to all.
    let shared = Value::Array(vec![Value::Error(Box::default()).with_label(1), reference(1)]);
    assert_eq!(shared.encode(&Options::new()), Ok(record("4102 722e 5e01 240002")));
}
