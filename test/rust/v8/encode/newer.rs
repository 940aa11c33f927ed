//! Values that are too new for some Node, and the encoding of bytes (NEVER-3).

use crossfork::v8::{self, BufferView, Kind, Options, RegExp, RegExpFlags, Value, View, ViewKind};

use crate::kit::{record, value};

const NODES: [u32; 5] = [18, 20, 22, 24, 26];

fn halves() -> Value {
    Value::View(View { kind: ViewKind::Float16Array, bytes: vec![0, 60].into() })
}

/// Refused for each Node before this one, at any depth and by any route.
fn refused_before(first: u32, value: &Value) {
    let holders = [value.clone(), Value::object([("a", vec![value.clone()].into())])];
    for (node, holder) in NODES.into_iter().flat_map(|node| holders.iter().map(move |holder| (node, holder)))
    {
        let options = Options::new().oldest_node(node);
        let by_value = holder.encode(&options);
        let by_serde = v8::to_vec(&Some(holder), &options);
        assert_eq!(by_value, by_serde);
        match by_value {
            Ok(_) => assert!(node >= first, "{holder} is written for {node}"),
            Err(error) => {
                assert!(node < first, "{holder} for {node}: {error}");
                assert!(matches!(error.kind(), Kind::TooNew { since, .. } if *since == first), "{error}");
            }
        }
    }
}

#[test]
fn never_3_values_that_an_older_node_cannot_read_are_refused_by_default() {
    refused_before(24, &halves());
    let regexp = RegExp { source: "a".into(), flags: RegExpFlags::UNICODE_SETS };
    refused_before(20, &Value::RegExp(Box::new(regexp)));
    let buffer = Value::ArrayBuffer(vec![0, 60].into());
    let view = BufferView { buffer, kind: ViewKind::Float16Array, offset: 0, length: 2 };
    refused_before(24, &Value::BufferView(Box::new(view)));
    assert_eq!(Options::default(), Options::new().oldest_node(18));
}

#[test]
fn never_3_a_resizable_buffer_is_a_plain_one_for_node_18() {
    let resizable = || Value::ResizableArrayBuffer(vec![1, 2].into(), 8);
    assert_eq!(resizable().encode(&Options::new()), Ok(record("42 020102")));
    assert_eq!(resizable().encode(&Options::new().oldest_node(20)), Ok(record("7e 02080102")));
    // Its number and references to it are kept.
    let twice = Value::Array(vec![resizable().with_label(5), Value::Reference(5)]);
    assert_eq!(twice.encode(&Options::new()), Ok(record("4102 42020102 5e01 240002")));
    let wrong = Value::ResizableArrayBuffer(vec![1, 2].into(), 1);
    for node in NODES {
        let error = wrong.encode(&Options::new().oldest_node(node)).expect_err("is too long");
        assert!(matches!(error.kind(), Kind::Invalid(_)), "{error}");
    }
}

#[test]
fn adv_9_bytes_are_a_buffer_or_a_uint8array_by_option() {
    let bytes = vec![1u8, 2];
    assert_eq!(v8::to_vec(&bytes, &Options::new()), Ok(record("5c 00 0a 02 0102")));
    let options = Options::new().bytes_as_uint8_array();
    assert_eq!(v8::to_vec(&bytes, &options), Ok(record("5c 00 01 02 0102")));
    assert_eq!(v8::to_vec(&Some(&bytes[..]), &options), Ok(record("5c 00 01 02 0102")));
    // A value determines its own type.
    assert_eq!(Value::buffer(bytes).encode(&options), Ok(record("5c 00 0a 02 0102")));
}

#[test]
fn adv_9_a_view_that_does_not_end_with_an_element_is_refused() {
    for (kind, size) in [
        (ViewKind::Int16Array, 2),
        (ViewKind::Uint32Array, 4),
        (ViewKind::Float64Array, 8),
        (ViewKind::BigUint64Array, 8),
        (ViewKind::Float16Array, 2),
        (ViewKind::DataView, 1),
        (ViewKind::Buffer, 1),
    ] {
        assert_eq!(kind.bytes_per_element(), size);
        for length in 0..=2 * size {
            let view = Value::View(View { kind, bytes: vec![0; length].into() });
            let written = view.encode(&Options::new().oldest_node(26));
            assert_eq!(written.is_ok(), length % size == 0, "{length} bytes of {}", kind.as_str());
        }
    }
}

#[test]
fn adv_6_a_view_that_does_not_fit_its_buffer_is_refused() {
    let buffer = || Value::ArrayBuffer(vec![0; 8].into());
    let of = |buffer, kind, offset, length| {
        Value::BufferView(Box::new(BufferView { buffer, kind, offset, length })).encode(&Options::new())
    };
    for (kind, offset, length, fits) in [
        (ViewKind::Uint8Array, 0, 8, true),
        (ViewKind::Uint8Array, 8, 0, true),
        (ViewKind::Uint8Array, 1, 8, false),
        (ViewKind::Uint8Array, u32::MAX, 2, false),
        (ViewKind::Uint8Array, 2, u32::MAX, false),
        (ViewKind::Uint32Array, 4, 4, true),
        (ViewKind::Uint32Array, 2, 4, false),
        (ViewKind::Uint32Array, 0, 6, false),
        (ViewKind::DataView, 3, 5, true),
    ] {
        let record = of(buffer(), kind, offset, length);
        assert_eq!(record.is_ok(), fits, "{} {offset} {length}", kind.as_str());
        if let Ok(record) = record {
            assert_eq!(
                Value::decode(&record),
                Ok(Value::BufferView(Box::new(BufferView { buffer: buffer(), kind, offset, length })))
            );
        }
    }
    // On a value that is not a buffer.
    for other in [Value::Null, Value::buffer(vec![0; 8]), Value::Reference(1), value("4101 30 240001")] {
        of(other, ViewKind::Uint8Array, 0, 0).expect_err("is no buffer");
    }
}
