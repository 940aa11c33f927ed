//! What two ends say to each other, and what they make of what others say.

mod advanced;
mod properties;
mod shapes;
mod uploads;

use super::RpcError;
use super::machine::{Cancelling, Credit, Event};
use super::sim::End;
use super::write;
use crate::wire::Serialization;

const BOTH: [Serialization; 2] = [Serialization::Json, Serialization::Advanced];

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

/// Otherwise it would wait for credit for ever, and its caller for items.
#[test]
fn a_stream_that_is_the_first_call_gets_credit_before_there_is_any_answer() {
    for serialization in BOTH {
        let (mut a, mut b) = pair(serialization);
        let id = a.call(1);
        a.send(&mut b);
        b.receive_all();
        for n in 0..100 {
            assert_eq!(b.item(&id.into(), n), Credit::Taken);
            b.send(&mut a);
            assert!(matches!(a.receive_all()[..], [Event::Items { .. }]));
            assert!(a.grant(id, 1), "the other end is told");
            a.send(&mut b);
            b.receive_all();
        }
    }
}

#[test]
fn an_end_that_closes_still_sends_what_is_queued_but_none_of_its_calls() {
    for serialization in BOTH {
        let (mut a, mut b) = acquainted(serialization);
        let (sent, asked) = (a.call(0), b.call(0));
        a.send(&mut b);
        b.send(&mut a);
        b.receive_all();
        a.receive_all();
        let unsent = a.call(0);
        a.calls.notify(write::notification(&a.encoder, "note", &1).unwrap());
        a.answer(&asked.into());
        let mut ended: Vec<_> = a.calls.close().iter().map(|call| (call.id, call.begun)).collect();
        ended.sort_unstable();
        assert_eq!(ended, [(sent, true), (unsent, false)]);
        while a.send(&mut b) {}
        let events = b.receive_all();
        assert!(matches!(&events[..], [Event::Notify(_), Event::Answered { .. }]), "{events:?}");
        // Nothing that comes concerns it any more.
        b.answer(&sent.into());
        b.call(0);
        while b.send(&mut a) {}
        assert!(matches!(a.receive_all()[..], [Event::Dropped, Event::Dropped]));
        assert_eq!(a.calls.queued_bytes(), 0);
    }
}

#[test]
fn items_without_room_are_not_kept_and_fail_the_call() {
    let (mut a, mut b) = acquainted(Serialization::Json);
    let id = a.call(2);
    a.send(&mut b);
    b.receive_all();
    for n in 0..5 {
        b.calls.notify(write::item(&b.encoder, &id.into(), &n).unwrap());
    }
    while b.send(&mut a) {}
    let events = a.receive_all();
    let [
        Event::Items { .. },
        Event::Items { .. },
        Event::Overrun { id: over },
        Event::Dropped,
        Event::Dropped,
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((*over, a.calls.dropped()), (id, 3));
    // Its end is nobody's, and comes once.
    assert_eq!(a.cancel(id), Cancelling::Over);
    b.answer(&id.into());
    b.send(&mut a);
    assert!(matches!(a.receive_all()[..], [Event::Answered { was_cancelled: true, .. }]));
}
