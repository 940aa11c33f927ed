//! Who gets which call, and what becomes of it when workers die, or do not react. For both drivers.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossfork::calls::{CallError, RpcError, code};

use super::*;
use crate::worker::{EXACT, NAME};

const DEADLINE: Duration = Duration::from_secs(60);

pub fn n(n: usize) -> NonZero<usize> {
    NonZero::new(n).unwrap()
}

/// The worker: this program again.
pub fn command() -> Command {
    Command::new(std::env::current_exe().unwrap())
        .args([EXACT, NAME, "--nocapture"])
        .stdio(1, crossfork::Stdio::Null)
        .serialization(crossfork::Serialization::Advanced)
}

pub fn pool(size: usize) -> Builder {
    Pool::command(command()).size(n(size)).grace(Duration::from_secs(20))
}

/// A test that hangs fails.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "it never comes to this: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Calls on another thread.
pub fn beside<T: Send + 'static>(
    pool: &Started,
    call: impl FnOnce(Started) -> T + Send + 'static,
) -> JoinHandle<T> {
    let pool = pool.clone();
    thread::spawn(move || call(pool))
}

/// Ends the calls of `rest`, now and later.
pub fn stop_resting(pool: &Started) {
    pool.call_all::<()>("stop_resting", &()).into_iter().for_each(|told| told.unwrap());
}

#[test]
fn calls_go_to_all_workers_and_their_results_come_back() {
    let pool = start(pool(2).concurrency(n(1))).unwrap();
    let call = |i: u64| beside(&pool, move |pool| pool.call::<u64>("double", &i));
    let calls: Vec<_> = (0..20).map(call).collect();
    for (i, call) in calls.into_iter().enumerate() {
        assert_eq!(call.join().unwrap().unwrap(), 2 * i as u64);
    }
    assert_eq!(pool.stats().completed, 20);
    assert_eq!(pool.close(), 0);
}

#[test]
fn the_least_busy_worker_gets_a_call() {
    let pool = start(pool(2).concurrency(n(4))).unwrap();
    pool.ready().unwrap();
    let busy = beside(&pool, |pool| pool.call_with::<u64>("rest", &60_000, Call::new().key("a")));
    until("one is busy", || pool.stats().running == 1);
    let pids: HashSet<u32> = (0..5).map(|_| pool.call("pid", &()).unwrap()).collect();
    assert_eq!(pids.len(), 1, "the one that does nothing else");
    pool.destroy();
    assert_eq!(busy.join().unwrap().unwrap_err().code(), "ERR_POOL_CLOSED");
}

#[test]
fn errors_of_handlers_arrive_as_what_they_are() {
    let pool = start(pool(1)).unwrap();
    let failed = pool.call::<()>("fail", &()).unwrap_err();
    assert_eq!(failed.to_string(), "on purpose");
    assert_eq!(failed.rpc().unwrap().code, code::HANDLER);
    let unknown = pool.call::<()>("nothing", &()).unwrap_err();
    assert_eq!(unknown.rpc().unwrap().code, code::METHOD_NOT_FOUND);
    let wrong = pool.call::<u64>("double", "text").unwrap_err();
    assert_eq!(wrong.to_string(), "params: invalid type: string \"text\", expected u64");
    let result = pool.call::<String>("double", &1).unwrap_err();
    assert!(matches!(result, PoolError::Call(CallError::Result(_))), "{result}");
    let panicked = pool.call::<()>("crash", &()).unwrap_err();
    assert!(
        panicked.to_string().starts_with("the handler panicked at test/rust/calls/worker.rs:"),
        "{panicked}"
    );
    assert_eq!(pool.call::<u64>("double", &2).unwrap(), 4, "it lives");
    assert_eq!((pool.stats().failed, pool.stats().completed), (5, 1));
}

#[test]
fn a_worker_that_is_to_end_when_a_handler_panics_is_replaced() {
    let pool = start(Pool::command(command().env("ENDS_ON_PANIC", "1")).size(n(1))).unwrap();
    let first: u32 = pool.call("pid", &()).unwrap();
    let rested = beside(&pool, |pool| pool.call::<u64>("rest", &50));
    let panicked = pool.call::<()>("crash", &());
    assert_eq!(panicked.unwrap_err().rpc().unwrap().code, code::INTERNAL);
    assert_eq!(rested.join().unwrap().unwrap(), 50, "it had begun, or another made it");
    until("another makes them", || pool.call::<u32>("pid", &()).unwrap() != first);
}

#[test]
fn a_worker_that_dies_fails_the_calls_that_it_had_and_no_others() {
    let pool = start(pool(1).concurrency(n(2))).unwrap();
    pool.ready().unwrap();
    let rested = beside(&pool, |pool| pool.call::<u64>("note_and_sleep", &600_000));
    until("it has begun", || pool.call::<bool>("has_noted", &()).unwrap());
    let waits = Arc::new(std::sync::Barrier::new(2));
    let waited = beside(&pool, {
        let waits = waits.clone();
        move |pool| {
            waits.wait();
            until("the others are there", || pool.stats().running == 2 || pool.stats().restarts > 0);
            pool.call::<u64>("double", &21)
        }
    });
    waits.wait();
    let died = pool.call::<()>("die_slowly", &100);
    for begun in [rested.join().unwrap().map(drop), died] {
        let error = begun.unwrap_err();
        assert_eq!(error.code(), "ERR_WORKER_DIED");
        let PoolError::WorkerDied { begun, exit_code, signal, stderr, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!((*begun, *exit_code, *signal, stderr.as_str()), (true, Some(7), None, "farewell"));
        let text = "the worker ended with exit code 7 before it answered; the call may have begun\n\
                    Last lines of stderr:\nfarewell";
        assert_eq!(error.to_string(), text);
    }
    assert_eq!(waited.join().unwrap().unwrap(), 42, "it went to the next worker");
    assert_eq!((pool.stats().lost, pool.stats().restarts), (2, 1));
}

#[test]
fn an_idempotent_call_is_made_again_so_many_times() {
    let pool = start(pool(1)).unwrap();
    let name = format!("crossfork-die-once-{}-{:?}", std::process::id(), thread::current().id());
    let path = std::env::temp_dir().join(name);
    let again = Call::new().idempotent(1);
    let result: String = pool.call_with("die_once", &path, again).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(result, "alive");
    let error = pool.call_with::<()>("die", &(), again).unwrap_err();
    assert_eq!(error.code(), "ERR_WORKER_DIED");
    assert_eq!(pool.stats().restarts, 3);
}

#[test]
fn a_timeout_counts_the_wait_for_a_worker() {
    let pool = start(pool(1).concurrency(n(1)).timeout(Duration::from_millis(30))).unwrap();
    pool.ready().unwrap();
    let long = Call::new().timeout(DEADLINE);
    let first = beside(&pool, move |pool| pool.call_with::<u64>("rest", &600_000, long));
    until("it runs", || pool.stats().running == 1);
    assert_eq!(pool.call::<u64>("double", &1).unwrap_err().code(), "ERR_CALL_TIMEOUT");
    assert_eq!((pool.stats().waiting, pool.stats().timed_out), (0, 1));
    pool.destroy();
    first.join().unwrap().unwrap_err();
}

#[test]
fn a_timeout_stops_the_handler_and_leaves_the_worker() {
    let pool = start(pool(1).concurrency(n(1))).unwrap();
    pool.ready().unwrap();
    let short = Call::new().timeout(Duration::from_millis(30));
    let late = pool.call_with::<u64>("rest", &600_000, short).unwrap_err();
    assert_eq!(late.code(), "ERR_CALL_TIMEOUT");
    assert_eq!(pool.call::<u64>("double", &2).unwrap(), 4);
    let stats = pool.stats();
    assert_eq!((stats.restarts, stats.timed_out, stats.completed), (0, 1, 1));
}

#[test]
fn a_worker_that_ignores_a_cancelled_call_is_replaced() {
    let pool = start(pool(1).concurrency(n(1)).grace(Duration::from_millis(100))).unwrap();
    let first: u32 = pool.call("pid", &()).unwrap();
    let short = Call::new().timeout(Duration::from_millis(50));
    // A call that is late before it was sent is not.
    until("another makes them", || {
        pool.call_with::<u64>("sleep_on", &600_000, short).unwrap_err();
        pool.call::<u32>("pid", &()).unwrap() != first
    });
}

#[test]
fn a_full_queue_refuses_and_tells_when_there_is_room() {
    let pool = start(pool(1).concurrency(n(1)).max_queue(1)).unwrap();
    pool.ready().unwrap();
    let busy = beside(&pool, |pool| pool.call::<u64>("rest", &600_000));
    until("it runs", || pool.stats().running == 1);
    let waiting = beside(&pool, |pool| pool.call::<u64>("double", &1));
    until("it waits", || pool.stats().waiting == 1);
    let full = pool.call::<u64>("double", &1).unwrap_err();
    assert_eq!(full.to_string(), "the queue is full (1 calls wait): wait with room(), or raise max_queue");
    stop_resting(&pool);
    pool.room().unwrap();
    pool.drained();
    assert_eq!(pool.call::<u64>("double", &2).unwrap(), 4);
    assert_eq!((busy.join().unwrap().unwrap(), waiting.join().unwrap().unwrap()), (600_000, 2));
    assert_eq!(pool.stats().refused, 1);
}

#[test]
fn calls_with_a_higher_priority_go_first() {
    let pool = start(pool(1).concurrency(n(1))).unwrap();
    pool.ready().unwrap();
    let busy = beside(&pool, |pool| pool.call::<u64>("rest", &600_000));
    until("it runs", || pool.stats().running == 1);
    let mut waiting = Vec::new();
    for priority in [-1, 0, 1] {
        let how = Call::new().priority(priority);
        waiting.push(beside(&pool, move |pool| pool.call_with::<u64>("turn", &(), how).unwrap()));
        until("it waits", || pool.stats().waiting == waiting.len());
    }
    stop_resting(&pool);
    let turns: Vec<_> = waiting.into_iter().map(|call| call.join().unwrap()).collect();
    assert_eq!(turns, [3, 2, 1]);
    busy.join().unwrap().unwrap();
}

#[test]
fn calls_with_a_key_go_to_one_worker_and_to_the_one_that_replaces_it() {
    let pool = start(pool(3).concurrency(n(1))).unwrap();
    pool.ready().unwrap();
    let place_of = |key: &str| -> (u32, String) {
        let how = Call::new().key(key);
        (pool.call_with("pid", &(), how).unwrap(), pool.call_with("place", &(), how).unwrap())
    };
    let places: HashMap<_, _> =
        (0..12).map(|i| i.to_string()).map(|key| (key.clone(), place_of(&key))).collect();
    assert_eq!(places.values().map(|(pid, _)| *pid).collect::<HashSet<_>>().len(), 3);
    let key = "7";
    let busy = beside(&pool, move |pool| pool.call_with::<u64>("rest", &100, Call::new().key(key)));
    until("it runs", || pool.stats().running == 1);
    assert_eq!(place_of(key), places[key], "others were free");
    busy.join().unwrap().unwrap();
    pool.call_with::<()>("die", &(), Call::new().key(key)).unwrap_err();
    let after = place_of(key);
    assert_ne!(after.0, places[key].0);
    assert_eq!(after.1, places[key].1);
    for (key, place) in places.iter().filter(|(_, place)| place.1 != after.1) {
        assert_eq!(place_of(key), *place, "keys of others stay");
    }
}

#[test]
fn a_pool_that_cannot_start_says_why_to_all() {
    let missing = Pool::fork(Fork::new("x.js").exec_path("/does/not/exist")).size(n(1));
    let missing = start(missing).unwrap();
    let called = beside(&missing, |pool| pool.call::<()>("a", &()));
    assert_eq!(missing.ready().unwrap_err().code(), "ERR_POOL_START");
    assert!(called.join().unwrap().unwrap_err().to_string().contains("/does/not/exist cannot be started"));

    let sleeping = Command::new("sleep").arg("100");
    let silent = start(Pool::command(sleeping).size(n(1)).start_timeout(Duration::from_millis(50))).unwrap();
    let error = silent.call::<()>("a", &()).unwrap_err();
    assert!(error.to_string().contains("was not ready in 50ms: does it call serve()"), "{error}");

    let crashing = start(Pool::command(Command::shell("echo no database >&2; exit 3")).size(n(1))).unwrap();
    let error = crashing.call::<()>("a", &()).unwrap_err().to_string();
    assert!(error.contains("it ended with exit code 3\nLast lines of stderr:\nno database"), "{error}");
}

#[test]
fn what_is_neither_a_script_nor_a_program_is_refused_at_once() {
    let error = start(Pool::builder("/etc/passwd")).unwrap_err();
    assert!(error.to_string().contains("not a script"), "{error}");
    for missing in ["/does/not/exist", "./does-not-exist.mjs"] {
        assert_eq!(start(Pool::builder(missing)).unwrap_err().code(), "ENOENT");
    }
}

#[test]
fn closing_waits_for_the_calls_that_were_taken() {
    let pool = start(pool(1).concurrency(n(1))).unwrap();
    let calls: Vec<_> =
        (0..5_u64).map(|i| beside(&pool, move |pool| pool.call::<u64>("double", &i))).collect();
    until("they were taken", || {
        let stats = pool.stats();
        stats.waiting + stats.running + (stats.completed as usize) == 5
    });
    assert_eq!(pool.close(), 0);
    for call in calls {
        call.join().unwrap().unwrap();
    }
    assert!(pool.is_closed());
    assert_eq!(pool.call::<u64>("double", &1).unwrap_err().code(), "ERR_POOL_CLOSED");
    assert_eq!(pool.stats().workers.len(), 0);
}

#[test]
fn a_worker_that_does_not_end_is_killed_and_counted() {
    let pool = start(
        Pool::command(command().env("STAYS", "1")).size(n(1)).close_timeout(Duration::from_millis(100)),
    )
    .unwrap();
    pool.ready().unwrap();
    assert_eq!(pool.close(), 1);
}

#[test]
fn destroying_waits_for_nothing() {
    let pool = start(pool(1).concurrency(n(1))).unwrap();
    pool.ready().unwrap();
    let begun = beside(&pool, |pool| pool.call::<u64>("sleep_on", &600_000));
    until("it runs", || pool.stats().running == 1);
    let waiting = beside(&pool, |pool| pool.call::<u64>("double", &1));
    until("it waits", || pool.stats().waiting == 1);
    pool.destroy();
    for call in [begun, waiting] {
        assert_eq!(call.join().unwrap().unwrap_err().code(), "ERR_POOL_CLOSED");
    }
}

#[test]
fn cancelling_what_waits_leaves_what_runs() {
    let pool = start(pool(1).concurrency(n(1))).unwrap();
    pool.ready().unwrap();
    let running = beside(&pool, |pool| pool.call::<u64>("rest", &600_000));
    until("it runs", || pool.stats().running == 1);
    let waiting = beside(&pool, |pool| pool.call::<u64>("double", &1));
    until("it waits", || pool.stats().waiting == 1);
    pool.cancel_waiting();
    assert_eq!(waiting.join().unwrap().unwrap_err().code(), "ERR_CALL_ABORTED");
    stop_resting(&pool);
    assert_eq!(running.join().unwrap().unwrap(), 600_000);
}

#[test]
fn the_workers_end_when_the_pool_is_dropped() {
    let pool = start(pool(1)).unwrap();
    let pid: u32 = pool.call("pid", &()).unwrap();
    drop(pool);
    let path = format!("/proc/{pid}/stat");
    let is_gone = || match std::fs::read_to_string(&path) {
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => true,
    };
    if cfg!(target_os = "linux") {
        until("the worker has ended", is_gone);
    }
}

#[test]
fn a_stream_comes_item_by_item_and_leaving_it_cancels() {
    let pool = start(pool(1).concurrency(n(1))).unwrap();
    let stream = pool.stream::<u32>("count", &1000).unwrap();
    let items: Vec<_> = stream.map(Result::unwrap).collect();
    assert!(items.into_iter().eq(0..1000));
    let mut left = pool.stream::<u32>("count", &u32::MAX).unwrap();
    assert_eq!(left.next().unwrap().unwrap(), 0);
    drop(left);
    assert_eq!(pool.call::<u64>("double", &2).unwrap(), 4, "the worker is free");
    assert_eq!(pool.call::<Vec<u32>>("count", &3).unwrap(), [0, 1, 2], "who asks for no stream");
    let mut plain = pool.stream::<u64>("double", &2).unwrap();
    assert_eq!((plain.next().unwrap().unwrap(), plain.next().is_none()), (4, true));
    let mut failed = pool.stream::<u64>("fail", &()).unwrap();
    assert_eq!(failed.next().unwrap().unwrap_err().to_string(), "on purpose");
    assert!(failed.next().is_none());
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.cancelled), (4, 1, 1));
}

#[test]
fn a_stream_whose_worker_dies_ends_with_how_it_died() {
    let pool = start(pool(1).concurrency(n(2))).unwrap();
    let mut stream = pool.stream_with::<u32>("count", &u32::MAX, Call::new().idempotent(3)).unwrap();
    assert_eq!(stream.next().unwrap().unwrap(), 0);
    pool.call::<()>("die", &()).unwrap_err();
    let error = stream.find_map(Result::err).unwrap();
    assert!(matches!(error, PoolError::WorkerDied { exit_code: Some(7), .. }), "{error}");
    assert!(stream.next().is_none());
    assert_eq!(pool.call::<u64>("double", &2).unwrap(), 4);
}

#[test]
fn a_worker_calls_its_pool() {
    let triple = |n: u32, _: &Context| Ok::<_, RpcError>(3 * n);
    let pool = start(pool(2).service(Service::new().method("triple", triple))).unwrap();
    assert_eq!(pool.call::<u32>("ask", &7).unwrap(), 21);
}

#[test]
fn each_call_has_one_outcome_whatever_dies_meanwhile() {
    let pool = start(pool(3).concurrency(n(4))).unwrap();
    let threads: Vec<_> = (0..12_u64)
        .map(|thread| {
            beside(&pool, move |pool| {
                let mut outcomes = [0; 3];
                for i in (0..50).map(|i| 50 * thread + i) {
                    let short = Call::new().timeout(Duration::from_millis(i % 7));
                    let result = match i % 60 {
                        0 => pool.call::<()>("die", &()).map(|()| 0),
                        1..10 => pool.call_with::<u64>("rest", &5, short),
                        _ => pool.call::<u64>("double", &i),
                    };
                    outcomes[match result {
                        Ok(_) => 0,
                        Err(PoolError::WorkerDied { .. }) => 1,
                        Err(PoolError::Call(CallError::TimedOut)) => 2,
                        Err(error) => panic!("{error}"),
                    }] += 1;
                }
                outcomes
            })
        })
        .collect();
    let mut all = [0; 3];
    for thread in threads {
        for (all, some) in all.iter_mut().zip(thread.join().unwrap()) {
            *all += some;
        }
    }
    assert_eq!(all.iter().sum::<u64>(), 600);
    let [answered, died, late] = all;
    assert!(answered > 0 && died >= 10, "{answered} answered, {died} died, {late} late");
    pool.close();
    let stats = pool.stats();
    assert_eq!((stats.running, stats.waiting), (0, 0));
    assert_eq!((stats.completed, stats.lost, stats.timed_out), (answered, died, late));
}
