//! Limits that users set: the longest, and the smallest.

use std::time::Duration;

use super::*;
use crate::calls::pool::WorkerState;

const SECOND: Duration = Duration::from_secs(1);

fn settings(min: usize, max: usize) -> Settings {
    Settings { min, max, ..Settings::default() }
}

#[test]
fn durations_without_end_are_no_limits() {
    const EVER: Duration = Duration::MAX;
    let limits = Settings {
        grace: EVER,
        start_timeout: EVER,
        close_timeout: EVER,
        max_age: Some(EVER),
        ..settings(1, 2)
    };
    let mut kit = Kit::new(Settings { idle_timeout: Some(EVER), ..limits });
    kit.pass(SECOND);
    kit.all_ready();
    let call = kit.call();
    kit.machine.abandon(call, kit.now);
    kit.pass(3600 * SECOND);
    let stats = kit.machine.worker_stats(kit.now);
    assert_eq!(stats[0].state, WorkerState::Ready, "it is not killed");
    kit.answer(call);
    kit.close();
    kit.pass(3600 * SECOND);
    assert_eq!((kit.byes.len(), kit.kills.len()), (1, 0));
}

#[test]
fn without_a_queue_there_is_room_as_long_as_a_worker_is_free() {
    let mut kit = Kit::new(Settings { max_queue: 0, ..settings(1, 1) });
    assert!(kit.machine.has_room(), "of the one that starts");
    kit.all_ready();
    assert!(kit.machine.has_room());
    let call = kit.call();
    assert!(!kit.machine.has_room());
    assert_eq!(kit.make(Spec::default()), Err(Failure::QueueFull { limit: 0 }));
    kit.answer(call);
    assert!(kit.machine.has_room());
}

#[test]
fn without_a_queue_a_call_waits_for_a_worker_that_starts_and_for_nothing_else() {
    for lazy in [false, true] {
        let mut kit = Kit::new(Settings { max_queue: 0, lazy, ..settings(1, 3) });
        let calls = [kit.call(), kit.call(), kit.call()];
        assert_eq!(kit.workers.len(), 3);
        assert_eq!(kit.make(Spec::default()), Err(Failure::QueueFull { limit: 0 }));
        assert!(!kit.machine.has_room());
        kit.all_ready();
        assert!(calls.iter().all(|call| kit.worker_of(*call).is_some()));
        assert_eq!(kit.make(Spec::default()), Err(Failure::QueueFull { limit: 0 }));
    }
    let mut kit = Kit::new(Settings { max_queue: 0, lazy: true, ..settings(2, 2) });
    let keyed = || Spec { key: Some("a"), ..Spec::default() };
    kit.make(keyed()).unwrap();
    assert_eq!(kit.make(keyed()), Err(Failure::QueueFull { limit: 0 }), "one starts for it, and takes one");
    kit.call();
}

#[test]
fn a_worker_that_cannot_be_started_now_is_no_room() {
    let mut kit = Kit::new(Settings { max_queue: 0, ..settings(1, 1) });
    let starting = kit.starting[0];
    kit.gone(starting, End::default());
    assert!(!kit.machine.has_room());
    assert_eq!(kit.make(Spec::default()), Err(Failure::QueueFull { limit: 0 }));
}

#[test]
fn a_free_worker_is_no_room_for_a_call_that_waits_for_another() {
    let mut kit = Kit::ready(Settings { max_queue: 0, ..settings(2, 2) });
    let keyed = || Spec { key: Some("a"), ..Spec::default() };
    kit.make(keyed()).unwrap();
    assert!(kit.machine.has_room());
    assert_eq!(kit.make(keyed()), Err(Failure::QueueFull { limit: 0 }));
}

#[test]
fn a_worker_that_room_is_wanted_of_is_started_again_when_it_has_failed() {
    let mut kit = Kit::new(Settings { max_queue: 0, ..settings(0, 1) });
    let call = kit.call();
    kit.machine.abandon(call, kit.now);
    kit.look();
    let drained = kit.drained;
    for _ in 0..2 {
        let worker = kit.starting[0];
        kit.die(worker);
        assert!(!kit.machine.has_room());
        kit.machine.need_room();
        assert_eq!(kit.starting.len(), 0);
        kit.pass(SECOND);
        assert_eq!(kit.starting.len(), 1);
    }
    kit.all_ready();
    assert!(kit.machine.has_room());
    assert_eq!(kit.drained, drained + 1);
    kit.close();
    assert!(!kit.machine.is_room_wanted());
}
