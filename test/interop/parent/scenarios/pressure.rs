//! LIFE-9: a child that does not read makes us wait, not grow; and one that floods waits for us.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossfork::{Limits, Signal};
use serde_json::json;

use super::{Scenario, all, scenario, told};
use crate::child::Scope;
use crate::driver::Driver;
use crate::{peers, proc};

const MEGABYTE: usize = 1 << 20;

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    vec![
        scenario(all, "LIFE-9: we wait for a child that has stopped, and then all arrives", stopped).heavy(),
        scenario(told, "LIFE-9: a child that floods us waits within our limits", flooded).heavy(),
    ]
}

fn stopped<D: Driver>(t: &Scope<D>) {
    const COUNT: usize = 1500;
    const SIZE: usize = 10_000;
    let child = t.peer();
    child.echo();
    child.kill(Signal::from_name("SIGSTOP").unwrap());
    peers::until("it has stopped", || proc::is_stopped(child.id()));
    let before = proc::resident();
    let accepted = AtomicUsize::new(0);
    thread::scope(|threads| {
        threads.spawn(|| {
            for i in 0..COUNT {
                child.feed(&json!({ "i": i, "pad": "x".repeat(SIZE) })).expect("a message");
                accepted.fetch_add(1, Ordering::Relaxed);
            }
            child.flush().expect("the messages");
        });
        rests(&accepted);
        let bytes = accepted.load(Ordering::Relaxed) * SIZE;
        let memory = proc::resident().saturating_sub(before);
        child.kill(Signal::from_name("SIGCONT").unwrap());
        assert!(bytes < 2 * MEGABYTE, "{bytes} bytes were accepted");
        assert!(memory < 8 * MEGABYTE, "{memory} bytes were needed");
        for i in 0..COUNT {
            assert_eq!(child.value("an echo")["i"], i);
        }
    });
}

fn flooded<D: Driver>(t: &Scope<D>) {
    const COUNT: usize = 1500;
    const SIZE: usize = 10_000;
    let limits = Limits::new().max_waiting_bytes(MEGABYTE);
    let child = t.start(t.script("peer.cjs").limits(limits));
    child.echo();
    let before = proc::resident();
    child.send(&json!({ "op": "burst", "count": COUNT, "size": SIZE })).expect("a request");
    assert_eq!(child.value("the first")["i"], 0);
    // Whoever sends receives what comes meanwhile, as far as there is room.
    for _ in 0..100 {
        child.send(&json!({ "op": "echo" })).expect("a message");
    }
    let memory = proc::resident().saturating_sub(before);
    assert!(memory < 8 * MEGABYTE, "{memory} bytes were needed");
    for i in 1..COUNT {
        assert_eq!(child.value("one of many")["i"], i);
    }
    for _ in 0..100 {
        child.expect(&json!({ "op": "echo" }));
    }
}

/// Waits until a number does not grow any more.
fn rests(number: &AtomicUsize) {
    let mut last = usize::MAX;
    peers::until("sending has come to a rest", || {
        let now = number.load(Ordering::Relaxed);
        let rests = now == last;
        last = now;
        if !rests {
            thread::sleep(Duration::from_millis(200));
        }
        rests && now > 0
    });
}
