//! What only the advanced mode carries, to the child and back from it.

use crossfork::v8::{BigInt, ErrorKind, ErrorObject, JsString, Options, RegExp, RegExpFlags};
use crossfork::v8::{SparseArray, Value, View, ViewKind};
use crossfork::{Error, FormatError, SendError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Scenario, all, node, scenario, scripts};
use crate::child::{Child, Scope};
use crate::driver::Driver;
use crate::peers;

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    let list = vec![
        scenario(all, "ADV-4/6..9: every kind of value comes back as it was", |t: &Scope<D>| {
            let child = t.peer();
            for value in every_kind() {
                there_and_back(&child, &value);
            }
        }),
        scenario(all, "ADV-6: shared references, or contains itself, comes back so", |t: &Scope<D>| {
            let child = t.peer();
            let ring = || Value::object([("itself", Value::Reference(1))]).with_label(1);
            let shared = Value::Array(vec![Value::from([1]).with_label(1), Value::Reference(1)]);
            let map = Value::Map(vec![(Value::Reference(1), Value::Reference(1))]).with_label(1);
            for value in [ring(), shared, map, Value::Array(vec![Value::buffer(vec![1]), ring()])] {
                there_and_back(&child, &value);
            }
        }),
        scenario(all, "ADV-9: bytes of every size come back", |t: &Scope<D>| {
            let child = t.peer();
            let sizes = [0, 1, 2, 3, 4, 5, 255, 4096, 65_525, 65_536, 65_537, 1 << 20, 16 << 20];
            for size in sizes {
                let bytes: Vec<u8> = (0..size).map(|i| ((i * 31) >> 3) as u8).collect();
                there_and_back(&child, &Value::buffer(bytes));
            }
        })
        .heavy(),
        scenario(all, "ADV-4: types of one's own come back, bytes as bytes", |t: &Scope<D>| {
            #[derive(Serialize, Deserialize, PartialEq, Debug)]
            struct Job {
                id: u64,
                ratio: f64,
                name: Option<String>,
                image: Vec<u8>,
                steps: Vec<Step>,
            }
            #[derive(Serialize, Deserialize, PartialEq, Debug)]
            enum Step {
                Crop { width: u32, height: u32 },
                Flip,
            }
            let child = t.peer();
            let job = Job {
                id: u64::MAX,
                ratio: 0.1,
                name: Some("é😀".into()),
                image: vec![0, 255, 10],
                steps: vec![Step::Crop { width: 1, height: 1 << 31 }, Step::Flip],
            };
            child.send(&job).expect("a message");
            let back = child.receive("the job");
            assert_eq!(back.decode::<Job>().expect("a job"), job);
            let value = back.value().expect("a value");
            assert_eq!(value.get("image"), Some(&Value::buffer(vec![0, 255, 10])));
        }),
        scenario(scripts, "ADV-10/HND-1: the message of a handle may be any value", |t: &Scope<D>| {
            let child = t.peer();
            let ring = Value::object([("itself", Value::Reference(1))]).with_label(1);
            for value in [ring, Value::buffer(vec![1, 2, 3]), Value::Set(vec![Value::from("é\u{1F600}")])] {
                let sent = Value::Array(vec![value]);
                child.send_handle(&sent, peers::udp("udp4").into()).expect("a handle");
                let report = child.receive("the report of a handle").value().expect("a value");
                assert_eq!(report.get("type").and_then(Value::as_str), Some("dgram.Socket"));
                // Counted from the report on, and so with other labels.
                assert_eq!(report.get("value").expect("a value").to_string(), sent.to_string());
            }
        }),
        scenario(node, "ADV-11/NEVER-3: what an old Node cannot read is not sent to it", |t: &Scope<D>| {
            let child = t.peer();
            let resizable = Value::ResizableArrayBuffer(vec![1, 2].into(), 8);
            child.send(&resizable).expect("it has a form for all");
            let back = child.receive("a buffer").value().expect("a value");
            assert_eq!(back, Value::ArrayBuffer(vec![1, 2].into()));
            let sets = RegExp { source: "a".into(), flags: RegExpFlags::UNICODE_SETS };
            let half = View { kind: ViewKind::Float16Array, bytes: vec![0, 60].into() };
            for value in [Value::RegExp(Box::new(sets)), Value::View(half)] {
                let error = child.send(&value).expect_err("it has none");
                let refused = matches!(error, Error::Send(SendError::Encode(FormatError::V8(_))));
                assert!(refused, "{error}");
            }
            child.echo();
        }),
        scenario(node, "ADV-11: what a newer Node reads is sent to it, if that is said", |t: &Scope<D>| {
            let child = t.peer();
            child.set_v8_options(Options::new().oldest_node(t.runtime.major));
            if t.runtime.major >= 20 {
                there_and_back(&child, &Value::ResizableArrayBuffer(vec![1, 2].into(), 8));
                let sets = RegExp { source: "a".into(), flags: RegExpFlags::UNICODE_SETS };
                there_and_back(&child, &Value::RegExp(Box::new(sets)));
            }
            if t.runtime.major >= 24 {
                let half = View { kind: ViewKind::Float16Array, bytes: vec![0, 60].into() };
                there_and_back(&child, &Value::View(half));
            }
            child.echo();
        }),
        scenario(all, "NEVER-2: a value that cannot travel is refused here", |t: &Scope<D>| {
            let child = t.peer();
            let error = child.send(&Value::Reference(7)).expect_err("it refers to nothing");
            assert!(matches!(error, Error::Send(SendError::Encode(FormatError::V8(_)))), "{error}");
            child.echo();
        }),
        scenario(all, "ADV-3: a flood of small messages in both directions leaves nobody stuck", flood)
            .heavy(),
    ];
    list.into_iter().map(Scenario::in_advanced).collect()
}

/// Within an array, for a message of `undefined` cannot be sent back.
fn there_and_back<D: Driver>(child: &Child<D>, value: &Value) {
    let value = Value::Array(vec![value.clone()]);
    child.send(&value).unwrap_or_else(|e| panic!("{value} was not sent: {e}"));
    let back = child.receive("the value").value().expect("a value");
    assert!(back == value, "{back} is not {value}");
}

fn every_kind() -> Vec<Value> {
    let lone = || JsString::from_utf16(&[0x61, 0xd800, 0x62]);
    let mut values = vec![Value::Undefined, Value::Null, true.into(), false.into()];
    values.extend(
        [0.0, -0.0, 1.0, -1.0, 0.5, 2147483647.0, -2147483648.0, 2147483648.0, 9007199254740993.0, 1e300]
            .map(Value::Number),
    );
    values.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(Value::Number));
    for digits in [&[][..], &[1], &[0, 1], &[u64::MAX, u64::MAX]] {
        values.push(BigInt::new(false, digits).into());
        values.push(BigInt::new(!digits.is_empty(), digits).into());
    }
    values.extend(["", "a", "é", "ÿĀ", "😀", "\0\n\u{2028}"].map(Value::from));
    values.push(lone().into());
    values.extend([Value::BoolObject(true), Value::NumberObject(-0.0), Value::StringObject(lone())]);
    values.push(Value::BigIntObject(BigInt::new(true, &[7])));
    values.extend([0.0, -1.0, 8.64e15, f64::NAN].map(Value::Date));
    values.push(Value::object([("z", 1.into()), ("a", 2.into()), ("", 3.into()), ("é", Value::Undefined)]));
    values.push(Value::object([(lone(), Value::Null)]));
    values.push(Value::Array(vec![Value::Undefined, Value::from(["nested"]), Value::Null]));
    values.push(Value::SparseArray(Box::new(SparseArray {
        length: 7,
        properties: vec![("2".into(), "here".into()), ("name".into(), "extra".into())],
    })));
    values
        .push(Value::Map(vec![(Value::object([("k", 1.into())]), Value::Null), (f64::NAN.into(), 1.into())]));
    values.push(Value::Set(vec!["b".into(), "a".into(), Value::Set(vec![])]));
    let flags = RegExpFlags::from_letters("gi").expect("flags");
    values.push(Value::RegExp(Box::new(RegExp { source: "a|é".into(), flags })));
    values.push(Value::ArrayBuffer(vec![1, 2, 3].into()));
    for kind in [
        ViewKind::Int8Array,
        ViewKind::Uint8Array,
        ViewKind::Uint8ClampedArray,
        ViewKind::Int16Array,
        ViewKind::Uint16Array,
        ViewKind::Int32Array,
        ViewKind::Uint32Array,
        ViewKind::Float32Array,
        ViewKind::Float64Array,
        ViewKind::DataView,
        ViewKind::Buffer,
        ViewKind::BigInt64Array,
        ViewKind::BigUint64Array,
    ] {
        values.push(Value::View(View { kind, bytes: (1..=16).collect::<Vec<u8>>().into() }));
    }
    let kinds = [ErrorKind::Error, ErrorKind::RangeError, ErrorKind::TypeError, ErrorKind::UriError];
    values.extend(kinds.map(|kind| {
        let mut error = ErrorObject::new(kind);
        error.message = Some("what went wrong: é".into());
        error.stack = Some("at here".into());
        error.cause = Some(Value::Map(vec![("code".into(), 7.into())]));
        error.into()
    }));
    values
}

/// Of many sizes, so that reads end everywhere in the frames.
fn flood<D: Driver>(t: &Scope<D>) {
    const COUNT: usize = 30_000;
    let child = t.peer();
    let message = |i: usize| json!([i, "x".repeat(i * 7 % 61)]);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for i in 0..COUNT {
                child.feed(&message(i)).expect("a message");
            }
            child.flush().expect("the messages");
        });
        for i in 0..COUNT {
            child.expect(&message(i));
        }
    });
}
