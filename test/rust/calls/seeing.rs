//! What a pool tells: figures, events, what workers write; and what reaches every worker. For both drivers.

use std::sync::{Arc, Mutex};

use super::pool::{beside, command, n, pool, stop_resting, until};
use super::*;

#[test]
fn figures_tell_what_a_pool_does_and_has_done() {
    let pool = start(pool(1).concurrency(n(1))).unwrap();
    pool.ready().unwrap();
    let idle = pool.stats();
    assert_eq!((idle.utilization, idle.run_time.count), (0.0, 0));
    let running = beside(&pool, |pool| pool.call::<u64>("rest", &600_000));
    until("it runs", || pool.stats().running == 1);
    let waiting = beside(&pool, |pool| pool.call::<u64>("double", &50));
    until("it waits", || pool.stats().waiting == 1);
    let stats = pool.stats();
    let [worker] = &stats.workers[..] else { panic!("{stats:?}") };
    assert_eq!((worker.id, worker.running, worker.concurrency), (1, 1, 1));
    assert!(worker.pid.is_some());
    stop_resting(&pool);
    running.join().unwrap().unwrap();
    waiting.join().unwrap().unwrap();
    until("the worker is free", || pool.stats().running == 0);
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.workers[0].completed), (2, 2));
    assert_eq!((stats.wait_time.count, stats.run_time.count), (2, 2));
    assert!(stats.run_time.min <= stats.run_time.p50 && stats.run_time.p50 <= stats.run_time.max);
    assert!(stats.utilization > 0.0 && stats.utilization <= 1.0);
    if cfg!(target_os = "linux") {
        assert!(stats.workers[0].resident.is_some_and(|bytes| bytes > 1 << 16));
    }
}

#[test]
fn events_tell_of_workers() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let pool = start(pool(1).concurrency(n(1)).on_event({
        let events = events.clone();
        move |event| events.lock().unwrap().push(event.clone())
    }))
    .unwrap();
    let pid: u32 = pool.call("pid", &()).unwrap();
    pool.call::<()>("die", &()).unwrap_err();
    pool.ready().unwrap();
    pool.close();
    let events = events.lock().unwrap();
    assert!(
        events.iter().any(|event| matches!(event, Event::WorkerReady { worker: 1, pid: p, .. } if *p == pid)),
        "{events:?}"
    );
    let exited = |event: &Event| {
        matches!(event, Event::WorkerExited { worker: 1, exit_code: Some(7), signal: None, .. })
    };
    assert!(events.iter().any(exited), "{events:?}");
}

#[test]
fn what_workers_write_can_be_read() {
    let written = Arc::new(Mutex::new([Vec::new(), Vec::new()]));
    let piped = command().stdio(1, crossfork::Stdio::Pipe);
    let pool = start(Pool::command(piped).size(n(1)).on_output({
        let written = written.clone();
        move |output| {
            assert_eq!(output.worker, 1);
            let at = usize::from(output.stream == OutputStream::Stderr);
            written.lock().unwrap()[at].extend_from_slice(output.bytes);
        }
    }))
    .unwrap();
    pool.call::<()>("say", &()).unwrap();
    let has = |at: usize, text: &str| String::from_utf8_lossy(&written.lock().unwrap()[at]).contains(text);
    until("both have come", || has(0, "to stdout") && has(1, "to stderr"));
}

#[test]
fn every_worker_is_called_and_notified() {
    let pool = start(pool(2).concurrency(n(1))).unwrap();
    pool.ready().unwrap();
    let busy = beside(&pool, |pool| pool.call_with::<u64>("rest", &600_000, Call::new().key("a")));
    until("one is busy", || pool.stats().running == 1);
    let pids: Vec<u32> = pool.call_all("pid", &()).into_iter().map(Result::unwrap).collect();
    assert_eq!(pids.len(), 2);
    assert_ne!(pids[0], pids[1]);
    assert!(pool.call_all::<()>("fail", &()).into_iter().all(|result| result.is_err()));
    pool.notify("turn", &()).unwrap();
    pool.notify_key("b", "turn", &()).unwrap();
    let mut turns: Vec<u64> = pool.call_all("turn", &()).into_iter().map(Result::unwrap).collect();
    turns.sort_unstable();
    assert_eq!(turns, [2, 3]);
    pool.destroy();
    busy.join().unwrap().unwrap_err();
}

#[test]
fn a_trace_context_and_the_place_reach_the_worker() {
    let pool = start(pool(1)).unwrap();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let how = Call::new().traceparent(parent);
    assert_eq!(pool.call_with::<Option<String>>("trace", &(), how).unwrap().as_deref(), Some(parent));
    assert_eq!(pool.call::<Option<String>>("trace", &()).unwrap(), None);
    assert_eq!(pool.call::<String>("place", &()).unwrap(), "1");
}
