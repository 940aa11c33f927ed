//! What each event does in each state of a worker, a call and a pool.

use std::time::Duration;

use super::*;
use crate::calls::pool::WorkerState;
use crate::calls::pool::place::place_of;

const SECOND: Duration = Duration::from_secs(1);

fn settings(min: usize, max: usize) -> Settings {
    Settings { min, max, ..Settings::default() }
}

fn states(kit: &Kit) -> Vec<WorkerState> {
    kit.machine.worker_stats(kit.now).into_iter().map(|worker| worker.state).collect()
}

/// How a worker comes to a state, what happens then, and what it is in the end; `None` if it is gone.
#[test]
fn each_event_in_each_state_of_a_worker() {
    use WorkerState::{Ending, Killed, Ready, Retiring, Starting};
    type Step = fn(&mut Kit, WorkerId);
    let reach: [(WorkerState, Step); 5] = [
        (Starting, |_, _| {}),
        (Ready, |kit, _| kit.all_ready()),
        (Retiring, |kit, worker| {
            kit.all_ready();
            let (mine, other) = (kit.call(), kit.call());
            kit.machine.not_begun(other, worker, kit.now);
            assert_eq!(kit.worker_of(mine), Some(worker));
        }),
        (Ending, |kit, worker| {
            kit.all_ready();
            kit.machine.closed(worker, kit.now);
        }),
        (Killed, |kit, worker| kit.machine.kill(worker, None)),
    ];
    let events: [(&str, Step, [Option<WorkerState>; 5]); 6] = [
        (
            "ready",
            |kit, worker| kit.machine.ready(worker, 2, kit.now),
            [Some(Ready), Some(Ready), Some(Retiring), Some(Ending), Some(Killed)],
        ),
        (
            "not ready",
            |kit, worker| kit.machine.not_ready(worker, "why".into()),
            [Some(Killed), Some(Ready), Some(Retiring), Some(Ending), Some(Killed)],
        ),
        (
            "its channel is over",
            |kit, worker| kit.machine.closed(worker, kit.now),
            [Some(Ending), Some(Ending), Some(Ending), Some(Ending), Some(Killed)],
        ),
        ("it is gone", |kit, worker| kit.machine.gone(worker, End::default(), kit.now), [None; 5]),
        (
            "a minute passes",
            |kit, _| kit.pass(60 * SECOND),
            [Some(Killed), Some(Ready), Some(Retiring), Some(Killed), Some(Killed)],
        ),
        (
            "the pool is closed",
            |kit, _| kit.close(),
            [Some(Killed), Some(Ending), Some(Retiring), Some(Ending), Some(Killed)],
        ),
    ];
    for (name, event, ends) in events {
        for ((state, reach), end) in reach.iter().zip(ends) {
            let mut kit = Kit::new(Settings { concurrency: Some(2), ..settings(1, 1) });
            let worker = kit.starting[0];
            reach(&mut kit, worker);
            assert_eq!(states(&kit)[0], *state);
            kit.look();
            event(&mut kit, worker);
            kit.look();
            let stats = kit.machine.worker_stats(kit.now);
            let now = stats.iter().find(|stats| stats.id == worker.number()).map(|stats| stats.state);
            assert_eq!(now, end, "{name} in {state:?}");
        }
    }
}

#[test]
fn the_least_busy_worker_gets_a_call_and_the_rest_waits_by_priority_and_age() {
    let mut kit = Kit::ready(Settings { concurrency: Some(2), ..settings(2, 2) });
    let first = [kit.call(), kit.call()];
    assert_ne!(kit.worker_of(first[0]), kit.worker_of(first[1]));
    kit.call();
    kit.call();
    let (low, old, new) =
        (kit.make(Spec { priority: -1, ..Spec::default() }).unwrap(), kit.call(), kit.call());
    let high = kit.make(Spec { priority: 1, ..Spec::default() }).unwrap();
    for next in [high, old, new, low] {
        let done = kit.handed[0].0;
        kit.answer(done);
        assert_eq!(kit.handed.last().unwrap().0, next);
    }
    assert_eq!(kit.drained, 1);
}

#[test]
fn a_full_queue_refuses_and_tells_when_nothing_waits() {
    let mut kit = Kit::ready(Settings { max_queue: 1, ..settings(1, 1) });
    let (first, second) = (kit.call(), kit.call());
    assert_eq!(kit.make(Spec::default()), Err(Failure::QueueFull { limit: 1 }));
    assert!(!kit.machine.has_room());
    kit.answer(first);
    assert!(kit.machine.has_room());
    assert_eq!((kit.drained, kit.worker_of(second).is_some()), (1, true));
}

#[test]
fn an_abandoned_call_leaves_the_queue_at_once_and_keeps_its_slot_until_it_is_answered() {
    let mut kit = Kit::ready(settings(1, 1));
    let (running, waiting) = (kit.call(), kit.call());
    kit.machine.abandon(waiting, kit.now);
    assert_eq!(kit.machine.waiting(), 0);
    kit.machine.abandon(running, kit.now);
    let next = kit.call();
    assert_eq!(kit.worker_of(next), None, "the worker may be killed for the one that is left");
    kit.answer(running);
    assert!(kit.worker_of(next).is_some());
    assert!(kit.kills.is_empty());
}

#[test]
fn a_worker_that_ignores_a_cancelled_call_is_killed_and_its_other_calls_are_told_why() {
    let mut kit = Kit::ready(Settings { concurrency: Some(2), ..settings(1, 1) });
    let (guilty, other) = (kit.call(), kit.call());
    let worker = kit.worker_of(guilty).unwrap();
    kit.machine.abandon(guilty, kit.now);
    kit.pass(5 * SECOND);
    assert_eq!(kit.kills, [worker]);
    kit.obey();
    let [(failed, Failure::Died { begun: true, end })] = &kit.failed[..] else {
        panic!("{:?}", kit.failed);
    };
    assert_eq!(*failed, other);
    assert_eq!(end.cause.as_deref(), Some("it did not react to a cancelled call in 5s"));
    assert_eq!(kit.starting.len(), 1, "it is replaced");
}

#[test]
fn what_may_have_begun_is_lost_unless_it_may_be_made_again_and_what_has_not_goes_on() {
    let mut kit = Kit::ready(Settings { concurrency: Some(3), ..settings(1, 1) });
    let (lost, given_back) = (kit.call(), kit.call());
    let again = kit.make(Spec { retries: 1, ..Spec::default() }).unwrap();
    let waiting = kit.call();
    let worker = kit.worker_of(lost).unwrap();
    kit.machine.not_begun(given_back, worker, kit.now);
    kit.handed.retain(|(call, _)| *call != given_back);
    kit.look();
    kit.die(worker);
    assert_eq!(kit.failed.iter().map(|(call, _)| *call).collect::<Vec<_>>(), [lost]);
    kit.all_ready();
    let mut handed: Vec<_> = kit.handed.iter().map(|(call, _)| *call).collect();
    handed.sort();
    assert_eq!(handed, [given_back, again, waiting]);
    let worker = kit.worker_of(again).unwrap();
    kit.die(worker);
    assert_eq!(kit.failed.len(), 4, "nothing is made more often than was said");
}

#[test]
fn calls_with_a_key_go_to_one_place_and_wait_for_its_worker_alone() {
    let mut kit = Kit::ready(settings(4, 4));
    let key = |key| Spec { key: Some(key), ..Spec::default() };
    let (first, second) = (kit.make(key("a")).unwrap(), kit.make(key("a")).unwrap());
    let worker = kit.worker_of(first).unwrap();
    assert_eq!(kit.worker_of(second), None, "others are free, and are not asked");
    assert_eq!(kit.machine.worker_of("a"), Some(worker));
    let place = kit.workers[&worker];
    kit.die(worker);
    kit.all_ready();
    assert_eq!(kit.workers[&kit.worker_of(second).unwrap()], place, "it goes to the one in its place");
    let places: std::collections::BTreeSet<_> = (0..100).map(|i| place_of(&i.to_string(), 4)).collect();
    assert_eq!(places.len(), 4, "keys go everywhere");
    let moved = (0..1000).map(|i| i.to_string()).filter(|key| place_of(key, 4) != place_of(key, 5)).count();
    assert!((100..300).contains(&moved), "one more place takes a fifth: {moved}");
}

#[test]
fn a_pool_grows_with_what_waits_and_shrinks_when_it_is_idle() {
    let mut kit = Kit::ready(settings(1, 3));
    assert_eq!(kit.workers.len(), 1);
    let calls = [kit.call(), kit.call(), kit.call(), kit.call()];
    assert_eq!(kit.workers.len(), 3);
    kit.all_ready();
    for call in calls {
        kit.answer(call);
    }
    kit.pass(9 * SECOND);
    assert_eq!(kit.byes.len(), 0);
    for _ in 0..4 {
        kit.pass(5 * SECOND);
    }
    assert_eq!(kit.byes.len(), 2);
    kit.obey();
    assert_eq!((kit.workers.len(), kit.machine.counts().restarts), (1, 0));
}

#[test]
fn a_lazy_pool_starts_with_its_first_call() {
    let mut kit = Kit::new(Settings { lazy: true, ..settings(2, 2) });
    assert!(kit.workers.is_empty());
    kit.call();
    assert_eq!(kit.workers.len(), 1);
    kit.machine.need_least(kit.now);
    kit.look();
    assert_eq!(kit.workers.len(), 2);
}

#[test]
fn starts_that_fail_are_followed_by_pauses_that_grow_until_the_pool_cannot_start() {
    let mut kit = Kit::new(settings(1, 1));
    let call = kit.call();
    for pause in [100, 200, 400] {
        assert!(kit.failed.is_empty());
        let worker = kit.starting[0];
        kit.die(worker);
        kit.pass(Duration::from_millis(pause - 1));
        assert!(kit.starting.is_empty());
        kit.pass(Duration::from_millis(1));
        assert_eq!(kit.starting.len(), 1);
    }
    let reason = "it ended with exit code 7".to_owned();
    assert_eq!(kit.failed, [(call, Failure::Start { reason: reason.clone() })]);
    assert_eq!(kit.make(Spec::default()), Err(Failure::Start { reason }));
    kit.all_ready();
    assert!(kit.make(Spec::default()).is_ok(), "one has started");
}

#[test]
fn a_worker_that_was_up_is_replaced_at_once_and_one_that_was_given_nothing_after_a_pause() {
    let mut kit = Kit::ready(settings(1, 1));
    let call = kit.call();
    let worker = kit.worker_of(call).unwrap();
    kit.die(worker);
    assert_eq!(kit.starting.len(), 1);
    kit.all_ready();
    let idle = *kit.workers.keys().next().unwrap();
    kit.die(idle);
    assert!(kit.starting.is_empty());
    kit.pass(SECOND);
    assert_eq!(kit.starting.len(), 1);
}

#[test]
fn workers_are_replaced_by_calls_age_and_memory_and_no_call_is_lost() {
    let mut kit = Kit::ready(Settings { max_calls: Some(1), ..settings(1, 1) });
    let (first, second) = (kit.call(), kit.call());
    assert_eq!((kit.starting.len(), kit.worker_of(second)), (1, None));
    kit.all_ready();
    assert_ne!(kit.worker_of(second), kit.worker_of(first));
    let old = kit.worker_of(first).unwrap();
    kit.answer(first);
    assert_eq!(kit.byes, [old]);

    let mut kit = Kit::ready(Settings { max_age: Some(60 * SECOND), ..settings(1, 1) });
    kit.pass(53 * SECOND);
    assert!(kit.starting.is_empty(), "a tenth earlier at most");
    kit.pass(7 * SECOND);
    let old = kit.machine.live().next().unwrap();
    let call = kit.call();
    assert_eq!(kit.worker_of(call), Some(old), "it goes on until the other is ready");
    kit.all_ready();
    kit.answer(call);
    assert_eq!(kit.byes, [old]);

    let mut kit = Kit::ready(Settings { max_memory: Some(100), ..settings(1, 1) });
    let old = kit.machine.live().next().unwrap();
    kit.machine.resident(old, 100, kit.now);
    kit.look();
    assert!(kit.starting.is_empty());
    kit.machine.resident(old, 101, kit.now);
    kit.machine.resident(old, 102, kit.now);
    kit.look();
    assert_eq!(kit.starting.len(), 1);
    kit.all_ready();
    assert_eq!(kit.byes, [old]);
}

#[test]
fn a_reload_replaces_one_worker_after_the_other() {
    let mut kit = Kit::ready(settings(2, 2));
    let old: Vec<_> = kit.workers.keys().copied().collect();
    kit.reload();
    assert_eq!(kit.starting.len(), 1);
    kit.all_ready();
    assert_eq!((kit.starting.len(), kit.byes.clone()), (1, vec![old[0]]));
    kit.reload();
    kit.all_ready();
    assert_eq!(kit.reloaded.len(), 1);
    assert_eq!(kit.starting.len(), 1, "who asked meanwhile gets what is new since");
    kit.all_ready();
    kit.all_ready();
    assert_eq!(kit.reloaded, [Ok(()), Ok(())]);
    assert_eq!(kit.byes.len(), 4);
}

#[test]
fn a_reload_that_fails_leaves_the_workers_that_are_left() {
    let mut kit = Kit::ready(settings(2, 2));
    kit.reload();
    let worker = kit.starting[0];
    kit.die(worker);
    assert!(matches!(&kit.reloaded[..], [Err(Failure::Start { .. })]));
    let (a, b) = (kit.call(), kit.call());
    assert!(kit.worker_of(a).is_some() && kit.worker_of(b).is_some());
    kit.pass(60 * SECOND);
    assert!(kit.starting.is_empty());
}

#[test]
fn closing_waits_for_all_calls_and_kills_only_workers_that_do_not_end() {
    let mut kit = Kit::ready(settings(1, 1));
    let (first, second) = (kit.call(), kit.call());
    kit.close();
    assert_eq!(kit.make(Spec::default()), Err(Failure::Closed));
    kit.answer(first);
    assert!(kit.byes.is_empty());
    kit.answer(second);
    assert_eq!(kit.byes.len(), 1);
    kit.byes.clear();
    kit.pass(5 * SECOND);
    assert_eq!(kit.kills.len(), 1);
    kit.obey();
    assert!(kit.is_over());
    assert_eq!(kit.machine.killed(), 1);
}

#[test]
fn a_worker_that_still_starts_when_the_pool_closes_is_ended_and_does_not_count_as_one_that_would_not() {
    let mut kit = Kit::new(settings(1, 1));
    kit.close();
    assert_eq!(kit.kills.len(), 1);
    kit.obey();
    assert!(kit.is_over());
    assert_eq!(kit.machine.killed(), 0);
}

#[test]
fn destroying_fails_all_calls_and_kills_all_workers() {
    let mut kit = Kit::ready(settings(1, 1));
    let (first, second) = (kit.call(), kit.call());
    kit.reload();
    kit.machine.destroy(kit.now);
    kit.look();
    let failed: Vec<_> = kit.failed.iter().map(|(call, _)| *call).collect();
    assert_eq!(failed, [second, first]);
    assert!(kit.failed.iter().all(|(_, why)| *why == Failure::Closed));
    assert_eq!((kit.kills.len(), kit.reloaded.len()), (2, 1));
    kit.obey();
    assert!(kit.is_over());
    assert_eq!((kit.machine.running(), kit.machine.waiting()), (0, 0));
}

#[test]
fn cancelling_what_waits_leaves_what_runs() {
    let mut kit = Kit::ready(settings(1, 1));
    let (running, waiting) = (kit.call(), kit.call());
    kit.machine.cancel_waiting(kit.now);
    kit.look();
    assert_eq!(kit.failed, [(waiting, Failure::Cancelled)]);
    kit.answer(running);
}
