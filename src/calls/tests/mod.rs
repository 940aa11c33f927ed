//! Two ends, and a network between them that cuts at any byte.

mod advanced;
mod properties;
mod shapes;
mod uploads;

use bytes::BytesMut;

use super::machine::{Calls, Cancelling, Credit, Event};
use super::read::read;
use super::write::{self, Extra};
use super::{Id, RpcError};
use crate::message::Payload;
use crate::message::body::Body;
use crate::message::encoder::Encoder;
use crate::wire::Serialization;
use crate::wire::frame::{Frame, Splitter};

const BOTH: [Serialization; 2] = [Serialization::Json, Serialization::Advanced];

/// One end, and what came to it.
struct End {
    calls: Calls,
    encoder: Encoder,
    last_id: u64,
    splitter: Splitter,
    /// What is on its way to it.
    network: BytesMut,
    input: BytesMut,
    messages: usize,
}

impl End {
    fn new(serialization: Serialization) -> Self {
        End {
            calls: Calls::default(),
            encoder: Encoder::new(serialization),
            last_id: 0,
            splitter: Splitter::new(serialization),
            network: BytesMut::new(),
            input: BytesMut::new(),
            messages: 0,
        }
    }

    fn extra(&self, stream: Option<u32>) -> Extra {
        Extra { stream, ..Extra::announcing(self.calls.must_announce()) }
    }

    fn call(&mut self, stream: u32) -> u64 {
        self.last_id += 1;
        let (id, extra) = (self.last_id, self.extra((stream > 0).then_some(stream)));
        let body = write::call(&self.encoder, id, "method", &id, extra, None).unwrap();
        assert!(self.calls.call(id, stream.into(), body));
        id
    }

    fn cancel(&mut self, id: u64) -> Cancelling {
        let cancelling = self.calls.cancel(id);
        if cancelling == Cancelling::Tell {
            self.calls.notify(write::cancel(&self.encoder, id).unwrap());
        }
        cancelling
    }

    fn answer(&mut self, id: &Id) {
        let extra = self.extra(None);
        let body = write::result(&self.encoder, id, &vec![id; 2], extra).unwrap();
        assert!(self.calls.answer(id, body));
    }

    fn fail(&mut self, id: &Id, error: &RpcError) {
        let extra = self.extra(None);
        let body = write::error(&self.encoder, Some(id), error, extra).unwrap();
        assert!(self.calls.answer(id, body));
    }

    fn item(&mut self, id: &Id, n: u64) -> Credit {
        let credit = self.calls.take_credit(id);
        if credit == Credit::Taken {
            self.calls.notify(write::item(&self.encoder, id, &n).unwrap());
        }
        credit
    }

    /// Sends what is ready: one message.
    fn send(&mut self, to: &mut End) -> bool {
        let bodies = self.calls.take_output();
        if bodies.is_empty() {
            return false;
        }
        to.network.extend_from_slice(&Body::frame(bodies).unwrap());
        true
    }

    /// So many bytes come.
    fn receive(&mut self, bytes: usize) -> Vec<Event> {
        let come = self.network.split_to(bytes.min(self.network.len()));
        self.input.extend_from_slice(&come);
        let mut events = Vec::new();
        while let Some(frame) = self.splitter.next_frame(&mut self.input, 1 << 20) {
            let Frame::Whole(bytes) = frame else { panic!("{frame:?}") };
            self.messages += 1;
            let payload = Payload::new(self.encoder.serialization(), bytes);
            assert!(read(&payload, |incoming| events.push(self.calls.handle(incoming))));
        }
        events
    }

    fn receive_all(&mut self) -> Vec<Event> {
        self.receive(usize::MAX)
    }
}

fn pair(serialization: Serialization) -> (End, End) {
    (End::new(serialization), End::new(serialization))
}

/// Each has heard that the other reads bundles.
fn acquainted(serialization: Serialization) -> (End, End) {
    let (mut a, mut b) = pair(serialization);
    let id = a.call(0);
    a.send(&mut b);
    b.receive_all();
    b.answer(&id.into());
    b.send(&mut a);
    a.receive_all();
    (a, b)
}

#[test]
fn calls_of_one_turn_go_in_one_message_to_an_end_that_has_announced_bundles_and_else_in_one_each() {
    for serialization in BOTH {
        let (mut a, mut b) = pair(serialization);
        for _ in 0..3 {
            a.call(0);
        }
        while a.send(&mut b) {}
        b.receive_all();
        assert_eq!(b.messages, 3);
        // What A has sent announces.
        (1..=3_u64).for_each(|id| b.answer(&id.into()));
        while b.send(&mut a) {}
        assert_eq!(a.receive_all().len(), 3);
        assert_eq!(a.messages, 1);
        for _ in 0..1000 {
            a.call(0);
        }
        while a.send(&mut b) {}
        assert_eq!(b.receive_all().len(), 1000);
        assert_eq!(b.messages, 3 + 1000_usize.div_ceil(64));
    }
}

#[test]
fn a_bundle_ends_at_64_kib() {
    let (mut a, mut b) = acquainted(Serialization::Json);
    let before = b.messages;
    for _ in 0..3 {
        a.calls.notify(write::notification(&a.encoder, "note", &"x".repeat(40_000)).unwrap());
    }
    while a.send(&mut b) {}
    assert_eq!(b.receive_all().len(), 3);
    assert_eq!(b.messages - before, 3);
}

#[test]
fn a_call_that_was_not_handed_over_is_never_sent_when_it_is_cancelled() {
    let (mut a, mut b) = acquainted(Serialization::Json);
    let (first, second) = (a.call(0), a.call(0));
    assert_eq!(a.cancel(first), Cancelling::Withdrawn);
    assert_eq!(a.cancel(first), Cancelling::Over);
    while a.send(&mut b) {}
    let events = b.receive_all();
    assert!(matches!(&events[..], [Event::Call(request)] if request.id == second.into()), "{events:?}");
}

#[test]
fn the_id_of_a_cancelled_call_is_in_use_until_it_is_answered() {
    let (mut a, mut b) = acquainted(Serialization::Json);
    let id = a.call(0);
    a.send(&mut b);
    assert_eq!(a.cancel(id), Cancelling::Tell);
    a.send(&mut b);
    assert!(
        matches!(&b.receive_all()[..], [Event::Call(_), Event::Cancelled(cancelled)] if *cancelled == id.into())
    );
    assert_eq!(a.calls.unanswered(), 1);
    b.fail(&id.into(), &RpcError::cancelled());
    b.send(&mut a);
    assert!(matches!(a.receive_all()[..], [Event::Answered { was_cancelled: true, .. }]));
    assert_eq!(a.calls.unanswered(), 0);
}

#[test]
fn a_later_report_of_progress_takes_the_place_of_one_that_waits() {
    let (mut a, mut b) = acquainted(Serialization::Json);
    let (first, second) = (a.call(0), a.call(0));
    a.send(&mut b);
    b.receive_all();
    for percent in 0..100 {
        for id in [first, second] {
            let body = write::progress(&b.encoder, &id.into(), &percent).unwrap();
            b.calls.progress(&id.into(), body);
        }
    }
    while b.send(&mut a) {}
    let events = a.receive_all();
    let reports: Vec<u32> = events
        .iter()
        .map(|event| match event {
            Event::Progress { value, .. } => value.decode().unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reports, [99, 99]);
}

#[test]
fn what_an_end_has_not_answered_when_it_leaves_was_not_begun() {
    let (mut a, mut b) = acquainted(Serialization::Json);
    let (first, second) = (a.call(0), a.call(0));
    a.send(&mut b);
    b.receive_all();
    b.answer(&first.into());
    b.calls.notify(write::left(&b.encoder).unwrap());
    while b.send(&mut a) {}
    a.receive_all();
    let third = a.call(0);
    a.send(&mut b);
    let mut ended: Vec<_> = a.calls.end().iter().map(|call| (call.id, call.begun)).collect();
    ended.sort_unstable();
    assert_eq!(ended, [(second, false), (third, false)]);
}

#[test]
fn items_without_room_are_not_kept() {
    let (mut a, mut b) = acquainted(Serialization::Json);
    let id = a.call(2);
    a.send(&mut b);
    b.receive_all();
    for n in 0..5 {
        b.calls.notify(write::item(&b.encoder, &id.into(), &n).unwrap());
    }
    while b.send(&mut a) {}
    let events = a.receive_all();
    let kept = events.iter().filter(|event| matches!(event, Event::Items { .. })).count();
    assert_eq!((kept, a.calls.dropped()), (2, 3));
}
