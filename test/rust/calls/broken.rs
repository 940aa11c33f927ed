//! Workers that break the rules: their calls fail, say why, and none is left. For both drivers.

use std::time::Duration;

use crossfork::Limits;
use crossfork::calls::code;

use super::pool::{command, n, until};
use super::*;

fn breaking(what: &str) -> Builder {
    Pool::command(command().env("BREAKS_RULES", what).limits(Limits::new().max_message(50_000))).size(n(1))
}

#[test]
fn a_worker_that_sends_more_items_than_were_asked_for_fails_that_call_alone() {
    let pool = start(breaking("overruns")).unwrap();
    let pid: u32 = pool.call("pid", &()).unwrap();
    let mut stream = pool.stream::<u32>("overrun", &()).unwrap();
    let error = stream.next().unwrap().unwrap_err();
    assert_eq!(error.rpc().unwrap().code, code::INTERNAL);
    assert!(error.to_string().contains("the peer sent more items than it had credit for"), "{error}");
    assert!(stream.next().is_none());
    until("its slot is free", || pool.stats().running == 0);
    assert_eq!(pool.call::<u32>("pid", &()).unwrap(), pid);
    assert_eq!((pool.stats().failed, pool.stats().completed), (1, 2));
    assert_eq!(pool.close(), 0);
}

/// Its slot would be taken for ever.
#[test]
fn a_worker_that_sends_too_many_items_and_does_not_react_is_replaced() {
    let pool = start(breaking("overruns and stays").grace(Duration::from_millis(100))).unwrap();
    let pid: u32 = pool.call("pid", &()).unwrap();
    let error = pool.stream::<u32>("overrun", &()).unwrap().next().unwrap().unwrap_err();
    assert!(error.to_string().contains("the peer sent more items than it had credit for"), "{error}");
    until("another takes calls", || pool.call::<u32>("pid", &()).is_ok_and(|other| other != pid));
    assert_eq!(pool.stats().restarts, 1);
}

#[test]
fn a_worker_whose_message_is_too_long_is_replaced_and_its_calls_say_why() {
    let pool = start(breaking("is too long")).unwrap();
    let pid: u32 = pool.call("pid", &()).unwrap();
    let error = pool.call::<u32>("answer", &()).unwrap_err();
    let PoolError::WorkerDied { begun: true, reason: Some(reason), .. } = &error else {
        panic!("{error}");
    };
    assert!(reason.contains("50000"), "{reason}");
    until("another takes calls", || pool.call::<u32>("pid", &()).is_ok_and(|other| other != pid));
    assert_eq!(pool.stats().running, 0);
}
