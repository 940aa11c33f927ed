//! The owner's side: we know of the connections that our children hold.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crossfork::{Outgoing, Signal};
use serde_json::json;

use super::{Scenario, all, scenario, told};
use crate::child::{Child, Kind, Scope};
use crate::driver::{Driver, patience};
use crate::peers::{self, Listening, Stream};

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    let mut list = Vec::new();
    for family in ["tcp", "unix"] {
        list.push(scenario(
            all,
            format!("SOCK-1..3: connections() counts what the child holds ({family})"),
            move |t: &Scope<D>| {
                let mut held = Held::new(family);
                let child = t.peer();
                for count in 1..=3 {
                    held.give(&child);
                    assert_eq!(held.connections(), count);
                }
                for count in (0..3).rev() {
                    held.hang_up();
                    // The child's count lags briefly behind its close().
                    peers::until("one less is open", || held.connections() == count);
                }
            },
        ));
        list.push(scenario(
            all,
            format!("SOCK-4: closed() completes with the last connection ({family})"),
            move |t: &Scope<D>| {
                let mut held = Held::new(family);
                let child = t.peer();
                held.give(&child);
                held.give(&child);
                let closing = held.closing();
                child.echo(); // it has had its NODE_SOCKET_NOTIFY_CLOSE
                held.hang_up();
                peers::until("one is left", || held.connections() == 1);
                closing.goes_on();
                held.hang_up();
                closing.completes();
            },
        ));
    }
    list.extend([
        scenario(all, "SOCK-3: the connections of several children add up", |t: &Scope<D>| {
            let (first, second) = (t.peer(), t.peer());
            let mut held = Held::new("tcp");
            held.give(&first);
            held.give(&first);
            held.give(&second);
            assert_eq!(held.connections(), 3);
            first.kill(Signal::KILL);
            first.dies_by(Signal::KILL);
            assert_eq!(held.connections(), 1);
        }),
        scenario(all, "SOCK-4: closed() waits for each of two children", |t: &Scope<D>| {
            let (first, second) = (t.peer(), t.peer());
            let mut held = Held::new("tcp");
            held.give(&first);
            held.give(&second);
            let closing = held.closing();
            held.hang_up();
            peers::until("one is left", || held.connections() == 1);
            closing.goes_on();
            held.hang_up();
            closing.completes();
        }),
        scenario(all, "SOCK-4: closed() completes at once when nothing is open", |t: &Scope<D>| {
            let child = t.peer();
            let mut held = Held::new("tcp");
            held.closing().completes();
            held.give(&child);
            held.hang_up();
            held.closing().completes();
            held.closing().completes();
        }),
        scenario(all, "SOCK-5: closed() completes when the child is killed", |t: &Scope<D>| {
            let child = t.peer();
            let mut held = Held::new("tcp");
            held.give(&child);
            let closing = held.closing();
            child.echo();
            closing.goes_on();
            child.kill(Signal::KILL);
            closing.completes();
            assert_eq!(held.connections(), 0);
        }),
        scenario(told, "SOCK-5: closed() completes when the child disconnects", |t: &Scope<D>| {
            let child = t.peer();
            let mut held = Held::new("tcp");
            held.give(&child);
            let closing = held.closing();
            child.send(&json!({ "op": "close" })).expect("a request");
            closing.completes();
            child.expect_end();
        }),
        scenario(all, "SOCK-5: closed() completes when we disconnect", |t: &Scope<D>| {
            let child = t.peer();
            let mut held = Held::new("tcp");
            held.give(&child);
            let closing = held.closing();
            child.echo();
            child.disconnect().expect("the end");
            closing.completes();
            held.hang_up();
            child.exits_with(0);
        }),
        scenario(all, "SOCK-5: a child that we disconnect while we ask it ends well", |t: &Scope<D>| {
            for _ in 0..10 {
                let child = t.peer();
                let mut held = Held::new("tcp");
                held.give(&child);
                let closing = held.closing();
                let list = held.list.clone();
                thread::scope(|threads| {
                    let asking = threads.spawn(|| {
                        // An answer is on its way at any time.
                        while child.is_connected() {
                            D::connections(&list).expect("a number");
                        }
                    });
                    held.connections();
                    child.disconnect().expect("the end");
                    asking.join().expect("the last answer, or none");
                });
                closing.completes();
                held.hang_up();
                child.exits_with(0);
            }
        }),
        scenario(all, "SOCK-1: lists that come and go leave nothing behind in a child", |t: &Scope<D>| {
            let child = t.peer();
            for _ in 0..15 {
                let mut held = Held::new("tcp");
                held.give(&child);
                held.hang_up();
                held.closing().completes();
            }
            child.echo();
            let output = t.output();
            assert!(!output.contains("MaxListenersExceededWarning"), "{output}");
        }),
        scenario(all, "SOCK-1: two lists are counted apart, and other sockets not at all", |t: &Scope<D>| {
            let child = t.peer();
            let (mut first, mut second) = (Held::new("tcp"), Held::new("tcp"));
            first.give(&child);
            second.give(&child);
            second.give(&child);
            let (_client, accepted) = first.listening.connection();
            child.give(accepted, "net.Socket", "tcp");
            assert_eq!((first.connections(), second.connections()), (1, 2));
            let closing = first.closing();
            first.hang_up();
            closing.completes();
            assert_eq!((first.connections(), second.connections()), (0, 2));
        }),
        scenario(all, "SOCK-6: a question sent after a handle is answered after it", |t: &Scope<D>| {
            let child = t.peer();
            let mut held = Held::new("tcp");
            held.give(&child);
            let (_client, accepted) = held.listening.connection();
            thread::scope(|threads| {
                threads.spawn(|| child.send_counted(&held.list, "tcp", accepted.into()).expect("it is sent"));
                peers::until("both are counted", || held.connections() == 2);
            });
        }),
    ]);
    list
}

/// Connections of one listener that children hold.
struct Held<D: Driver> {
    list: Arc<D::List>,
    listening: Listening,
    clients: Vec<Box<dyn Stream>>,
}

impl<D: Driver> Held<D> {
    fn new(family: &str) -> Self {
        Held { list: Arc::new(D::list()), listening: Listening::new(family), clients: Vec::new() }
    }

    fn give(&mut self, child: &Child<D>) {
        let (client, accepted) = self.listening.connection();
        child.send_counted(&self.list, "tcp", Outgoing::from(accepted)).unwrap_or_else(|e| panic!("{e}"));
        if child.runtime.kind != Kind::Command {
            child.expect_handle(&json!("tcp"), "net.Socket");
        }
        self.clients.push(client);
    }

    /// Ends the oldest connection.
    fn hang_up(&mut self) {
        drop(self.clients.remove(0));
    }

    fn connections(&self) -> usize {
        D::connections(&self.list).expect("an answer")
    }

    fn closing(&self) -> Closing {
        let list = self.list.clone();
        let (done, outcome) = channel();
        thread::spawn(move || done.send(D::closed(&list).map_err(|e| e.to_string())));
        Closing(outcome)
    }
}

/// A call of `closed()` that waits.
struct Closing(Receiver<Result<(), String>>);

impl Closing {
    fn goes_on(&self) {
        assert_eq!(
            self.0.recv_timeout(Duration::ZERO),
            Err(RecvTimeoutError::Timeout),
            "it is over too early"
        );
    }

    fn completes(&self) {
        self.0.recv_timeout(patience()).expect("closed() to complete").expect("no error");
    }
}
