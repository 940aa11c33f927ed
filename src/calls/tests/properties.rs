//! What holds whatever is called, cancelled, cut off and said.

use proptest::prelude::*;

use super::BOTH;
use crate::calls::read::read;
use crate::calls::sim::{hostile, script};
use crate::message::Payload;
use crate::message::encoder::Encoder;
use crate::wire::frame;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every call that is not cancelled gets its own answer, once, behind all its items, of which there
    /// are never more than there is room for; and in the end nothing is left.
    #[test]
    fn whatever_is_called_and_cancelled_every_call_ends_once(
        mut steps in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        steps.insert(0, 0);
        BOTH.into_iter().for_each(|serialization| script::run(serialization, &steps));
    }

    /// What was cut off: what the end calls not begun was never begun, and every call has one outcome.
    #[test]
    fn wherever_the_channel_is_cut_every_call_ends_once(
        left in 1..=255_u8,
        mut steps in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        steps.insert(0, left);
        BOTH.into_iter().for_each(|serialization| script::run(serialization, &steps));
    }

    /// Whatever a peer says, each of its calls that was not refused can be answered once, and nothing else is
    /// kept of what it has said.
    #[test]
    fn nothing_that_a_peer_says_panics_or_is_kept(messages in prop::collection::vec(hostile_message(), 0..60)) {
        for serialization in BOTH {
            let encoder = Encoder::new(serialization);
            let frames: Vec<_> = messages.iter().map(|message| encoder.frame(message).unwrap()).collect();
            hostile::run(serialization, frames.iter().map(|frame| frame::content(serialization, frame)));
        }
    }

    /// No bytes at all make reading them panic.
    #[test]
    fn nothing_that_a_peer_writes_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for serialization in BOTH {
            read(&Payload::new(serialization, bytes.clone().into()), drop);
        }
    }
}

/// Values of which messages of a peer with bad intentions consist.
fn value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..6_i64).prop_map(Value::from),
        Just(json!(1.5)),
        Just(json!(u64::MAX)),
        Just(json!("1")),
        Just(json!("$/progress")),
        Just(json!({ "token": 1, "value": { "items": [1] } })),
        Just(json!({ "token": 2, "n": 3 })),
        Just(json!({ "id": 1 })),
        Just(json!({ "code": -1, "message": "m", "data": { "name": 1 } })),
        Just(json!({ "bundles": 1, "stream": 2, "deadline": -1 })),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-c]", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

fn hostile_message() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let method = prop_oneof![
        Just(json!("a")),
        Just(json!("$/cancelRequest")),
        Just(json!("$/progress")),
        Just(json!("$/crossfork/credit")),
        value(),
    ];
    let name = prop::sample::select(vec!["id", "params", "result", "error", "crossfork", "traceparent"]);
    let members = prop::collection::vec((name, value()), 0..5);
    let call = (members, prop::option::of(method), any::<bool>()).prop_map(|(members, method, is_call)| {
        let mut message: serde_json::Map<_, _> =
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        message.extend(method.map(|method| ("method".to_owned(), method)));
        if is_call {
            message.insert("jsonrpc".to_owned(), json!("2.0"));
        }
        Value::Object(message)
    });
    let call = call.boxed();
    prop_oneof![
        3 => call.clone(),
        1 => prop::collection::vec(prop_oneof![3 => call, 1 => value()], 0..5).prop_map(Value::from),
        1 => value(),
    ]
}
