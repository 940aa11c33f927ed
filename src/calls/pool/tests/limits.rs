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
    assert!(!kit.machine.has_room(), "none is ready");
    kit.all_ready();
    assert!(kit.machine.has_room());
    let call = kit.call();
    assert!(!kit.machine.has_room());
    assert_eq!(kit.make(Spec::default()), Err(Failure::QueueFull { limit: 0 }));
    kit.answer(call);
    assert!(kit.machine.has_room());
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
fn where_nothing_may_wait_a_refused_call_has_a_worker_started() {
    let lazy = Settings { lazy: true, ..settings(1, 1) };
    for settings in [lazy, settings(0, 1)] {
        let mut kit = Kit::new(Settings { max_queue: 0, ..settings });
        for _ in 0..3 {
            assert_eq!(kit.make(Spec::default()), Err(Failure::QueueFull { limit: 0 }));
            assert_eq!((kit.starting.len(), kit.drained), (1, 0));
        }
        kit.all_ready();
        assert_eq!(kit.drained, 1, "there is room");
        kit.call();
    }
}

#[test]
fn where_nothing_may_wait_a_pool_grows_by_what_it_refuses() {
    let mut kit = Kit::ready(Settings { max_queue: 0, ..settings(1, 2) });
    kit.call();
    assert_eq!(kit.make(Spec::default()), Err(Failure::QueueFull { limit: 0 }));
    kit.all_ready();
    assert_eq!((kit.workers.len(), kit.drained), (2, 1));
    kit.call();
    assert_eq!(kit.make(Spec::default()), Err(Failure::QueueFull { limit: 0 }));
    assert_eq!(kit.workers.len(), 2, "there is no place for more");
}

#[test]
fn a_worker_that_room_is_wanted_of_is_started_again_when_it_has_failed() {
    let mut kit = Kit::new(Settings { max_queue: 0, ..settings(0, 1) });
    kit.machine.need_room(kit.now);
    kit.look();
    for _ in 0..2 {
        let worker = kit.starting[0];
        kit.die(worker);
        assert_eq!((kit.starting.len(), kit.drained), (0, 0));
        kit.pass(SECOND);
        assert_eq!(kit.starting.len(), 1);
    }
    kit.all_ready();
    assert!(kit.machine.has_room());
    assert_eq!(kit.drained, 1);
    kit.close();
    assert!(!kit.machine.is_room_wanted());
}
