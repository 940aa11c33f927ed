//! What callers hear of a call before its answer. For both drivers.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crossfork::calls::RpcError;
use serde_json::json;

use super::pool::{beside, command, n, pool, stop_resting};
use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A listener, and what it was told.
fn listener<T: Send + 'static>() -> (impl Fn(T) + Clone + Send + Sync + 'static, Arc<Mutex<Vec<T>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    (move |progress| list.lock().unwrap().push(progress), told)
}

/// Some of it in its order, and the last.
fn is_progress_up_to(told: &[u32], last: u32) -> bool {
    told.is_sorted_by(|a, b| a < b) && told.last() == Some(&last)
}

#[test]
fn a_caller_hears_the_last_report_before_its_answer() {
    let pool = start(pool(1)).unwrap();
    for last in [1, 3, 1000] {
        let (listener, told) = listener::<u32>();
        assert_eq!(pool.request("report", &last).on_progress(listener).call::<u32>().unwrap(), last);
        let told = told.lock().unwrap();
        assert!(is_progress_up_to(&told, last), "{told:?}");
    }
    assert_eq!(pool.call::<u32>("report", &3).unwrap(), 3, "who does not listen");
}

#[test]
fn progress_comes_while_the_call_runs() {
    let pool = start(pool(1).concurrency(n(2))).unwrap();
    let (tell, told) = mpsc::channel::<String>();
    let call = beside(&pool, move |pool| {
        let listener = move |progress| tell.send(progress).unwrap();
        pool.request("report_and_rest", &()).on_progress(listener).call::<u64>()
    });
    assert_eq!(told.recv_timeout(LONG).unwrap(), "resting");
    stop_resting(&pool);
    assert_eq!(call.join().unwrap().unwrap(), 600_000);
}

#[test]
fn a_listener_that_waits_holds_up_no_other_call_and_gets_the_latest() {
    let pool = start(pool(1).concurrency(n(2))).unwrap();
    let (go_on, wait) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel::<u32>();
    let call = beside(&pool, move |pool| {
        let wait = Mutex::new(wait);
        let listener = move |progress| {
            tell.send(progress).unwrap();
            let _ = wait.lock().unwrap().recv();
        };
        let request = pool.request("report", &20_000).with(Call::new().timeout(LONG));
        request.on_progress(listener).call::<u32>()
    });
    let first = told.recv_timeout(LONG).unwrap();
    let in_time = Call::new().timeout(LONG);
    assert_eq!(pool.call_with::<u64>("double", &2, in_time).unwrap(), 4, "the same worker");
    drop(go_on);
    assert_eq!(call.join().unwrap().unwrap(), 20_000);
    let all: Vec<_> = [first].into_iter().chain(told).collect();
    assert!(is_progress_up_to(&all, 20_000), "{:?}", all.last());
}

#[test]
fn a_listener_that_panics_hurts_nobody() {
    let pool = start(pool(1)).unwrap();
    let listener = |_: u32| panic!("on purpose");
    assert_eq!(pool.request("report", &3).on_progress(listener).call::<u32>().unwrap(), 3);
    assert_eq!((pool.stats().completed, pool.stats().cancelled), (1, 0));
}

#[test]
fn reports_of_another_type_are_left_out() {
    let pool = start(pool(1)).unwrap();
    let (listener, told) = listener::<String>();
    assert_eq!(pool.request("report", &3).on_progress(listener).call::<u32>().unwrap(), 3);
    assert!(told.lock().unwrap().is_empty());
}

#[test]
fn a_stream_tells_of_progress_too() {
    let pool = start(pool(1)).unwrap();
    let (listener, told) = listener::<u32>();
    let stream = pool.request("report_and_count", &100).on_progress(listener).stream::<u32>().unwrap();
    assert!(stream.map(Result::unwrap).eq(0..100));
    assert_eq!(*told.lock().unwrap(), [100]);
}

#[test]
fn a_peer_tells_of_progress_too() {
    let (listener, told) = listener::<u32>();
    let pool = start(with_set_up_that_listens(super::pool::pool(1), "report", 7, listener)).unwrap();
    pool.ready().unwrap();
    assert!(is_progress_up_to(&told.lock().unwrap(), 7), "the peer of this driver");

    let triple = |n: u32, cx: &Context| {
        cx.progress(&(2 * n));
        Ok::<_, RpcError>(3 * n)
    };
    let pool = start(super::pool::pool(1).service(Service::new().method("triple", triple))).unwrap();
    assert_eq!(pool.call::<Option<u32>>("ask_and_listen", &7).unwrap(), Some(14), "the worker's");
}

#[test]
fn a_plain_peer_reports_with_the_token_in_the_parameters() {
    let pool = start(Pool::command(command().env("BREAKS_RULES", "nothing")).size(n(1))).unwrap();
    for token in [json!("a token"), json!(1000)] {
        let (listener, told) = listener::<String>();
        let params = json!({ "workDoneToken": token });
        pool.request("work", &params).on_progress(listener).call::<()>().unwrap();
        assert_eq!(*told.lock().unwrap(), ["half"]);
    }
}
