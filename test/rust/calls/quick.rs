//! A service on threads whose handlers have been quick so far leaves its other threads asleep. What comes next may be
//! slow, and must delay nobody for long. The peer is a socket that the test writes to by hand.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::num::NonZero;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossfork::blocking::{Channel, Context, Service};
use crossfork::calls::RpcError;
use crossfork::{Error, Limits};
use serde_json::{Value, json};

/// What a busy machine is given before a test fails.
const DEADLINE: Duration = Duration::from_secs(170);

/// A count that handlers wait for.
#[derive(Default)]
struct Gate(Mutex<usize>, Condvar);

impl Gate {
    fn add(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_all();
    }

    fn wait_for(&self, wanted: usize) -> bool {
        let (count, _) =
            self.1.wait_timeout_while(self.0.lock().unwrap(), DEADLINE, |seen| *seen < wanted).unwrap();
        *count >= wanted
    }
}

struct Served {
    peer: UnixStream,
    lines: BufReader<UnixStream>,
    /// Opened by the test.
    open: Arc<Gate>,
    thread: JoinHandle<Result<(), Error>>,
    last_id: u64,
}

impl Served {
    /// A service whose handlers are known to be quick.
    fn start(threads: usize) -> Self {
        let (peer, own) = UnixStream::pair().unwrap();
        let open = Arc::new(Gate::default());
        let held = open.clone();
        let met = Arc::new(Gate::default());
        let service = Service::new()
            .threads(NonZero::new(threads).unwrap())
            .method("quick", |n: u64, _: &Context| Ok::<_, RpcError>(n))
            .method("held", move |(): (), _: &Context| Ok::<_, RpcError>(held.wait_for(1)))
            .method("meet", move |count: usize, _: &Context| {
                met.add();
                Ok::<_, RpcError>(met.wait_for(count))
            })
            .method("ask", |(): (), cx: &Context| cx.peer().call::<u64>("number", &()));
        let thread = thread::spawn(move || service.run_on(&Channel::from_socket(own, Limits::default())?));
        peer.set_read_timeout(Some(DEADLINE)).unwrap();
        let lines = BufReader::new(peer.try_clone().unwrap());
        let mut served = Served { peer, lines, open, thread, last_id: 0 };
        let calls = vec![("quick", json!([1])); 32];
        for _ in 0..8 {
            let ids = served.call(&calls);
            served.answers(ids.into_iter().collect());
        }
        served
    }

    /// Makes calls in one bundle, and gives their ids.
    fn call(&mut self, calls: &[(&str, Value)]) -> Vec<u64> {
        let ids = self.last_id + 1..=self.last_id + calls.len() as u64;
        self.last_id += calls.len() as u64;
        let bundle: Vec<Value> = ids
            .clone()
            .zip(calls)
            .map(|(id, (method, params))| {
                json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params, "crossfork": { "bundles": 1 } })
            })
            .collect();
        self.send(&json!(bundle));
        ids.collect()
    }

    fn send(&mut self, message: &Value) {
        self.peer.write_all(format!("{message}\n").as_bytes()).unwrap();
    }

    /// The next messages, of a bundle or alone.
    fn read(&mut self) -> Vec<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a message before the deadline");
        match serde_json::from_str(&line).unwrap() {
            Value::Array(messages) => messages,
            message => vec![message],
        }
    }

    /// Waits for these answers, and nothing else comes.
    fn answers(&mut self, mut ids: HashSet<u64>) {
        while !ids.is_empty() {
            for answer in self.read() {
                assert!(answer["result"] != json!(false) && answer["error"].is_null(), "{answer}");
                assert!(ids.remove(&answer["id"].as_u64().unwrap()), "{answer}");
            }
        }
    }

    fn end(self) {
        drop((self.peer, self.lines));
        self.thread.join().unwrap().unwrap();
    }
}

#[test]
fn an_answer_does_not_wait_for_a_slow_call_behind_it() {
    let mut served = Served::start(1);
    let ids = served.call(&[("quick", json!([1])), ("held", json!([])), ("quick", json!([2]))]);
    served.answers(HashSet::from([ids[0]]));
    served.open.add();
    served.answers(ids[1..].iter().copied().collect());
    served.end();
}

#[test]
fn calls_run_beside_each_other_on_all_threads() {
    let mut served = Served::start(4);
    let mut calls = vec![("quick", json!([1])); 4];
    calls.extend(vec![("meet", json!([4])); 4]);
    let ids = served.call(&calls);
    served.answers(ids.into_iter().collect());
    served.end();
}

#[test]
fn a_call_that_comes_while_a_slow_one_runs_begins() {
    let mut served = Served::start(2);
    let held = served.call(&[("held", json!([]))]);
    let quick = served.call(&[("quick", json!([1]))]);
    served.answers(quick.into_iter().collect());
    served.open.add();
    served.answers(held.into_iter().collect());
    served.end();
}

#[test]
fn a_call_begins_beside_a_slow_one_although_messages_come_without_a_pause() {
    let mut served = Served::start(2);
    let held = served.call(&[("held", json!([]))]);
    let is_answered = Arc::new(AtomicBool::new(false));
    let going_on = {
        let (mut peer, is_answered) = (served.peer.try_clone().unwrap(), is_answered.clone());
        let unknown = json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": { "id": "unknown" } });
        let quick = json!({ "jsonrpc": "2.0", "id": 0, "method": "quick", "params": [1] });
        // More than the service reads in its patience.
        let unknown = format!("{unknown}\n").repeat(1024);
        thread::spawn(move || {
            let mut text = format!("{unknown}{quick}\n");
            (0..500).any(|_| {
                peer.write_all(text.as_bytes()).unwrap();
                text.clone_from(&unknown);
                is_answered.load(Ordering::Relaxed)
            })
        })
    };
    served.answers(HashSet::from([0]));
    is_answered.store(true, Ordering::Relaxed);
    assert!(going_on.join().unwrap(), "it has waited for the last message");
    served.open.add();
    served.answers(held.into_iter().collect());
    served.end();
}

#[test]
fn a_handler_that_calls_its_parent_is_answered() {
    let mut served = Served::start(1);
    let ids = served.call(&[("ask", json!([]))]);
    let asked = served.read().remove(0);
    assert_eq!(asked["method"], "number", "{asked}");
    served.send(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": 7 }));
    served.answers(ids.into_iter().collect());
    served.end();
}
