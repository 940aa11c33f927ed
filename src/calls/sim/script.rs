//! Two ends that do whatever a script says, and are cut off at a byte that it says. What must hold is in [`Side`].

use std::collections::{HashMap, HashSet};

use super::End;
use crate::calls::machine::{Cancelling, Credit, Event};
use crate::calls::{Id, RpcError, code};
use crate::wire::Serialization;

/// What a call came to, for its caller. Each has one of these in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Answered,
    /// It was cancelled before it was sent.
    Withdrawn,
    /// The other end was told.
    Cancelled,
    /// The channel has ended.
    Lost,
}

/// A call, as its caller knows it.
#[derive(Default)]
struct Made {
    outcome: Option<Outcome>,
    /// Its answer came, although nobody waited for it any more.
    was_answered: bool,
    is_stream: bool,
    room: u64,
    came: u64,
    reported: u64,
}

/// One end, and what it knows of the conversation.
struct Side {
    end: End,
    /// Its calls, by their ids, which begin with 1.
    made: Vec<Made>,
    /// The other side's calls that it has begun, and those that it has not answered.
    begun: HashSet<u64>,
    open: Vec<Id>,
    /// How many items it has sent, and what it has reported, by the other side's ids.
    sent: HashMap<u64, u64>,
    reports: u64,
    /// Notifications that it has sent, and that came.
    notified: u64,
    heard: u64,
}

/// Runs a script: the first byte says whether and when the channel is cut, each pair of bytes behind it what is done.
pub fn run(serialization: Serialization, script: &[u8]) {
    let Some((ending, steps)) = script.split_first() else {
        return;
    };
    let (mut a, mut b) = (Side::new(serialization), Side::new(serialization));
    for step in steps.as_chunks::<2>().0 {
        match step[0] & 0x80 {
            0 => a.step(step[0], step[1], &mut b),
            _ => b.step(step[0], step[1], &mut a),
        }
    }
    match ending.checked_sub(1) {
        None => finish(&mut a, &mut b),
        // As much as is on its way may still come.
        Some(bytes) => {
            let (to_a, to_b) = (usize::from(bytes & 15) * 16, usize::from(bytes >> 4) * 16);
            a.receive(to_a, &b);
            b.receive(to_b, &a);
            a.cut(&b);
            b.cut(&a);
        }
    }
    for side in [&a, &b] {
        for (i, made) in side.made.iter().enumerate() {
            assert!(made.outcome.is_some(), "call {} is left", i + 1);
        }
    }
}

/// Everything arrives, and everything that is begun is answered.
fn finish(a: &mut Side, b: &mut Side) {
    loop {
        let went = a.end.send(&mut b.end) | b.end.send(&mut a.end);
        b.receive(usize::MAX, a);
        a.receive(usize::MAX, b);
        let has_answered = a.answer_all() | b.answer_all();
        if !went && !has_answered {
            break;
        }
    }
    for (side, other) in [(&*a, &*b), (&*b, &*a)] {
        assert_eq!((side.end.calls.unanswered(), side.end.calls.open()), (0, 0));
        assert_eq!(side.end.calls.queued_bytes(), 0);
        assert_eq!(side.heard, other.notified, "no notification is lost");
    }
}

impl Side {
    fn new(serialization: Serialization) -> Self {
        Side {
            end: End::new(serialization),
            made: Vec::new(),
            begun: HashSet::new(),
            open: Vec::new(),
            sent: HashMap::new(),
            reports: 0,
            notified: 0,
            heard: 0,
        }
    }

    fn step(&mut self, what: u8, which: u8, other: &mut Side) {
        let n = usize::from(which);
        let call = (!self.made.is_empty()).then(|| (n % self.made.len()) as u64 + 1);
        let open = (!self.open.is_empty()).then(|| n % self.open.len());
        match (what & 0x7f) % 14 {
            0 | 1 => self.call(u32::from(which % 4)),
            2 => call.into_iter().for_each(|id| self.cancel(id)),
            3 | 4 => {
                if let Some(i) = open {
                    let id = self.open.remove(i);
                    match which % 8 {
                        7 => self.end.fail(&id, &RpcError::new(code::HANDLER, "failed")),
                        _ => self.end.answer(&id),
                    }
                }
            }
            5 | 6 => open.into_iter().for_each(|i| self.item(i)),
            7 => call.into_iter().for_each(|id| self.grant(id)),
            8 => {
                if let Some(i) = open {
                    self.reports += 1;
                    self.end.report(&self.open[i].clone(), self.reports);
                }
            }
            9 => {
                self.notified += 1;
                self.end.notify(self.notified);
            }
            10 | 11 => drop(self.end.send(&mut other.end)),
            12 => self.receive(n * 4, other),
            _ => self.receive(n % 7, other),
        }
    }

    fn call(&mut self, stream: u32) {
        let id = self.end.call(stream);
        self.made.push(Made { is_stream: stream > 0, room: stream.into(), ..Made::default() });
        assert_eq!(id, self.made.len() as u64);
    }

    fn cancel(&mut self, id: u64) {
        let outcome = match self.end.cancel(id) {
            Cancelling::Withdrawn => Outcome::Withdrawn,
            Cancelling::Tell => Outcome::Cancelled,
            Cancelling::Over => {
                assert!(self.made(id).outcome.is_some());
                return;
            }
        };
        self.settle(id, outcome);
    }

    fn grant(&mut self, id: u64) {
        if self.made(id).is_stream && self.end.grant(id, 1) {
            self.made(id).room += 1;
        }
    }

    fn item(&mut self, open: usize) {
        let id = self.open[open].clone();
        let sent = self.sent.entry(id.ours().expect("an id of the other side")).or_default();
        if self.end.item(&id, *sent) == Credit::Taken {
            *sent += 1;
        }
    }

    fn answer_all(&mut self) -> bool {
        let open = std::mem::take(&mut self.open);
        open.iter().for_each(|id| self.end.answer(id));
        !open.is_empty()
    }

    fn made(&mut self, id: u64) -> &mut Made {
        &mut self.made[id as usize - 1]
    }

    fn settle(&mut self, id: u64, outcome: Outcome) {
        let made = self.made(id);
        assert_eq!(made.outcome, None, "call {id} has one outcome");
        made.outcome = Some(outcome);
    }

    fn receive(&mut self, bytes: usize, other: &Side) {
        for event in self.end.receive(bytes) {
            self.came(event, other);
        }
    }

    fn came(&mut self, event: Event, other: &Side) {
        match event {
            Event::Call(request) => {
                let id = request.id.ours().expect("an id of the other side");
                assert!(self.begun.insert(id), "{id} is begun once");
                assert_ne!(other.made[id as usize - 1].outcome, Some(Outcome::Withdrawn));
                let params = request.call.params.expect("the id").decode::<[u64; 1]>();
                assert_eq!(params.expect("the id"), [id]);
                self.open.push(request.id);
            }
            Event::Cancelled(id) => {
                let id = id.ours().expect("an id of the other side");
                assert_eq!(other.made[id as usize - 1].outcome, Some(Outcome::Cancelled));
            }
            Event::Answered { id, outcome, was_cancelled } => {
                assert!(other.begun.contains(&id), "{id} was begun");
                let sent = other.sent.get(&id).copied().unwrap_or(0);
                let made = self.made(id);
                assert!(!std::mem::replace(&mut made.was_answered, true), "{id} is answered once");
                match outcome {
                    Ok(result) => assert_eq!(result.decode::<[u64; 2]>().expect("the ids"), [id, id]),
                    Err(error) => assert_eq!(error.code, code::HANDLER),
                }
                if was_cancelled {
                    assert_eq!(made.outcome, Some(Outcome::Cancelled));
                } else {
                    assert_eq!(made.came, sent, "all items come before the answer");
                    self.settle(id, Outcome::Answered);
                }
            }
            Event::Items { id, items } => {
                let made = self.made(id);
                assert!(made.outcome.is_none(), "somebody waits for them");
                for item in items {
                    assert_eq!(item.decode::<u64>().expect("a number"), made.came, "in their order");
                    made.came += 1;
                }
                assert!(made.came <= made.room, "no more than there is room for");
            }
            Event::Progress { id, value } => {
                let made = self.made(id);
                let report = value.decode().expect("a number");
                assert!(made.outcome.is_none() && report > made.reported, "progress goes on");
                made.reported = report;
            }
            Event::Notify(call) => {
                let n = call.params.expect("a number").decode::<[u64; 1]>().expect("a number");
                assert_eq!(n, [self.heard + 1], "in their order");
                self.heard += 1;
            }
            // Of what is answered, or was cancelled.
            Event::Credit(_) | Event::Dropped => {}
            event => panic!("{event:?}"),
        }
    }

    /// The channel is over.
    fn cut(&mut self, other: &Side) {
        for unanswered in self.end.calls.end() {
            self.settle(unanswered.id, Outcome::Lost);
            assert!(
                unanswered.begun || !other.begun.contains(&unanswered.id),
                "what is not begun was not begun"
            );
        }
        assert!(self.end.receive_all().iter().all(|event| matches!(event, Event::Dropped)), "nothing comes");
        let calls = &mut self.end.calls;
        assert!(calls.take_output().is_empty() && calls.unanswered() == 0 && calls.open() == 0);
    }
}
