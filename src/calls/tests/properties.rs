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

    /// No bytes of a peer make a machine panic, or queue anything by itself.
    #[test]
    fn nothing_that_a_peer_writes_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut end = End::new(Serialization::Json);
        for serialization in BOTH {
            let payload = Payload::new(serialization, bytes.clone().into());
            read(&payload, |incoming| drop(end.calls.handle(incoming)));
        }
        prop_assert_eq!(end.calls.queued_bytes(), 0);
    }
}
