//! How workers are replaced while calls go on, and how many there are. For both drivers.

use std::collections::HashSet;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::pool::{beside, command, n, pool, stop_resting, until};
use super::*;

/// Has calls made meanwhile, none of which may fail.
fn under_load(pool: &Started, action: impl FnOnce()) {
    let is_over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4_u64)
        .map(|i| {
            let is_over = is_over.clone();
            beside(pool, move |pool| {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(pool.call::<u64>("rest", &i).unwrap(), i);
                }
            })
        })
        .collect();
    action();
    is_over.store(true, Ordering::Relaxed);
    callers.into_iter().for_each(|caller| caller.join().unwrap());
}

fn pids(pool: &Started) -> HashSet<u32> {
    pool.stats().workers.iter().filter(|w| w.state == WorkerState::Ready).filter_map(|w| w.pid).collect()
}

#[test]
fn reloading_replaces_all_workers_and_fails_no_call() {
    let pool = start(pool(2).concurrency(n(2))).unwrap();
    pool.ready().unwrap();
    let before = pids(&pool);
    assert_eq!(before.len(), 2);
    under_load(&pool, || pool.reload().unwrap());
    let after = pids(&pool);
    assert_eq!(after.len(), 2);
    assert!(after.is_disjoint(&before));
    assert_eq!(pool.stats().restarts, 0, "that was asked for");
}

#[test]
fn a_reload_that_fails_leaves_the_workers_as_they_are() {
    let name = format!("crossfork-reload-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name);
    let pool = start(Pool::command(command().env("FAILS_IF", &path)).size(n(2))).unwrap();
    pool.ready().unwrap();
    let before = pids(&pool);
    std::fs::write(&path, "").unwrap();
    let error = pool.reload().unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(error.code(), "ERR_POOL_START");
    assert_eq!(pids(&pool), before);
    assert_eq!(pool.call::<u64>("double", &2).unwrap(), 4);
}

#[test]
fn workers_are_replaced_by_the_number_of_their_calls() {
    let pool = start(pool(1).max_calls(NonZero::new(3).unwrap())).unwrap();
    under_load(&pool, || {
        let pids: HashSet<u32> = (0..30).map(|_| pool.call("pid", &()).unwrap()).collect();
        assert!(pids.len() >= 8, "{}", pids.len());
    });
}

#[test]
fn workers_are_replaced_by_age_and_by_memory() {
    for builder in [pool(1).max_age(Duration::from_millis(300)), pool(1).max_memory(1)] {
        let pool = start(builder).unwrap();
        let first: u32 = pool.call("pid", &()).unwrap();
        under_load(&pool, || until("another", || pool.call::<u32>("pid", &()).unwrap() != first));
        assert_eq!(pool.stats().restarts, 0);
    }
}

#[test]
fn a_pool_grows_with_what_waits_and_shrinks_when_it_is_idle() {
    let builder = pool(1).max(n(3)).concurrency(n(1)).idle_timeout(Duration::from_millis(50));
    let pool = start(builder).unwrap();
    pool.ready().unwrap();
    assert_eq!(pool.stats().workers.len(), 1);
    let calls: Vec<_> = (0..3).map(|_| beside(&pool, |pool| pool.call::<u64>("rest", &600_000))).collect();
    until("all run", || pool.stats().running == 3);
    let timed = Call::new().timeout(Duration::from_millis(1));
    pool.call_with::<()>("pid", &(), timed).unwrap_err();
    for held in pool.stats().workers {
        assert_eq!((held.running, held.state), (1, WorkerState::Ready));
    }
    let others: Vec<_> = pool.call_all::<()>("stop_resting", &());
    assert_eq!(others.len(), 3);
    calls.into_iter().for_each(|call| drop(call.join().unwrap()));
    until("one is left", || pool.stats().workers.len() == 1);
    assert_eq!(pool.stats().restarts, 0);
}

#[test]
fn a_lazy_pool_starts_with_its_first_call() {
    let pool = start(pool(2).lazy()).unwrap();
    assert_eq!(pool.stats().workers.len(), 0);
    assert_eq!(pool.call::<u64>("double", &1).unwrap(), 2);
    assert_eq!(pool.stats().workers.len(), 1);
    pool.ready().unwrap();
    assert_eq!(pool.stats().workers.len(), 2);
}

/// Waits for room, and not for ever.
fn room(pool: &Started) -> Result<(), PoolError> {
    let waits = beside(pool, |pool| pool.room());
    until("it ends", || waits.is_finished());
    waits.join().unwrap()
}

#[test]
fn where_no_call_may_wait_there_is_room_as_long_as_a_worker_can_be_started() {
    for builder in [pool(1).lazy(), pool(1).min(0)] {
        let pool = start(builder.max_queue(0)).unwrap();
        room(&pool).unwrap();
        assert_eq!(pool.call::<u64>("double", &1).unwrap(), 2);
    }
    let pool = start(pool(1).max(n(2)).concurrency(n(1)).max_queue(0)).unwrap();
    pool.ready().unwrap();
    let busy = beside(&pool, |pool| pool.call::<u64>("rest", &600_000));
    until("the first is busy", || pool.stats().running == 1);
    room(&pool).unwrap();
    assert_eq!(pool.call::<u64>("double", &1).unwrap(), 2, "another has it");
    stop_resting(&pool);
    busy.join().unwrap().unwrap();
}

#[test]
fn a_worker_is_prepared_before_its_first_call() {
    let pool = start(with_set_up(pool(1), "turn")).unwrap();
    assert_eq!(pool.call::<u64>("turn", &()).unwrap(), 2);
    pool.call::<()>("die", &()).unwrap_err();
    assert_eq!(pool.call::<u64>("turn", &()).unwrap(), 2, "each of them is");

    let failing = start(with_set_up(super::pool::pool(1), "fail")).unwrap();
    let error = failing.call::<()>("pid", &()).unwrap_err();
    assert_eq!(error.to_string(), "cannot start a worker: its set-up failed: on purpose");
}
