//! What travels with the calls of a pool and of its workers: streams, handles, and what waits for its turn. For both
//! drivers.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crossfork::calls::{CallError, RpcError, Upload, WithHandle, code};

use super::pool::pool;
use super::*;

#[test]
fn a_parameter_may_be_a_stream() {
    let pool = start(pool(1)).unwrap();
    pool.ready().unwrap();
    assert_eq!(pool.call::<u64>("sum", &Upload::new(1..=1000)).unwrap(), 500_500);
}

#[test]
fn every_worker_is_called_with_no_stream_for_all_would_have_to_share_it() {
    let pool = start(pool(2)).unwrap();
    pool.ready().unwrap();
    let items = Upload::new(1..=3_u64);
    let results = pool.call_all::<u64>("sum", &items);
    assert_eq!(results.len(), 2);
    for result in results {
        let error = result.unwrap_err().to_string();
        assert!(
            error.contains("an Upload can only be a parameter of a call that one peer answers"),
            "{error}"
        );
    }
    assert_eq!(pool.call::<u64>("sum", &items).unwrap(), 6, "it is still there for one");
}

#[test]
fn a_call_with_a_stream_is_not_made_again_for_its_items_are_gone() {
    let pool = start(pool(1)).unwrap();
    pool.ready().unwrap();
    let again = Call::new().idempotent(3);
    let error = pool.call_with::<u64>("sum_and_die", &Upload::new(1..=1000), again).unwrap_err();
    assert!(matches!(error, PoolError::WorkerDied { begun: true, exit_code: Some(7), .. }), "{error}");
    assert_eq!(pool.call::<u64>("sum", &Upload::new(1..=3)).unwrap(), 6, "another worker");
}

#[test]
fn a_pool_gives_its_workers_handles() {
    let listen = |(): (), _: &Context| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        Ok::<_, std::io::Error>(WithHandle::new(listener.local_addr()?.port(), listener))
    };
    let pool = start(pool(2).service(Service::new().method("listen", listen))).unwrap();
    for _ in 0..10 {
        assert!(pool.call::<bool>("listen", &()).unwrap());
    }
}

/// Nothing else comes that would make the pool look again.
#[test]
fn what_a_worker_calls_waits_for_its_notifications_and_then_begins() {
    static NOTED: AtomicU32 = AtomicU32::new(0);
    let note = |n: u32, _: &Context| {
        std::thread::sleep(Duration::from_millis(50));
        NOTED.store(n, Ordering::Relaxed);
        Ok::<_, RpcError>(())
    };
    let noted = |(): (), _: &Context| Ok::<_, RpcError>(NOTED.load(Ordering::Relaxed));
    let service = Service::new().method("note", note).method("noted", noted);
    let pool = start(pool(1).service(service)).unwrap();
    for n in 1..4 {
        let in_time = Call::new().timeout(Duration::from_secs(60));
        assert_eq!(pool.call_with::<u32>("note_and_ask", &n, in_time).unwrap(), n);
    }
}

/// Otherwise a pool would make the call again and again.
#[test]
fn a_handler_cannot_say_that_its_call_was_not_begun_or_was_cancelled() {
    let fail_with = |code: i64, _: &Context| Err::<(), _>(RpcError::new(code, "on purpose"));
    let pool = start(pool(1).service(Service::new().method("fail_with", fail_with))).unwrap();
    let pid: u32 = pool.call("pid", &()).unwrap();
    for method in ["fail_with", "fail_nested"] {
        for said in [code::NOT_BEGUN, code::CANCELLED] {
            let failed = pool.call::<()>(method, &said).unwrap_err();
            let error = failed.rpc().expect("the handler's error");
            assert_eq!((error.code, error.message.as_str()), (code::HANDLER, "on purpose"));
            assert_eq!(error.data.as_ref().unwrap().code.as_deref(), Some(&*said.to_string()));
        }
    }
    assert_eq!(pool.call::<u32>("pid", &()).unwrap(), pid, "no worker was replaced");
    assert_eq!(pool.call::<()>("fail_with", &7).unwrap_err().rpc().unwrap().code, 7, "others stay");
}

/// Numbers that take a while each, and how many were taken.
fn slow_items() -> (Upload<u64>, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let count = taken.clone();
    let next = move |n| {
        std::thread::sleep(Duration::from_millis(1));
        count.fetch_add(1, Ordering::Relaxed);
        n
    };
    (Upload::new((0..SLOW_ITEMS).map(next)), taken)
}

const SLOW_ITEMS: u64 = 20_000;

#[test]
fn a_timeout_holds_while_an_upload_is_sent() {
    let pool = start(pool(1)).unwrap();
    pool.ready().unwrap();
    let (items, taken) = slow_items();
    let in_time = Call::new().timeout(Duration::from_millis(300));
    let error = pool.call_with::<u64>("sum", &items, in_time).unwrap_err();
    assert!(matches!(error, PoolError::Call(CallError::TimedOut)), "{error}");
    assert!(taken.load(Ordering::Relaxed) < SLOW_ITEMS, "it goes on until there is no more");
}

#[test]
fn an_answer_ends_an_upload() {
    let pool = start(pool(1)).unwrap();
    pool.ready().unwrap();
    let (items, taken) = slow_items();
    assert_eq!(pool.call::<Option<u64>>("first", &items).unwrap(), Some(0));
    assert!(taken.load(Ordering::Relaxed) < SLOW_ITEMS, "it goes on until there is no more");
}
