//! What becomes of messages that workers send.

use std::collections::BTreeMap;
use std::time::Duration;

use crossfork::supervisor::policy::{Subject, Time};
use crossfork::supervisor::relay::{Fate, Kind, MOST_QUEUED, MUCH_QUEUED, PATIENCE, Relay, SHOWN, Start};
use proptest::prelude::*;

const NOW: Time = Duration::from_secs(100);

fn relay(passes_on: bool, wait_ready: bool) -> Relay {
    let mut relay = Relay::new(passes_on, wait_ready);
    for id in 1..=3 {
        relay.joined(id, Subject { slot: id as usize - 1, pid: 100 + id });
    }
    relay
}

fn notices(relay: &mut Relay) -> Vec<String> {
    std::iter::from_fn(|| relay.poll_notice()).collect()
}

/// Each row: what was sent; and for each pair of `--relay` and `--wait-ready`, what becomes of it, and a word of
/// what is said.
#[test]
fn every_kind_of_message_has_its_fate() {
    use Fate::{Nothing, PassOn, Ready};
    let settings = [(false, false), (false, true), (true, false), (true, true)];
    let rows = [
        (Kind::Ready, [(Nothing, "--wait-ready"), (Ready, ""), (PassOn, ""), (Ready, "")]),
        (Kind::Message, [(Nothing, "--relay"), (Nothing, "--relay"), (PassOn, ""), (PassOn, "")]),
        (
            Kind::WithHandle,
            [(Nothing, "--relay"), (Nothing, "--relay"), (Nothing, "handle"), (Nothing, "handle")],
        ),
    ];
    for (kind, outcomes) in rows {
        for ((passes_on, wait_ready), (fate, word)) in settings.into_iter().zip(outcomes) {
            let mut relay = relay(passes_on, wait_ready);
            let row = format!("{kind:?}, relay: {passes_on}, wait for ready: {wait_ready}");
            assert_eq!(relay.received(1, kind, || "start".to_owned(), NOW), fate, "{row}");
            let said = notices(&mut relay);
            assert_eq!(said.len(), usize::from(!word.is_empty()), "{row}: {said:?}");
            assert!(
                said.iter().all(|text| text.contains(word) && text.starts_with("worker 0 (pid 101) ")),
                "{row}"
            );
            // One that is gone already.
            assert_eq!(relay.received(9, kind, String::new, NOW), Nothing, "{row}");
        }
    }
}

#[test]
fn what_nobody_reads_is_said_once_for_each_program() {
    let mut relay = relay(false, false);
    for reload in 0..3 {
        for i in 0..100 {
            let now = NOW + Duration::from_secs(60) * i;
            relay.received(1 + i % 3, Kind::Message, || format!("message {i}"), now);
            relay.received(1 + i % 3, Kind::Ready, String::new, now);
        }
        let notices = notices(&mut relay);
        assert_eq!(notices.len(), 2, "{notices:?}, reload {reload}");
        assert!(notices[0].ends_with("The message: message 0"), "{notices:?}");
        relay.reloading();
    }
}

#[test]
fn losses_are_counted_and_told_when_the_worker_reads_again() {
    let mut relay = relay(true, false);
    relay.accepted(2, MOST_QUEUED, NOW);
    assert!(notices(&mut relay).is_empty());
    for _ in 0..7 {
        relay.lost(2, NOW);
        // A short one may have had room.
        relay.accepted(2, MOST_QUEUED, NOW);
    }
    let said = notices(&mut relay);
    assert_eq!(
        said,
        [
            "worker 1 (pid 102) does not read its messages: 16 MiB wait for it, and further ones to it are lost"
        ]
    );
    relay.accepted(2, MUCH_QUEUED - 1, NOW);
    assert_eq!(notices(&mut relay), ["worker 1 (pid 102) reads messages again: 7 to it were lost"]);
    relay.accepted(2, 0, NOW);
    assert!(notices(&mut relay).is_empty());
    relay.lost(3, NOW);
    relay.lost(3, NOW);
    relay.left(3, NOW);
    // Whoever is gone has lost nothing.
    relay.lost(3, NOW);
    relay.accepted(3, 0, NOW);
    assert_eq!(notices(&mut relay)[1..], ["worker 2 (pid 103) has ended: 2 messages to it were lost"]);
}

#[test]
fn what_others_could_not_read_is_dropped_and_told() {
    let mut relay = relay(true, false);
    for _ in 0..100 {
        relay.cannot_pass_on(1, &"it is no JSON", NOW);
    }
    let said = notices(&mut relay);
    assert_eq!(said.len(), 5);
    assert_eq!(said[0], "a message of worker 0 (pid 101) cannot be passed on, and is dropped: it is no JSON");
}

#[test]
fn a_worker_that_is_behind_again_and_again_fills_no_log() {
    let mut relay = relay(true, false);
    for _ in 0..1000 {
        relay.lost(2, NOW);
        relay.accepted(2, 0, NOW);
    }
    let said = notices(&mut relay);
    assert_eq!(said.len(), 5);
    assert!(said[4].contains("left out for a minute"), "{said:?}");
}

#[test]
fn a_sender_waits_until_one_of_the_others_has_caught_up() {
    let mut relay = relay(true, false);
    assert!(!relay.passed_on(1, Some(MUCH_QUEUED - 1), NOW), "one of the others is not behind");
    assert!(!relay.passed_on(1, None, NOW), "there is no other");
    assert!(relay.passed_on(1, Some(MUCH_QUEUED), NOW) && relay.holds());
    assert!(!relay.passed_on(1, Some(MUCH_QUEUED), NOW), "it is held already");
    assert!(relay.release(|_| Some(MUCH_QUEUED / 2), NOW).is_empty());
    assert_eq!(relay.release(|_| Some(MUCH_QUEUED / 2 - 1), NOW), [1]);
    assert!(!relay.holds());
    assert!(relay.passed_on(1, Some(MUCH_QUEUED), NOW), "and may be again");
    relay.left(1, Time::ZERO);
    assert!(!relay.holds());
}

#[test]
fn nobody_waits_for_long_for_workers_that_do_not_read() {
    let mut relay = relay(true, false);
    assert!(relay.passed_on(1, Some(MOST_QUEUED), NOW));
    let end = NOW + PATIENCE;
    assert!(relay.release(|_| Some(MOST_QUEUED), end - Duration::from_millis(1)).is_empty());
    assert_eq!(relay.release(|_| Some(MOST_QUEUED), end), [1]);
    assert!(!relay.passed_on(1, Some(MOST_QUEUED), end), "it was in vain");
    // For another sender, whose own others read, nothing has changed.
    assert!(!relay.passed_on(2, Some(0), end));
    assert!(!relay.passed_on(1, Some(MOST_QUEUED), end), "it still would be");
    assert!(!relay.passed_on(1, Some(0), end));
    assert!(relay.passed_on(1, Some(MUCH_QUEUED), end), "one has caught up meanwhile");
}

#[test]
fn the_start_of_a_message_is_one_line_without_control_characters() {
    assert_eq!(Start("{\"a\":1}").to_string(), "{\"a\":1}");
    assert_eq!(Start("a\r\n\u{1b}[2J\u{9b}b").to_string(), "a\\r\\n\\u{1b}[2J\\u{9b}b");
    assert_eq!(Start(&"ü".repeat(SHOWN)).to_string(), "ü".repeat(SHOWN));
    assert_eq!(Start(&"ü".repeat(SHOWN + 1)).to_string(), "ü".repeat(SHOWN) + "...");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Senders are held only while all others are behind, and none for longer than it may be.
    #[test]
    fn in_any_order_nobody_is_held_for_ever(
        steps in prop::collection::vec((0..8u8, 1..5u32, 0..3usize), 0..200),
    ) {
        let mut relay = Relay::new(true, false);
        let mut held = BTreeMap::new();
        let mut now = NOW;
        for (step, id, queue) in steps {
            let queued = [0, MUCH_QUEUED, MOST_QUEUED][queue];
            match step {
                0 => relay.joined(id, Subject { slot: id as usize, pid: id }),
                1 => {
                    relay.left(id, Time::ZERO);
                    held.remove(&id);
                }
                2 | 3 => {
                    if relay.passed_on(id, Some(queued), now) {
                        prop_assert!(queued >= MUCH_QUEUED);
                        prop_assert!(held.insert(id, now).is_none(), "held twice");
                    }
                }
                4 => {
                    for released in relay.release(|_| Some(queued), now) {
                        prop_assert!(held.remove(&released).is_some());
                    }
                    prop_assert!(held.values().all(|since| now < *since + PATIENCE && queued > 0));
                }
                5 => relay.lost(id, now),
                6 => relay.accepted(id, queued, now),
                _ => now += Duration::from_millis(300),
            }
            prop_assert_eq!(relay.holds(), !held.is_empty());
            while relay.poll_notice().is_some() {}
        }
        relay.release(|_| Some(MOST_QUEUED), now + PATIENCE);
        prop_assert!(!relay.holds());
    }
}
