//! `tokio::Pool`: who gets which call, and what becomes of it when workers die, or do not react.

use std::collections::HashSet;
use std::num::NonZero;
use std::time::Duration;

use crossfork::calls::{CallError, RpcError, code};
use crossfork::tokio::pool::{Builder, Call, PoolError};
use crossfork::tokio::{Context, Fork, Pool, Service};
use tokio::time::timeout;

use crate::worker::command;

const DEADLINE: Duration = Duration::from_secs(60);

fn n(n: usize) -> NonZero<usize> {
    NonZero::new(n).unwrap()
}

fn pool(size: usize) -> Builder {
    Pool::command(command()).size(n(size)).grace(Duration::from_secs(20))
}

/// A test that hangs fails.
async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("it hangs")
}

#[tokio::test]
async fn calls_go_to_all_workers_and_their_results_come_back() {
    within(async {
        let pool = pool(2).concurrency(n(1)).start().unwrap();
        let calls: Vec<_> = (0..20_u64)
            .map(|i| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.call::<u64>("double", &i).await })
            })
            .collect();
        for (i, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap().unwrap(), 2 * i as u64);
        }
        pool.ready().await.unwrap();
        // Each is busy with one.
        let both = tokio::join!(pool.call::<u64>("rest", &50), pool.call::<u32>("pid", &()));
        let other: u32 = pool.call("pid", &()).await.unwrap();
        assert!(both.0.is_ok() && both.1.is_ok() && other > 0);
        assert_eq!(pool.stats().completed, 23);
        pool.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_least_busy_worker_gets_a_call() {
    within(async {
        let pool = pool(2).concurrency(n(4)).start().unwrap();
        pool.ready().await.unwrap();
        let pids = async |n: usize| {
            let mut pids = HashSet::new();
            for _ in 0..n {
                pids.insert(pool.call::<u32>("pid", &()).await.unwrap());
            }
            pids
        };
        let busy = pool.call::<u64>("rest", &300);
        let (rested, pids) = tokio::join!(busy, pids(5));
        rested.unwrap();
        assert_eq!(pids.len(), 1, "the one that does nothing else");
    })
    .await;
}

#[tokio::test]
async fn errors_of_handlers_arrive_as_what_they_are() {
    within(async {
        let pool = pool(1).start().unwrap();
        let failed = pool.call::<()>("fail", &()).await.unwrap_err();
        assert_eq!(failed.to_string(), "on purpose");
        assert_eq!(failed.rpc().unwrap().code, code::HANDLER);
        let unknown = pool.call::<()>("nothing", &()).await.unwrap_err();
        assert_eq!(unknown.rpc().unwrap().code, code::METHOD_NOT_FOUND);
        let wrong = pool.call::<u64>("double", "text").await.unwrap_err();
        assert_eq!(wrong.to_string(), "params: invalid type: string \"text\", expected u64");
        let result = pool.call::<String>("double", &1).await.unwrap_err();
        assert!(matches!(result, PoolError::Call(CallError::Result(_))), "{result}");
        let panicked = pool.call::<()>("crash", &()).await.unwrap_err();
        assert!(
            panicked.to_string().starts_with("the handler panicked at test/rust/calls/worker.rs:"),
            "{panicked}"
        );
        assert_eq!(pool.call::<u64>("double", &2).await.unwrap(), 4, "it lives");
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_is_to_end_when_a_handler_panics_is_replaced() {
    within(async {
        let pool = Pool::command(command().env("ENDS_ON_PANIC", "1")).size(n(1)).start().unwrap();
        let first: u32 = pool.call("pid", &()).await.unwrap();
        let (panicked, rested) = tokio::join!(pool.call::<()>("crash", &()), pool.call::<u64>("rest", &50));
        assert_eq!(panicked.unwrap_err().rpc().unwrap().code, code::INTERNAL);
        assert_eq!(rested.unwrap(), 50, "it had begun, or another made it");
        assert_ne!(pool.call::<u32>("pid", &()).await.unwrap(), first);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_dies_fails_the_calls_that_it_had_and_no_others() {
    within(async {
        let pool = pool(1).concurrency(n(2)).start().unwrap();
        pool.ready().await.unwrap();
        let rested = async { pool.call::<u64>("sleep_on", &10_000).await };
        let died = async {
            while pool.stats().running < 1 {
                tokio::task::yield_now().await;
            }
            // Before a thread of the worker has taken it, the other call would not have begun for sure.
            pool.call::<()>("die", &()).await
        };
        let waited = async {
            while pool.stats().running < 2 {
                tokio::task::yield_now().await;
            }
            pool.call::<u64>("double", &21).await
        };
        let (rested, died, waited) = tokio::join!(rested, died, waited);
        for begun in [rested.map(drop), died] {
            let error = begun.unwrap_err();
            assert_eq!(error.code(), "ERR_WORKER_DIED");
            let text =
                "the worker ended with exit status: 7 before it answered; the call may have been carried out";
            assert_eq!(error.to_string(), text);
        }
        assert_eq!(waited.unwrap(), 42, "it went to the next worker");
    })
    .await;
}

#[tokio::test]
async fn an_idempotent_call_is_made_again_so_many_times() {
    within(async {
        let pool = pool(1).start().unwrap();
        let path = std::env::temp_dir().join(format!("crossfork-die-once-{}", std::process::id()));
        let again = Call::new().idempotent(1);
        let result: String = pool.call_with("die_once", &path, again).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(result, "alive");
        let error = pool.call_with::<()>("die", &(), again).await.unwrap_err();
        assert_eq!(error.code(), "ERR_WORKER_DIED");
    })
    .await;
}

#[tokio::test]
async fn a_timeout_counts_the_wait_for_a_worker_and_stops_the_handler() {
    within(async {
        let pool = pool(1).concurrency(n(1)).start().unwrap();
        pool.ready().await.unwrap();
        let short = Call::new().timeout(Duration::from_millis(30));
        let first = pool.call_with::<u64>("rest", &60_000, short);
        let second = pool.call_with::<u64>("double", &1, short);
        let (first, second) = tokio::join!(first, second);
        assert_eq!(first.unwrap_err().code(), "ERR_CALL_TIMEOUT");
        assert_eq!(second.unwrap_err().code(), "ERR_CALL_TIMEOUT");
        assert_eq!(pool.call::<u64>("double", &2).await.unwrap(), 4, "the handler was told, and has stopped");
        assert_eq!(pool.stats().ended, 0);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_ignores_a_cancelled_call_is_replaced() {
    within(async {
        let pool = pool(1).concurrency(n(1)).grace(Duration::from_millis(100)).start().unwrap();
        pool.ready().await.unwrap();
        let first: u32 = pool.call("pid", &()).await.unwrap();
        let short = Call::new().timeout(Duration::from_millis(50));
        pool.call_with::<u64>("sleep_on", &600_000, short).await.unwrap_err();
        let second: u32 = pool.call("pid", &()).await.unwrap();
        assert_ne!(first, second);
    })
    .await;
}

#[tokio::test]
async fn a_dropped_future_leaves_the_queue_and_makes_room_in_it() {
    within(async {
        let pool = pool(1).concurrency(n(1)).max_queue(1).start().unwrap();
        pool.ready().await.unwrap();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move { pool.call::<u64>("rest", &600_000).await }
        });
        while pool.stats().running == 0 {
            tokio::task::yield_now().await;
        }
        {
            let waiting = std::pin::pin!(pool.call::<u64>("double", &1));
            tokio::select! {
                biased;
                result = waiting => panic!("{result:?}"),
                full = pool.call::<u64>("double", &1) => {
                    assert_eq!(full.unwrap_err().code(), "ERR_QUEUE_FULL");
                }
            }
        }
        let queued = pool.call::<u64>("double", &2);
        let (queued, ()) = tokio::join!(queued, async { busy.abort() });
        assert_eq!(queued.unwrap(), 4);
    })
    .await;
}

#[tokio::test]
async fn a_pool_that_cannot_start_says_why_to_all() {
    within(async {
        let missing = Pool::fork(Fork::new("x.js").exec_path("/does/not/exist")).size(n(1)).start().unwrap();
        let (called, ready) = tokio::join!(missing.call::<()>("a", &()), missing.ready());
        assert!(called.unwrap_err().to_string().contains("/does/not/exist cannot be started"));
        assert_eq!(ready.unwrap_err().code(), "ERR_POOL_START");

        let sleeping = crossfork::tokio::Command::new("sleep").arg("100");
        let silent =
            Pool::command(sleeping).size(n(1)).start_timeout(Duration::from_millis(50)).start().unwrap();
        let error = silent.call::<()>("a", &()).await.unwrap_err();
        assert!(error.to_string().contains("was not ready in 50ms: does it call serve()"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn what_is_neither_a_script_nor_a_program_is_refused_at_once() {
    let error = Pool::builder("/etc/passwd").start().unwrap_err();
    assert!(error.to_string().contains("neither a script"), "{error}");
    assert_eq!(Pool::builder("/does/not/exist").start().unwrap_err().code(), "ENOENT");
}

#[tokio::test]
async fn closing_waits_for_the_calls_that_were_taken_and_destroying_does_not() {
    within(async {
        let closed = pool(1).concurrency(n(1)).start().unwrap();
        let calls: Vec<_> = (0..5_u64)
            .map(|i| {
                let pool = closed.clone();
                tokio::spawn(async move { pool.call::<u64>("double", &i).await })
            })
            .collect();
        while closed.stats().waiting + closed.stats().running + (closed.stats().completed as usize) < 5 {
            tokio::task::yield_now().await;
        }
        closed.close().await;
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(closed.call::<u64>("double", &1).await.unwrap_err().code(), "ERR_POOL_CLOSED");

        let destroyed = pool(1).concurrency(n(1)).start().unwrap();
        destroyed.ready().await.unwrap();
        let calls = async {
            tokio::join!(destroyed.call::<u64>("rest", &600_000), destroyed.call::<u64>("double", &1))
        };
        let ((begun, waiting), ()) = tokio::join!(calls, async {
            while destroyed.stats().running == 0 || destroyed.stats().waiting == 0 {
                tokio::task::yield_now().await;
            }
            // This test has one thread: the task that writes has its turn, and the call is handed over.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            destroyed.destroy().await;
        });
        assert_eq!(begun.unwrap_err().code(), "ERR_WORKER_DIED");
        assert_eq!(waiting.unwrap_err().code(), "ERR_POOL_CLOSED");
    })
    .await;
}

#[tokio::test]
async fn reloading_replaces_all_workers_and_fails_no_call() {
    within(async {
        let pool = pool(2).concurrency(n(2)).start().unwrap();
        pool.ready().await.unwrap();
        let pids = async || {
            let mut pids = HashSet::new();
            while pids.len() < 2 {
                let both = tokio::join!(pool.call::<u32>("pid", &()), pool.call::<u32>("pid", &()));
                pids.extend([both.0.unwrap(), both.1.unwrap()]);
            }
            pids
        };
        let before = pids().await;
        let calls: Vec<_> = (0..200_u64)
            .map(|i| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.call::<u64>("rest", &(i % 5)).await })
            })
            .collect();
        pool.reload().await.unwrap();
        for (i, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap().unwrap(), i as u64 % 5);
        }
        assert!(pids().await.is_disjoint(&before));
    })
    .await;
}

#[tokio::test]
async fn a_stream_comes_item_by_item_and_leaving_it_cancels() {
    within(async {
        let pool = pool(1).concurrency(n(1)).start().unwrap();
        let mut stream = pool.stream::<u32>("count", &1000).await.unwrap();
        for i in 0..1000 {
            assert_eq!(stream.next().await.unwrap().unwrap(), i);
        }
        assert!(stream.next().await.is_none());
        let mut left = pool.stream::<u32>("count", &u32::MAX).await.unwrap();
        assert_eq!(left.next().await.unwrap().unwrap(), 0);
        drop(left);
        assert_eq!(pool.call::<u64>("double", &2).await.unwrap(), 4, "the worker is free");
        assert_eq!(pool.call::<Vec<u32>>("count", &3).await.unwrap(), [0, 1, 2], "who asks for no stream");
    })
    .await;
}

#[tokio::test]
async fn a_worker_calls_its_pool() {
    within(async {
        let triple = |n: u32, _: &Context| Ok::<_, RpcError>(3 * n);
        let pool = pool(2).service(Service::new().method("triple", triple)).start().unwrap();
        assert_eq!(pool.call::<u32>("ask", &7).await.unwrap(), 21);
    })
    .await;
}

#[tokio::test]
async fn each_call_has_one_outcome_whatever_dies_meanwhile() {
    within(async {
        let pool = pool(3).concurrency(n(4)).start().unwrap();
        let calls: Vec<_> = (0..600_u64)
            .map(|i| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    let short = Call::new().timeout(Duration::from_millis(i % 7));
                    match i % 60 {
                        0 => pool.call::<()>("die", &()).await.map(|()| 0),
                        1..10 => pool.call_with::<u64>("rest", &5, short).await,
                        _ => pool.call::<u64>("double", &i).await,
                    }
                })
            })
            .collect();
        let (mut answered, mut died, mut late) = (0, 0, 0);
        for call in calls {
            match call.await.unwrap() {
                Ok(_) => answered += 1,
                Err(PoolError::WorkerDied { .. }) => died += 1,
                Err(PoolError::Call(CallError::TimedOut)) => late += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(answered > 0 && died >= 10, "{answered} answered, {died} died, {late} late");
        pool.close().await;
        assert_eq!(pool.stats().running, 0);
    })
    .await;
}
