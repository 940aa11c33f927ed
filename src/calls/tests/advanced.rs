//! What V8 writes otherwise than one thinks: references, and sparse arrays.

use super::acquainted;
use crate::calls::machine::Event;
use crate::calls::read::{Incoming, read};
use crate::calls::{params, write};
use crate::message::Payload;
use crate::wire::Serialization;
use crate::wire::v8::{Options, Shared, SparseArray, Value};

/// Its references would mean other objects there (ADV-6).
#[test]
fn a_message_with_references_is_never_in_a_bundle() {
    let (mut a, mut b) = acquainted(Serialization::Advanced);
    let before = b.messages;
    let shared = Value::Shared(Box::new(Shared { label: 1, value: Value::Array(vec![1.into()]) }));
    let twice = Value::object([("a", shared), ("b", Value::Reference(1))]);
    for params in [&1.into(), &twice, &twice, &2.into(), &3.into()] {
        a.calls.notify(write::notification(&a.encoder, "note", params).unwrap());
    }
    while a.send(&mut b) {}
    let shown: Vec<_> = b.receive_all().into_iter().map(|event| shown(&event)).collect();
    let both = "{ a: [ 1 ], b: [ 1 ] }";
    assert_eq!(
        shown[1..3]
            .iter()
            .map(|s| s.replace("<ref *1> ", "").replace("[Circular *1]", "[ 1 ]"))
            .collect::<Vec<_>>(),
        [both, both]
    );
    assert_eq!([&*shown[0], &*shown[3], &*shown[4]], ["[ 1 ]", "[ 2 ]", "[ 3 ]"]);
    assert_eq!(b.messages - before, 4);
}

fn shown(event: &Event) -> String {
    match event {
        Event::Notify(call) => format!("{:?}", call.params.as_ref().unwrap()),
        other => panic!("{other:?}"),
    }
}

/// As V8 writes an array in which an object occurs twice.
#[test]
fn references_between_the_elements_of_a_bundle_are_followed() {
    let params = Value::object([("n", 7.into())]);
    let call = |params: Value| {
        Value::object([("jsonrpc", "2.0".into()), ("method", "a".into()), ("params", params)])
    };
    let first = call(Value::Shared(Box::new(Shared { label: 1, value: params })));
    let first = Value::Shared(Box::new(Shared { label: 2, value: first }));
    let bundle = Value::Array(vec![first, call(Value::Reference(1)), Value::Reference(2)]);
    let record = bundle.encode(&Options::new()).unwrap();
    let mut calls = Vec::new();
    assert!(read(&Payload::new(Serialization::Advanced, record.into()), |incoming| calls.push(incoming)));
    let numbers = calls.into_iter().map(|call| {
        let Incoming::Notification(call) = call else { panic!("{call:?}") };
        call.params.unwrap().get("n").unwrap().decode::<u32>().unwrap()
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [7, 7, 7]);
}

/// V8 writes an array like this when it was filled in a certain way: all elements are there.
#[test]
fn a_bundle_and_parameters_may_be_sparse_arrays() {
    let sparse = |values: [Value; 2]| {
        let keys = ["0", "1"].map(Into::into);
        let properties = keys.into_iter().zip(values).collect();
        Value::SparseArray(Box::new(SparseArray { length: 2, properties }))
    };
    let call = Value::object([
        ("jsonrpc", "2.0".into()),
        ("method", "a".into()),
        ("params", sparse([3.into(), "x".into()])),
    ]);
    let record = sparse([call.clone(), call]).encode(&Options::new()).unwrap();
    let mut calls = Vec::new();
    assert!(read(&Payload::new(Serialization::Advanced, record.into()), |incoming| calls.push(incoming)));
    assert_eq!(calls.len(), 2);
    for call in calls {
        let Incoming::Notification(call) = call else { panic!("{call:?}") };
        let params = params::decode::<(u32, String)>(call.params.as_ref()).unwrap();
        assert_eq!(params, (3, "x".to_owned()));
    }
}
