//! How a channel ends.

use std::io::{Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crossfork::{Error, Escalation, SendError, Signal};
use serde_json::json;

use super::{Scenario, all, node, scenario, scripts, told};
use crate::child::{Child, Scope};
use crate::driver::{Driver, patience};
use crate::proc::is_alive;
use crate::{inside, peers};

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    let mut list = vec![
        scenario(all, "LIFE-1: when we disconnect, the child ends with 0", |t: &Scope<D>| {
            let child = t.peer();
            child.echo();
            child.disconnect().expect("the end");
            assert!(!child.is_connected());
            child.expect_end();
            child.exits_with(0);
        }),
        scenario(all, "LIFE-1: when we disconnect at once, the child ends with 0", |t: &Scope<D>| {
            let child = t.peer();
            child.disconnect().expect("the end");
            child.exits_with(0);
        }),
        scenario(
            told,
            "LIFE-1/6: when the child disconnects, the channel ends before the process",
            |t: &Scope<D>| {
                let child = t.peer();
                child.send(&json!({ "op": "close" })).expect("a request");
                child.expect_end();
                child.exits_with(0);
                assert!(!child.is_connected());
            },
        ),
        scenario(told, "LIFE-2: a child that disconnects with data unread is a clean end", |t: &Scope<D>| {
            let child = t.peer();
            child.echo();
            child.send(&json!({ "op": "close" })).expect("a request");
            let error = loop {
                match child.send(&"x".repeat(10_000)) {
                    Ok(()) => {}
                    Err(e) => break e,
                }
            };
            assert!(matches!(error, Error::Send(SendError::Closed)), "{error}");
            child.exits_with(0);
        }),
        scenario(told, "LIFE-2: we may disconnect with data unread", |t: &Scope<D>| {
            let child = t.peer();
            child.echo();
            child.send(&json!({ "op": "burst", "count": 20, "size": 100 })).expect("a request");
            drop(child.receive("the first of many"));
            child.disconnect().expect("the end");
            // What a child of ours could not send is its error; Node's are not to be ended by it.
            if t.runtime.kind.runs_scripts() {
                child.exits_with(0);
            }
        }),
        scenario(
            told,
            "LIFE-3: all messages written before the child disconnects arrive: 5 MB",
            |t: &Scope<D>| {
                let child = t.peer();
                child
                    .send(&json!({ "op": "burst-then-close", "count": 50, "size": 100_000 }))
                    .expect("a request");
                expect_burst(&child, 50, 100_000);
                child.exits_with(0);
            },
        ),
        scenario(
            scripts,
            "LIFE-3/6: messages written before the child exits arrive before the end",
            |t: &Scope<D>| {
                let child = t.peer();
                let request = json!({ "op": "burst-then-exit", "count": 50, "size": 1000, "code": 3 });
                child.send(&request).expect("a request");
                // The process is gone before anything is read.
                child.exits_with(3);
                expect_burst(&child, 50, 1000);
            },
        ),
        scenario(scripts, "LIFE-3: 5 MB are written before the channel ends", |t: &Scope<D>| {
            let (child, mut output) = with_output(t, "count.cjs");
            for _ in 0..50 {
                child.feed(&"x".repeat(100_000)).expect("a message");
            }
            child.disconnect().expect("the end");
            assert_eq!(peers::read_to(&mut output, "\n"), "50 messages, 5000000 characters\n");
            child.exits_with(0);
        }),
        scenario(scripts, "LIFE-5: a handle in flight when we disconnect is acknowledged", |t: &Scope<D>| {
            let (child, mut output) = with_output(t, "parting.cjs");
            assert_eq!(peers::read_to(&mut output, "\n"), "sent\n");
            child.disconnect().expect("the end");
            assert_eq!(peers::read_to(&mut output, "\n"), "disconnected\n");
            child.exits_with(0);
        }),
        scenario(
            all,
            "LIFE-8: after the end, sending is an error, but disconnecting again is not",
            |t: &Scope<D>| {
                let child = t.peer();
                child.disconnect().expect("the end");
                let is_closed = |e| matches!(e, Error::Send(SendError::ClosedByUs));
                assert!(is_closed(child.send(&json!("too late")).unwrap_err()));
                let unsent = child.send_handle(&json!("too late"), peers::udp("udp4").into()).unwrap_err();
                assert!(is_closed(unsent.error) && unsent.handle.is_some());
                child.disconnect().expect("it was already disconnected");
                child.exits_with(0);
            },
        ),
        scenario(all, "LIFE-8: when the child was killed, sending is an error", |t: &Scope<D>| {
            let child = t.peer();
            child.echo();
            child.kill(Signal::KILL);
            child.dies_by(Signal::KILL);
            assert!(!child.kill(Signal::TERM), "nobody is there to be signalled");
            child.expect_end();
            let error = child.send(&json!("too late")).unwrap_err();
            assert!(matches!(error, Error::Send(SendError::Closed)), "{error}");
        }),
        scenario(node, "LIFE-10: a child without listeners ends by itself", |t: &Scope<D>| {
            let child = t.start(t.script("silent.cjs"));
            child.expect_end();
            child.exits_with(0);
        }),
        scenario(scripts, "LIFE-11: messages for a child that listens late are kept", listens_late),
        scenario(all, "LIFE-12: the child of a parent that is killed ends", |_| {
            let mut held = inside::Held::start();
            held.kill();
            peers::until("the child is gone", || !is_alive(held.child));
        }),
    ];
    list.extend(exits());
    list.extend(stops());
    list
}

fn exits<D: Driver>() -> Vec<Scenario<D>> {
    vec![
        scenario(scripts, "LIFE-6: an exit code is the child's", |t: &Scope<D>| {
            for code in [0, 1, 7, 255] {
                let child = t.start(t.script("exits.cjs").args(["exit", &code.to_string()]));
                child.expect(&json!("before the end"));
                child.expect_end();
                child.exits_with(code);
            }
        }),
        scenario(
            scripts,
            "LIFE-6: an uncaught exception is exit code 1, and earlier messages arrive",
            |t: &Scope<D>| {
                let child = t.start(t.script("exits.cjs").arg("throw"));
                child.expect(&json!("before the end"));
                child.expect_end();
                child.exits_with(1);
                assert!(t.output().contains("thrown on purpose"), "{}", t.output());
            },
        ),
        scenario(scripts, "LIFE-6: a signal is told by its name", |t: &Scope<D>| {
            for signal in [Signal::TERM, Signal::KILL, Signal::INT, Signal::USR2] {
                let child = t.start(t.script("exits.cjs").args(["signal", signal.name()]));
                child.expect(&json!("before the end"));
                child.expect_end();
                child.dies_by(signal);
            }
        }),
    ]
}

fn stops<D: Driver>() -> Vec<Scenario<D>> {
    let quick =
        Escalation::new().disconnect(Duration::from_millis(300)).after_signal(Duration::from_millis(300));
    vec![
        scenario(all, "LIFE-1: stop() of a willing child needs no signal", |t: &Scope<D>| {
            let child = t.peer();
            child.echo();
            let status = child.stop(Escalation::new().disconnect(patience()));
            assert_eq!(status.code(), Some(0), "{status}");
        }),
        scenario(
            scripts,
            "LIFE-1: stop() ends a child that ignores the disconnect with SIGTERM",
            move |t: &Scope<D>| {
                let child = t.start(t.script("stubborn.cjs"));
                child.expect(&json!("ready"));
                // A busy machine may take a while to end it.
                child.stop(quick.after_signal(patience()));
                child.dies_by(Signal::TERM);
            },
        ),
        scenario(
            scripts,
            "LIFE-1: stop() ends a child that also ignores SIGTERM with SIGKILL",
            move |t: &Scope<D>| {
                let child = t.start(t.script("stubborn.cjs").arg("SIGTERM"));
                child.expect(&json!("ready"));
                let start = Instant::now();
                child.stop(quick);
                child.dies_by(Signal::KILL);
                assert!(start.elapsed() >= Duration::from_millis(600), "each has its time");
            },
        ),
        scenario(scripts, "LIFE-1/9: stop() ends a child that does not read", move |t: &Scope<D>| {
            let child = t.start(t.script("stubborn.cjs").arg("SIGTERM"));
            child.expect(&json!("ready"));
            child.kill(Signal::from_name("SIGSTOP").unwrap());
            peers::until("it has stopped", || crate::proc::is_stopped(child.id()));
            for _ in 0..3 {
                let _ = child.feed(&"x".repeat(30_000));
            }
            child.stop(quick);
            child.dies_by(Signal::KILL);
        }),
    ]
}

fn expect_burst<D: Driver>(child: &Child<D>, count: usize, size: usize) {
    let pad = "x".repeat(size);
    for i in 0..count {
        child.expect(&json!({ "i": i, "pad": pad }));
    }
    child.expect_end();
}

fn with_output<D: Driver>(t: &Scope<D>, script: &str) -> (Child<D>, UnixStream) {
    let (reader, writer) = UnixStream::pair().expect("a socket pair");
    reader.set_read_timeout(Some(patience())).expect("a timeout");
    (t.start_with_stdout(t.script(script), writer.into()), reader)
}

fn listens_late<D: Driver>(t: &Scope<D>) {
    let (reader, mut writer) = pipe().expect("a pipe");
    let child = t.start(t.script("late.cjs").stdio(0, OwnedFd::from(reader)));
    for i in 0..100 {
        child.send(&i).expect("a message");
    }
    // It listens from now on.
    writer.write_all(b"now\n").expect("a word");
    for i in 0..100 {
        child.expect(&json!(i));
    }
}
