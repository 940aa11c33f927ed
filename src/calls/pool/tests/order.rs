//! What has its turn first, and what still has it when the pool ends.

use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn settings(min: usize, max: usize) -> Settings {
    Settings { min, max, ..Settings::default() }
}

#[test]
fn calls_with_and_without_a_key_have_their_turns_as_they_were_made() {
    let mut kit = Kit::ready(settings(1, 1));
    let busy = kit.call();
    let spec = |key, priority| Spec { key, priority, ..Spec::default() };
    let mut expected = Vec::new();
    for i in 0..12 {
        expected.push(kit.make(spec(["a", "b"].get(i % 3).copied(), 0)).unwrap());
    }
    expected.insert(0, kit.make(spec(Some("a"), 1)).unwrap());
    kit.answer(busy);
    for next in expected {
        assert_eq!(kit.handed.last().unwrap().0, next);
        kit.answer(next);
    }
}

#[test]
fn what_waits_goes_to_a_worker_that_is_free_and_does_not_wait_for_one_that_starts() {
    let mut kit = Kit::ready(settings(1, 2));
    let busy = kit.call();
    let waiting = kit.call();
    assert_eq!(kit.starting.len(), 1, "it starts for the one that waits");
    let first = kit.worker_of(busy).unwrap();
    kit.answer(busy);
    assert_eq!(kit.worker_of(waiting), Some(first));
}

#[test]
fn calls_one_after_another_need_one_worker_where_others_would_have_to_be_started() {
    for (lazy, min) in [(true, 3), (false, 0)] {
        let mut kit = Kit::new(Settings { lazy, ..settings(min, 3) });
        for _ in 0..5 {
            let call = kit.call();
            kit.all_ready();
            kit.answer(call);
        }
        assert_eq!(kit.workers.len(), 1);
    }
}

/// If each had its turn, none would ever have nothing to do.
#[test]
fn a_pool_shrinks_although_calls_go_on_that_fewer_workers_can_do() {
    let mut kit = Kit::ready(settings(1, 3));
    let calls = [kit.call(), kit.call(), kit.call()];
    kit.all_ready();
    calls.into_iter().for_each(|call| kit.answer(call));
    for _ in 0..40 {
        kit.pass(SECOND);
        let call = kit.call();
        kit.answer(call);
    }
    assert_eq!(kit.byes.len(), 2);
}

#[test]
fn calls_one_after_another_go_to_all_workers_where_all_are_there_anyway() {
    let mut kit = Kit::ready(settings(3, 3));
    let mut workers = Vec::new();
    for _ in 0..3 {
        let call = kit.call();
        workers.extend(kit.worker_of(call));
        kit.answer(call);
    }
    workers.sort_unstable();
    workers.dedup();
    assert_eq!(workers.len(), 3);
}

/// Each worker takes one call, and none of these ends.
#[test]
fn calls_that_do_not_end_leave_one_old_worker_behind_and_no_process_for_each() {
    let mut kit = Kit::ready(Settings { max_calls: Some(1), ..settings(1, 1) });
    let calls = [kit.call(), kit.call(), kit.call(), kit.call()];
    for _ in 0..4 {
        kit.all_ready();
    }
    assert_eq!(kit.workers.len(), 2);
    let old = kit.worker_of(calls[0]).unwrap();
    kit.answer(calls[0]);
    kit.die(old);
    kit.all_ready();
    assert!(kit.worker_of(calls[2]).is_some());
    assert_eq!((kit.workers.len(), kit.worker_of(calls[3])), (2, None));
}

#[test]
fn closing_before_any_worker_is_ready_carries_out_the_calls_that_were_taken() {
    let mut kit = Kit::new(settings(1, 1));
    let calls = [kit.call(), kit.call()];
    kit.close();
    assert_eq!(kit.make(Spec::default()), Err(Failure::Closed));
    kit.all_ready();
    for call in calls {
        kit.answer(call);
    }
    kit.obey();
    assert!(kit.is_over());
    assert_eq!((kit.failed.len(), kit.machine.killed()), (0, 0));
}

#[test]
fn closing_ends_although_no_worker_starts() {
    let mut kit = Kit::new(settings(1, 1));
    let call = kit.call();
    kit.close();
    for _ in 0..10 {
        for worker in std::mem::take(&mut kit.starting) {
            kit.gone(worker, End { exit_code: Some(1), ..End::default() });
        }
        kit.pass(SECOND);
    }
    let [(failed, Failure::Start { .. })] = &kit.failed[..] else { panic!("{:?}", kit.failed) };
    assert_eq!(*failed, call);
    kit.obey();
    assert!(kit.is_over());
}

#[test]
fn a_reload_that_is_under_way_when_the_pool_ends_says_so() {
    let mut kit = Kit::ready(settings(2, 2));
    kit.reload();
    kit.reload();
    kit.machine.destroy(kit.now);
    kit.look();
    assert_eq!(kit.reloaded, [Err(Failure::Closed)], "one for both");
    kit.obey();
    assert!(kit.is_over());
}
