//! Endless nesting: a limit, and no stack overflow, in a thread with Rust's default stack.

use std::thread;

use crossfork::v8::{self, ErrorObject, Kind, MAX_DEPTH, SparseArray, Value};
use crossfork::wire::advanced as frames;
use crossfork::wire::control::advanced as control;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::any;
use crate::kit::{hex, newest, record, varint};

/// The bytes around a value: before it and after it.
const CONTAINERS: &[(&str, &str)] = &[
    ("6f220161", "7b01"),
    ("6f4900", "7b01"),
    ("4101", "240001"),
    ("4100220161", "240100"),
    ("41022d", "240002"),
    ("61054902", "400105"),
    ("6101220161", "400101"),
    ("3b220161", "3a02"),
    ("27", "2c01"),
    ("7263", "2e"),
    ("726d220063", "7322002e"),
    ("5c016f220161", "7b01"),
];

/// As a key of a `Map`: JSON has no such keys.
const KEY: (&str, &str) = ("3b", "303a02");

fn nested((before, behind): (&str, &str), depth: usize) -> Vec<u8> {
    let (before, behind) = (hex(before).repeat(depth), hex(behind).repeat(depth));
    [record(""), before, hex("30"), behind].concat()
}

/// Runs in a thread with the stack that Rust gives threads.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(2 << 20).spawn(test).expect("a thread");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read, and not looked at")]
struct Node {
    a: Option<Box<Node>>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read, and not looked at")]
enum Shape {
    A(Box<Shape>),
    B,
}

#[test]
fn adv_6_the_nesting_depth_of_a_value_is_limited() {
    on_a_small_stack(|| {
        for container in CONTAINERS.iter().chain([&KEY]) {
            let deepest = nested(*container, MAX_DEPTH);
            let value = Value::decode(&deepest).unwrap_or_else(|e| panic!("{container:?}: {e}"));
            assert_eq!(Value::decode(&value.encode(&newest()).expect("encodes")).as_ref(), Ok(&value));
            any::check(&deepest);
            for depth in [MAX_DEPTH + 1, 100_000] {
                let deeper = nested(*container, depth);
                let error = Value::decode(&deeper).expect_err("is too deep");
                assert_eq!(error.kind(), &Kind::TooDeep, "{container:?}");
                any::check(&deeper);
                // An unfinished value is reported as too deep before its end is missing.
                let endless = &deeper[..2 + depth * hex(container.0).len()];
                assert_eq!(Value::decode(endless).expect_err("is endless").kind(), &Kind::TooDeep);
                v8::from_slice::<IgnoredAny>(endless).expect_err("is endless");
                assert!(control::parse(&endless.to_vec().into()).is_none());
                assert!(!control::begins_handle(endless));
            }
        }
    });
}

#[test]
fn adv_6_user_types_have_the_same_depth_limit() {
    on_a_small_stack(|| {
        for container in CONTAINERS {
            let (deepest, deeper) = (nested(*container, MAX_DEPTH), nested(*container, MAX_DEPTH + 1));
            v8::from_slice::<serde_json::Value>(&deepest).unwrap_or_else(|e| panic!("{container:?}: {e}"));
            let endless = nested(*container, 100_000);
            let error = v8::from_slice::<serde_json::Value>(&endless).expect_err("is too deep");
            assert_eq!(error.kind(), &Kind::TooDeep, "{container:?}");
            // A property of an array is skipped with its content.
            let is_passed_over = ["4100220161", "6101220161"].contains(&container.0);
            let read = v8::from_slice::<serde_json::Value>(&deeper);
            assert_eq!(read.is_ok(), is_passed_over, "{container:?}");
            // An ignored value may be deeper, as Node's messages may.
            v8::from_slice::<IgnoredAny>(&deeper).expect("is passed over");
            let error = v8::from_slice::<IgnoredAny>(&endless).expect_err("is too deep");
            assert_eq!(error.kind(), &Kind::TooDeep, "{container:?}");
        }
        let object = CONTAINERS[0];
        v8::from_slice::<Node>(&nested(object, MAX_DEPTH)).expect("is not too deep");
        assert_eq!(v8::from_slice::<Node>(&nested(object, 5000)).expect_err("is").kind(), &Kind::TooDeep);
        let shape = ("6f220141", "7b01");
        let shapes = |depth| {
            let mut record = nested(shape, depth);
            let at = 2 + depth * 4;
            record.splice(at..=at, hex("220142"));
            v8::from_slice::<Shape>(&record)
        };
        shapes(MAX_DEPTH).expect("is not too deep");
        assert_eq!(shapes(MAX_DEPTH + 1).expect_err("is").kind(), &Kind::TooDeep);
        assert_eq!(shapes(100_000).expect_err("is").kind(), &Kind::TooDeep);
    });
}

/// Siblings are not deeper.
#[test]
fn adv_6_siblings_do_not_count_as_depth() {
    let count = 3 * MAX_DEPTH;
    let siblings = hex("6f7b00 4100240000 3b3a00 272c00 722e 79 5c016f7b00").repeat(count);
    let length = varint(7 * count as u32);
    let record = [record("41"), length.clone(), siblings, hex("2400"), length].concat();
    assert_eq!(Value::decode(&record).expect("decodes").as_array().map(<[_]>::len), Some(7 * count));
    v8::from_slice::<serde_json::Value>(&record).expect("decodes");
}

#[test]
fn adv_6_a_value_nested_too_deep_is_not_encoded() {
    on_a_small_stack(|| {
        let builders: [fn(Value) -> Value; 8] = [
            |inner| Value::object([("a", inner)]),
            |inner| Value::Array(vec![inner]),
            |inner| {
                Value::SparseArray(Box::new(SparseArray { length: 5, properties: vec![("1".into(), inner)] }))
            },
            |inner| Value::Map(vec![(inner, Value::Null)]),
            |inner| Value::Map(vec![(Value::Null, inner)]),
            |inner| Value::Set(vec![inner]),
            |inner| {
                let mut error = ErrorObject::default();
                error.cause = Some(inner);
                error.into()
            },
            |inner| Value::HostObject(vec![("a".into(), inner)]),
        ];
        for build in builders {
            let mut value = Value::Null;
            for _ in 0..MAX_DEPTH {
                value = build(value);
            }
            let record = value.encode(&newest()).expect("is not too deep");
            assert_eq!(Value::decode(&record).as_ref(), Ok(&value));
            let error = build(value).encode(&newest()).expect_err("is too deep");
            assert_eq!(error.kind(), &Kind::TooDeep);
        }
        #[derive(serde::Serialize)]
        struct List(Option<Box<List>>, u8);
        let mut list = List(None, 0);
        for depth in 1..MAX_DEPTH + 2 {
            let written = v8::to_vec(&list, &newest());
            assert_eq!(written.is_ok(), depth <= MAX_DEPTH, "{depth}");
            list = List(Some(Box::new(list)), 0);
        }
    });
}

/// Node writes deeper values than it reads.
#[test]
fn never_2_a_record_sent_back_is_not_deeper_than_any_node_reads() {
    for container in CONTAINERS {
        frames::frame_of(&nested(*container, 1000)).expect("is read by every Node");
        frames::frame_of(&nested(*container, 1001)).expect_err("may not be");
    }
}
