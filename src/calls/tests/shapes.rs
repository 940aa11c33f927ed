//! What is a call, and what is one of the wrong shape.

use bytes::Bytes;

use super::{BOTH, End};
use crate::calls::Id;
use crate::calls::machine::Event;
use crate::calls::read::read;
use crate::message::Payload;
use crate::wire::Serialization;

fn came_on(serialization: Serialization, message: &serde_json::Value) -> (bool, Vec<Event>) {
    let mut end = End::new(serialization);
    let frame = end.encoder.frame(message).unwrap();
    let content = crate::wire::frame::content(serialization, &frame);
    let payload = Payload::new(serialization, Bytes::copy_from_slice(content));
    let mut events = Vec::new();
    let is_call = read(&payload, |incoming| events.push(end.calls.handle(incoming)));
    (is_call, events)
}

#[test]
fn what_is_no_call_is_the_users() {
    use serde_json::json;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "a" });
    let users = [
        json!(1),
        json!([]),
        json!([1, call]),
        json!([[call]]),
        json!({ "jsonrpc": "1.0", "id": 1, "method": "a" }),
        json!({ "jsonrpc": 2.0, "id": 1, "method": "a" }),
        json!({ "id": 1, "method": "a" }),
        json!(null),
        json!("text"),
    ];
    for serialization in BOTH {
        for message in &users {
            let (is_call, events) = came_on(serialization, message);
            assert!(!is_call && events.is_empty(), "{message} {events:?}");
        }
        assert!(came_on(serialization, &json!([call, 1, [call], null, call])).0);
    }
}

#[test]
fn an_id_that_cannot_be_one_is_refused_and_one_in_use_does_not_touch_the_first() {
    use serde_json::json;
    for serialization in BOTH {
        for id in [json!(null), json!(true), json!([1]), json!({})] {
            let (_, events) = came_on(serialization, &json!({ "jsonrpc": "2.0", "id": id, "method": "a" }));
            assert!(
                matches!(&events[..], [Event::Refused(None, error)] if error.code == -32600),
                "{events:?}"
            );
        }
        let call = |id: serde_json::Value| json!({ "jsonrpc": "2.0", "id": id, "method": "a" });
        let bundle = json!([call(json!(1)), call(json!("1")), call(json!(1.0)), call(json!(-0.5))]);
        let (_, events) = came_on(serialization, &bundle);
        let [Event::Call(_), Event::Call(_), Event::Refused(Some(id), _), Event::Call(_)] = &events[..]
        else {
            panic!("{events:?}");
        };
        assert_eq!(*id, Id::Number(1));
    }
}

#[test]
fn cancels_and_answers_of_every_wrong_shape_are_dropped() {
    use serde_json::json;
    let cancel = |params: serde_json::Value| json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": params });
    let wrong = [
        json!({ "jsonrpc": "2.0", "method": "$/cancelRequest" }),
        cancel(json!([1])),
        cancel(json!({ "id": null })),
        cancel(json!({ "id": [1] })),
        cancel(json!({ "id": 1 })),
        cancel(json!(7)),
        json!({ "jsonrpc": "2.0", "id": 1, "result": 1 }),
        json!({ "jsonrpc": "2.0", "id": null, "result": 1 }),
        json!({ "jsonrpc": "2.0", "id": "x", "error": { "code": 1, "message": "" } }),
        json!({ "jsonrpc": "2.0", "id": 1 }),
        json!({ "jsonrpc": "2.0", "method": 7 }),
        json!({ "jsonrpc": "2.0", "method": "$/progress", "params": { "token": 1, "value": 1 } }),
        json!({ "jsonrpc": "2.0", "method": "$/progress", "params": { "token": 1 } }),
        json!({ "jsonrpc": "2.0", "method": "$/progress", "params": { "token": 1, "value": { "items": [1] } } }),
        json!({ "jsonrpc": "2.0", "method": "$/crossfork/credit", "params": { "token": 1, "n": -1 } }),
        json!({ "jsonrpc": "2.0", "method": "$/crossfork/credit", "params": { "token": 1, "n": 1 } }),
    ];
    for serialization in BOTH {
        for message in &wrong {
            let (is_call, events) = came_on(serialization, message);
            assert!(is_call && matches!(events[..], [Event::Dropped]), "{message} {events:?}");
        }
    }
}

/// What is kept of such a message is not many times the message.
#[test]
fn a_bundle_of_a_million_things_that_are_no_calls_is_one_call() {
    for serialization in BOTH {
        let mut things = vec![serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "a" })];
        things.resize(1_000_000, serde_json::json!(1));
        let (is_call, events) = came_on(serialization, &serde_json::json!(things));
        assert!(is_call && matches!(events[..], [Event::Call(_)]), "{}", events.len());
    }
}
