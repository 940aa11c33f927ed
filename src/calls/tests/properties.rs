//! What holds whatever is called, cancelled and cut off.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::{BOTH, End, pair};
use crate::calls::Id;
use crate::calls::machine::{Cancelling, Credit, Event};
use crate::calls::read::read;
use crate::calls::write;
use crate::message::Payload;
use crate::wire::Serialization;

/// What happens in the property test.
#[derive(Clone, Copy, Debug)]
enum Step {
    Call { stream: u32 },
    Cancel(usize),
    Answer(usize),
    Item(usize),
    Grant(usize),
    SendA,
    SendB,
    ToA(usize),
    ToB(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..4_u32).prop_map(|stream| Step::Call { stream }),
        1 => (0..9_usize).prop_map(Step::Cancel),
        3 => (0..9_usize).prop_map(Step::Answer),
        3 => (0..9_usize).prop_map(Step::Item),
        2 => (0..9_usize).prop_map(Step::Grant),
        4 => Just(Step::SendA),
        4 => Just(Step::SendB),
        4 => (0..300_usize).prop_map(Step::ToA),
        4 => (0..300_usize).prop_map(Step::ToB),
    ]
}

/// What the caller and the callee know of the calls.
#[derive(Default)]
struct Known {
    made: Vec<u64>,
    /// By id: how many items may come, and have come.
    room: HashMap<u64, (u64, u64)>,
    cancelled: HashSet<u64>,
    withdrawn: HashSet<u64>,
    ended: HashSet<u64>,
    /// At the callee.
    begun: HashSet<u64>,
    open: Vec<Id>,
    sent: HashMap<u64, u64>,
}

impl Known {
    fn at_caller(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Answered { id, outcome, was_cancelled } => {
                    assert!(self.begun.contains(&id) && self.ended.insert(id), "{id} is answered once");
                    assert_eq!(was_cancelled, self.cancelled.contains(&id));
                    assert_eq!(outcome.unwrap().decode::<Vec<u64>>().unwrap(), [id, id]);
                    // All items have come before.
                    if !was_cancelled {
                        assert_eq!(
                            self.room.get(&id).map_or(0, |room| room.1),
                            self.sent.get(&id).copied().unwrap_or(0)
                        );
                    }
                }
                Event::Items { id, items } => {
                    assert!(!self.ended.contains(&id) && !self.cancelled.contains(&id));
                    let (room, came) = self.room.get_mut(&id).unwrap();
                    for item in items {
                        assert_eq!(item.decode::<u64>().unwrap(), *came, "in their order");
                        *came += 1;
                    }
                    assert!(came <= room, "no more than there is room for");
                }
                Event::Dropped => assert!(!self.cancelled.is_empty(), "only what was cancelled is dropped"),
                other => panic!("{other:?}"),
            }
        }
    }

    fn at_callee(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Call(request) => {
                    let id = request.id.ours().unwrap();
                    assert!(!self.withdrawn.contains(&id) && self.begun.insert(id), "{id} is begun once");
                    self.open.push(request.id);
                }
                Event::Cancelled(id) => assert!(self.cancelled.contains(&id.ours().unwrap())),
                Event::Credit(_) | Event::Dropped => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn step(&mut self, step: Step, a: &mut End, b: &mut End) {
        let of = |list: &[u64], i: usize| (!list.is_empty()).then(|| list[i % list.len()]);
        match step {
            Step::Call { stream } => {
                let id = a.call(stream);
                self.made.push(id);
                self.room.insert(id, (stream.into(), 0));
            }
            Step::Cancel(i) => {
                if let Some(id) = of(&self.made, i) {
                    match a.cancel(id) {
                        Cancelling::Withdrawn => drop(self.withdrawn.insert(id)),
                        Cancelling::Tell => drop(self.cancelled.insert(id)),
                        Cancelling::Over => {}
                    }
                }
            }
            Step::Answer(i) => {
                if !self.open.is_empty() {
                    let id = self.open.remove(i % self.open.len());
                    b.answer(&id);
                }
            }
            Step::Item(i) => {
                if !self.open.is_empty() {
                    let id = self.open[i % self.open.len()].clone();
                    let sent = self.sent.entry(id.ours().unwrap()).or_default();
                    if b.item(&id, *sent) == Credit::Taken {
                        *sent += 1;
                    }
                }
            }
            Step::Grant(i) => {
                if let Some(id) = of(&self.made, i)
                    && self.room[&id].0 > 0
                    && a.calls.grant(id, 1)
                {
                    self.room.get_mut(&id).unwrap().0 += 1;
                    a.calls.notify(write::credit(&a.encoder, id, 1).unwrap());
                }
            }
            Step::SendA => drop(a.send(b)),
            Step::SendB => drop(b.send(a)),
            Step::ToA(bytes) => self.at_caller(a.receive(bytes)),
            Step::ToB(bytes) => self.at_callee(b.receive(bytes)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Every call that is not cancelled gets its own answer, once, behind all its items, of which there
    /// are never more than there is room for; and in the end nothing is left.
    #[test]
    fn whatever_is_called_and_cancelled_every_call_ends_once(
        steps in prop::collection::vec(step(), 0..200),
        is_advanced in any::<bool>(),
    ) {
        let serialization = if is_advanced { Serialization::Advanced } else { Serialization::Json };
        let (mut a, mut b) = pair(serialization);
        let mut known = Known::default();
        steps.into_iter().for_each(|step| known.step(step, &mut a, &mut b));
        loop {
            let went = a.send(&mut b) | b.send(&mut a);
            let events = b.receive_all();
            known.at_callee(events);
            let open = std::mem::take(&mut known.open);
            open.iter().for_each(|id| b.answer(id));
            let events = a.receive_all();
            known.at_caller(events);
            if !went && open.is_empty() {
                break;
            }
        }
        prop_assert_eq!(known.ended.len() + known.withdrawn.len(), known.made.len());
        prop_assert_eq!((a.calls.unanswered(), b.calls.open()), (0, 0));
        prop_assert_eq!((a.calls.queued_bytes(), b.calls.queued_bytes()), (0, 0));
    }

    /// What was cut off: what the end calls not begun was never begun, and every call has one outcome.
    #[test]
    fn wherever_the_channel_is_cut_every_call_ends_once(
        steps in prop::collection::vec(step(), 0..200),
        left in 0..400_usize,
    ) {
        let (mut a, mut b) = pair(Serialization::Json);
        let mut known = Known::default();
        steps.into_iter().for_each(|step| known.step(step, &mut a, &mut b));
        // As much as is on its way may still come.
        let events = b.receive(left);
        known.at_callee(events);
        for unanswered in a.calls.end() {
            prop_assert!(known.ended.insert(unanswered.id), "{} ends once", unanswered.id);
            prop_assert!(unanswered.begun || !known.begun.contains(&unanswered.id));
        }
        for id in &known.made {
            let ends = [known.ended.contains(id), known.withdrawn.contains(id), known.cancelled.contains(id)];
            prop_assert!(ends.contains(&true), "{id} is left");
        }
        // Nothing comes any more.
        let events = a.receive_all();
        prop_assert!(events.iter().all(|event| matches!(event, Event::Dropped)));
    }

    /// Whatever a peer says, each of its calls that was not refused can be answered once, and nothing else is
    /// kept of what it has said.
    #[test]
    fn nothing_that_a_peer_says_panics_or_is_kept(
        messages in prop::collection::vec(hostile(), 0..60),
        is_advanced in any::<bool>(),
    ) {
        let serialization = if is_advanced { Serialization::Advanced } else { Serialization::Json };
        let (mut a, mut peer) = pair(serialization);
        // Their ids are what a peer may guess.
        let ours: Vec<_> = (0..3).map(|_| a.call(2)).collect();
        while a.send(&mut peer) {}
        let (mut open, mut answered) = (Vec::new(), HashSet::new());
        for message in messages {
            let frame = a.encoder.frame(&message).unwrap();
            let content = crate::wire::frame::content(serialization, &frame);
            let payload = Payload::new(serialization, bytes::Bytes::copy_from_slice(content));
            read(&payload, |incoming| match a.calls.handle(incoming) {
                Event::Call(request) => open.push(request.id),
                Event::Answered { id, .. } => assert!(ours.contains(&id) && answered.insert(id)),
                Event::Items { id, .. } | Event::Progress { id, .. } => {
                    assert!(ours.contains(&id) && !answered.contains(&id));
                }
                Event::Cancelled(id) | Event::Credit(id) => assert!(open.contains(&id)),
                Event::Refused(..) | Event::Notify(_) | Event::Dropped => {}
                other => panic!("there are no uploads: {other:?}"),
            });
        }
        prop_assert_eq!(a.calls.open(), open.len());
        prop_assert_eq!(a.calls.queued_bytes(), 0);
        open.iter().for_each(|id| a.answer(id));
        prop_assert_eq!(a.calls.open(), 0);
        prop_assert_eq!(a.calls.end().len(), ours.len() - answered.len());
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

fn hostile() -> impl Strategy<Value = serde_json::Value> {
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
