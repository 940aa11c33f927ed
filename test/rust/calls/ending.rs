//! Pools that are closed or destroyed before their workers are ready, and calls that wait for nothing but a start. For both
//! drivers.

use super::pool::{beside, command, n, pool, until};
use super::*;

#[test]
fn closing_waits_for_calls_that_were_made_before_any_worker_was_ready() {
    let pool = start(pool(1).concurrency(n(1))).unwrap();
    let calls: Vec<_> =
        (0..3_u64).map(|i| beside(&pool, move |pool| pool.call::<u64>("double", &i))).collect();
    until("they were taken", || {
        let stats = pool.stats();
        stats.waiting + stats.running + (stats.completed as usize) == 3
    });
    assert_eq!(pool.close(), 0);
    for (i, call) in calls.into_iter().enumerate() {
        assert_eq!(call.join().unwrap().unwrap(), 2 * i as u64);
    }
    assert!(pool.stats().workers.is_empty());
}

#[test]
fn closing_a_pool_that_was_not_used_ends_however_few_workers_it_has() {
    for builder in [pool(1), pool(2).lazy()] {
        let pool = start(builder).unwrap();
        assert_eq!(pool.close(), 0);
        assert_eq!(pool.ready().unwrap_err().code(), "ERR_POOL_CLOSED");
        assert_eq!(pool.reload().unwrap_err().code(), "ERR_POOL_CLOSED");
        assert!(pool.call_all::<u32>("pid", &()).is_empty());
        pool.notify("turn", &()).unwrap();
        pool.cancel_waiting();
    }
}

#[test]
fn closing_ends_although_no_worker_starts() {
    let missing = Pool::command(command().env("FAILS_IF", "/")).size(n(1));
    let pool = start(missing).unwrap();
    let call = beside(&pool, |pool| pool.call::<u64>("double", &1));
    until("it waits", || pool.stats().waiting == 1 || pool.stats().refused == 1);
    pool.close();
    assert_eq!(call.join().unwrap().unwrap_err().code(), "ERR_POOL_START");
}

#[test]
fn destroying_before_any_worker_is_ready_fails_all_calls() {
    let pool = start(pool(2)).unwrap();
    let calls: Vec<_> =
        (0..2_u64).map(|i| beside(&pool, move |pool| pool.call::<u64>("double", &i))).collect();
    until("they were taken", || {
        let stats = pool.stats();
        stats.waiting + stats.running + (stats.completed as usize) == 2
    });
    pool.destroy();
    for call in calls {
        // A quick worker may have answered.
        if let Err(error) = call.join().unwrap() {
            assert_eq!(error.code(), "ERR_POOL_CLOSED");
        }
    }
    assert!(pool.stats().workers.is_empty());
}

#[test]
fn without_a_queue_a_lazy_pool_starts_a_worker_for_its_first_call() {
    let pool = start(pool(1).lazy().max_queue(0).concurrency(n(1))).unwrap();
    pool.room().unwrap();
    assert_eq!(pool.call::<u64>("double", &2).unwrap(), 4);
}
