//! Peers that say anything to a service, and read nothing: no call is left without an answer, and little is kept. The
//! peer is a socket that the test writes to by hand.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::num::NonZero;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossfork::calls::{RpcError, code};
use crossfork::{Error, Limits, ProtocolError, blocking, tokio as tasks};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a peer that waits for something waits at most. A busy machine takes long to drop what was kept.
const DEADLINE: Duration = Duration::from_secs(170);

/// What the handlers of one service have in common.
#[derive(Default)]
struct Seen {
    begun: AtomicUsize,
    /// `hold` ends, and so does the set-up of a service that was told to wait with it.
    released: AtomicBool,
}

impl Seen {
    fn is_released(&self) -> bool {
        self.released.load(Ordering::Acquire)
    }

    fn release(&self) {
        self.released.store(true, Ordering::Release);
    }
}

/// A service that runs, and the other end of its channel.
struct Served {
    peer: UnixStream,
    lines: BufReader<UnixStream>,
    seen: Arc<Seen>,
    ended: mpsc::Receiver<Result<(), Error>>,
    thread: JoinHandle<()>,
}

#[derive(Clone, Copy, Default)]
struct Setting {
    limits: Option<Limits>,
    waits_with_set_up: bool,
    /// It is a parent's, and not a child's.
    connects: bool,
}

fn start(run: impl FnOnce(UnixStream, Arc<Seen>) -> Result<(), Error> + Send + 'static) -> Served {
    let (peer, own) = UnixStream::pair().unwrap();
    let seen = Arc::new(Seen::default());
    let (sender, ended) = mpsc::channel();
    let thread = thread::spawn({
        let seen = seen.clone();
        move || drop(sender.send(run(own, seen)))
    });
    peer.set_read_timeout(Some(DEADLINE)).unwrap();
    let lines = BufReader::new(peer.try_clone().unwrap());
    Served { peer, lines, seen, ended, thread }
}

fn on_threads(setting: Setting) -> Served {
    use blocking::{Channel, Context, Service};
    start(move |socket, seen| {
        let limits = setting.limits.unwrap_or_default();
        let channel = Channel::from_socket(socket, limits)?;
        let (counted, held, set_up) = (seen.clone(), seen.clone(), seen);
        let big = move |bytes: usize, _: &Context| {
            counted.begun.fetch_add(1, Ordering::Relaxed);
            Ok::<_, RpcError>("x".repeat(bytes))
        };
        let hold = move |_: IgnoredAny, cx: &Context| {
            while !held.is_released() && !cx.is_cancelled() {
                thread::sleep(Duration::from_millis(1));
            }
            match cx.is_cancelled() {
                true => Err(RpcError::new(code::CANCELLED, "stopped")),
                false => Ok("held"),
            }
        };
        let collect = |_: IgnoredAny, cx: &Context| -> Result<Vec<u32>, BoxError> {
            Ok(cx.peer().stream("numbers", &())?.collect::<Result<_, _>>()?)
        };
        let service = Service::new()
            .threads(NonZero::new(2).unwrap())
            .method("big", big)
            .method("hold", hold)
            .method("collect", collect)
            .set_up(move |_| {
                while setting.waits_with_set_up && !set_up.is_released() {
                    thread::sleep(Duration::from_millis(1));
                }
                Ok::<_, RpcError>(())
            });
        if setting.connects { service.connect(&channel)?.closed() } else { service.run_on(&channel) }
    })
}

fn in_tasks(setting: Setting) -> Served {
    use tasks::{Channel, Context, Service};
    start(move |socket, seen| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let limits = setting.limits.unwrap_or_default();
        let (counted, held, set_up) = (seen.clone(), seen.clone(), seen);
        let big = move |bytes: usize, _: Context| {
            let counted = counted.clone();
            async move {
                counted.begun.fetch_add(1, Ordering::Relaxed);
                Ok::<_, RpcError>("x".repeat(bytes))
            }
        };
        let hold = move |_: IgnoredAny, _: Context| {
            let held = held.clone();
            async move {
                while !held.is_released() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Ok::<_, RpcError>("held")
            }
        };
        let collect = async |cx: Context| -> Result<Vec<u32>, BoxError> {
            let mut items = Vec::new();
            let mut stream = cx.peer().stream("numbers", &())?;
            while let Some(item) = stream.next().await {
                items.push(item?);
            }
            Ok(items)
        };
        runtime.block_on(async move {
            let channel = Channel::from_socket(socket, limits)?;
            let service = Service::new()
                .concurrency(NonZero::new(2).unwrap())
                .method("big", big)
                .method("hold", hold)
                .method("collect", move |_: IgnoredAny, cx: Context| collect(cx))
                .set_up(move |_| async move {
                    while setting.waits_with_set_up && !set_up.is_released() {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    Ok::<_, RpcError>(())
                });
            match setting.connects {
                true => service.connect(&channel)?.closed().await,
                false => service.run_on(&channel).await,
            }
        })
    })
}

impl Served {
    fn send(&mut self, message: &Value) {
        self.peer.write_all(format!("{message}\n").as_bytes()).unwrap();
    }

    /// Writes on a thread of its own, so that both ends can be full.
    fn send_meanwhile(&self, text: String) -> JoinHandle<()> {
        let mut peer = self.peer.try_clone().unwrap();
        thread::spawn(move || peer.write_all(text.as_bytes()).unwrap())
    }

    /// The next messages, those in a bundle too; none at the end.
    fn next(&mut self) -> Vec<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("something comes");
        if line.is_empty() {
            return Vec::new();
        }
        match serde_json::from_str(&line).unwrap() {
            Value::Array(bundle) => bundle,
            one => vec![one],
        }
    }

    /// So many answers, by their ids: each comes once.
    fn answers(&mut self, count: usize) -> HashMap<String, Value> {
        let mut answers = HashMap::new();
        while answers.len() < count {
            let next = self.next();
            assert!(!next.is_empty(), "it ended after {} of {count}", answers.len());
            for answer in next {
                assert!(answer.get("method").is_none(), "{answer}");
                assert!(answers.insert(answer["id"].to_string(), answer).is_none(), "answered twice");
            }
        }
        answers
    }

    /// Waits until so many handlers have begun, and no more do.
    fn settled(&self) -> usize {
        let mut begun = 0;
        loop {
            thread::sleep(Duration::from_millis(300));
            let now = self.seen.begun.load(Ordering::Relaxed);
            if now == begun && now > 0 {
                return now;
            }
            begun = now;
        }
    }

    /// The peer leaves, and the service ends well.
    fn end(self) {
        self.seen.release();
        drop((self.peer, self.lines));
        self.ended.recv_timeout(DEADLINE).unwrap().unwrap();
        self.thread.join().unwrap();
    }
}

fn call(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": [params] })
}

/// Each body is run for both drivers; some for a parent's end too, which differs in how it begins and ends.
macro_rules! both {
    ($($name:ident)*; $($parents:ident)*) => {
        mod blocking_service {
            $(#[test] fn $name() { super::$name(super::on_threads) })*
        }
        mod tokio_service {
            $(#[test] fn $name() { super::$name(super::in_tasks) })*
        }
        mod blocking_peer {
            $(#[test] fn $parents() {
                super::$parents(|setting| super::on_threads(super::Setting { connects: true, ..setting }))
            })*
        }
        mod tokio_peer {
            $(#[test] fn $parents() {
                super::$parents(|setting| super::in_tasks(super::Setting { connects: true, ..setting }))
            })*
        }
    };
}

both! {
    calls_that_wait_are_cancelled_in_no_time_however_many_they_are
    a_peer_that_reads_no_answers_has_few_of_its_calls_carried_out
    a_peer_that_reads_no_refusals_is_not_read_any_more
    each_call_of_a_huge_bundle_is_answered_once
    a_message_that_is_too_long_ends_the_service_for_it_may_be_a_call
    a_flood_of_greetings_is_refused
    more_items_than_were_asked_for_fail_the_call
    calls_of_every_wrong_shape_do_not_harm_those_that_are_right
    large_parameters_go_there_and_back
    values_that_are_nested_without_an_end_fail_their_own_call_alone;
    a_peer_that_reads_no_answers_has_few_of_its_calls_carried_out
    a_message_that_is_too_long_ends_the_service_for_it_may_be_a_call
    a_flood_of_greetings_is_refused
    more_items_than_were_asked_for_fail_the_call
    calls_of_every_wrong_shape_do_not_harm_those_that_are_right
}

type Start = fn(Setting) -> Served;

/// How many there are of something: fewer in the quick tier, for which these are many as well.
fn many(full: usize, quick: usize) -> usize {
    if std::env::var("CROSSFORK_TIER").is_ok_and(|tier| tier == "full") { full } else { quick }
}

/// If each cancel looked through all calls that wait, this would take minutes.
fn calls_that_wait_are_cancelled_in_no_time_however_many_they_are(start: Start) {
    let calls = many(60_000, 15_000);
    let mut served = start(Setting::default());
    let mut text = String::new();
    for id in 0..calls {
        text += &format!("{}\n", call(id, "hold", json!(null)));
    }
    for id in 0..calls {
        text += &format!(
            "{}\n",
            json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": { "id": id } })
        );
    }
    let writing = served.send_meanwhile(text);
    let answers = served.answers(calls);
    assert!(answers.values().all(|answer| answer["error"]["code"] == -32800));
    writing.join().unwrap();
    served.end();
}

fn a_peer_that_reads_no_answers_has_few_of_its_calls_carried_out(start: Start) {
    const BYTES: usize = 64 << 10;
    let calls = many(2000, 800);
    let mut served = start(Setting::default());
    let text: String = (0..calls).map(|id| format!("{}\n", call(id, "big", json!(BYTES)))).collect();
    served.send_meanwhile(text).join().unwrap();
    let begun = served.settled();
    assert!(begun * BYTES < 24 << 20, "{begun} answers are kept");
    assert_eq!(served.answers(calls).len(), calls);
    served.end();
}

fn a_peer_that_reads_no_refusals_is_not_read_any_more(start: Start) {
    let mut served = start(Setting::default());
    // Each refusal has the id, which is in use.
    let id = "i".repeat(100_000);
    let mut message = call(id, "hold", json!(null)).to_string();
    message.push('\n');
    served.peer.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut written = 0;
    let full = loop {
        match served.peer.write_all(message.as_bytes()) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 5000, "all is read, and what it is answered with is kept");
    };
    assert!(matches!(full.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{full}");
    served.end();
}

fn each_call_of_a_huge_bundle_is_answered_once(start: Start) {
    // More than may wait to begin.
    const CALLS: usize = 80_000;
    let mut served = start(Setting::default());
    let bundle: Vec<_> = (0..CALLS).map(|id| call(id, "big", json!(1))).collect();
    let writing = served.send_meanwhile(format!("{}\n", Value::Array(bundle)));
    let answers = served.answers(CALLS);
    writing.join().unwrap();
    let done = answers.values().filter(|answer| answer["result"] == "x").count();
    let refused = answers.values().filter(|answer| answer["error"]["code"] == -32099).count();
    assert_eq!(done + refused, CALLS);
    assert_eq!(done, served.seen.begun.load(Ordering::Relaxed), "none was begun and refused");
    served.end();
}

/// Nobody can know which call it was, or whether it was one.
fn a_message_that_is_too_long_ends_the_service_for_it_may_be_a_call(start: Start) {
    let mut served = start(Setting { limits: Some(Limits::new().max_message(1000)), ..Setting::default() });
    served.send(&call(1, "big", json!(1)));
    assert_eq!(served.answers(1).len(), 1);
    served.send(&call(2, "big", json!("y".repeat(5000))));
    assert!(served.next().is_empty(), "the peer learns that there will be no answer");
    let error = served.ended.recv_timeout(DEADLINE).unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::TooLong { limit: 1000 })), "{error}");
}

fn a_flood_of_greetings_is_refused(start: Start) {
    const GREETINGS: usize = 10_000;
    let mut served = start(Setting { waits_with_set_up: true, ..Setting::default() });
    let hello = |id: usize| json!({ "jsonrpc": "2.0", "id": id, "method": "$/crossfork/hello" });
    let text: String = (0..GREETINGS).map(|id| format!("{}\n", hello(id))).collect();
    let writing = served.send_meanwhile(text);
    let refused = served.answers(GREETINGS - 64);
    writing.join().unwrap();
    assert!(refused.values().all(|answer| answer["error"]["code"] == -32099));
    served.seen.release();
    let ready = served.answers(64);
    assert!(ready.values().all(|answer| answer["result"]["concurrency"] == 2), "{ready:?}");
    served.end();
}

/// A stream without some of its items would be taken for a whole one.
fn more_items_than_were_asked_for_fail_the_call(start: Start) {
    let mut served = start(Setting::default());
    let announcing = json!({ "bundles": 1 });
    let mut collect = call(1, "collect", json!(null));
    collect["crossfork"] = announcing;
    served.send(&collect);
    let [request] = &served.next()[..] else { panic!("one call") };
    assert_eq!(request["method"], "numbers");
    let (token, credit) = (request["id"].clone(), request["crossfork"]["stream"].as_u64().unwrap());
    let items: Vec<_> = (0..=credit).collect();
    let params = json!({ "token": token, "value": { "items": items } });
    served.send(&json!({ "jsonrpc": "2.0", "method": "$/progress", "params": params }));
    let mut came = Vec::new();
    while came.len() < 2 {
        came.extend(served.next());
    }
    let cancel = came.iter().find(|message| message["method"] == "$/cancelRequest");
    assert_eq!(cancel.expect("a cancel")["params"], json!({ "id": token }));
    let answer = came.iter().find(|message| message["id"] == 1).expect("an answer");
    assert!(answer["error"]["message"].as_str().unwrap().contains("more items"), "{answer}");
    served.end();
}

fn calls_of_every_wrong_shape_do_not_harm_those_that_are_right(start: Start) {
    let mut served = start(Setting::default());
    served.send(&call("right", "hold", json!(null)));
    let ids = [json!(null), json!(true), json!([1]), json!({}), json!("right"), json!(1e300)];
    let params =
        [json!({ "id": null }), json!(["right"]), json!(null), json!({ "id": { "a": 1 } }), json!("right")];
    for method in ["$/cancelRequest", "$/progress", "$/crossfork/credit", "$/crossfork/left", "nobody"] {
        for params in &params {
            served.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
        }
    }
    for id in &ids {
        served.send(&json!({ "jsonrpc": "2.0", "id": id, "result": 1 }));
        served.send(&json!({ "jsonrpc": "2.0", "id": id, "error": { "code": "x" } }));
        served.send(&json!({ "jsonrpc": "2.0", "id": id, "method": 7 }));
        served.send(&json!({ "jsonrpc": "2.0", "id": id }));
    }
    for odd in
        [json!([]), json!([[call(9, "big", json!(1))]]), json!([1, call(9, "big", json!(1))]), json!(null)]
    {
        served.send(&odd);
    }
    // Requests whose method is no string were refused, all of them without an id.
    let mut refused = 0;
    served.send(&call("last", "big", json!(1)));
    loop {
        let next = served.next();
        refused +=
            next.iter().filter(|answer| answer["id"].is_null() && answer["error"]["code"] == -32600).count();
        if next.iter().any(|answer| answer["id"] == "last" && answer["result"] == "x") {
            break;
        }
        assert!(next.iter().all(|answer| answer["id"].is_null()), "{next:?}");
    }
    assert_eq!(refused, ids.len());
    served.seen.release();
    let last = served.next();
    assert!(last.iter().any(|answer| answer["id"] == "right" && answer["result"] == "held"), "{last:?}");
    served.end();
}

fn large_parameters_go_there_and_back(start: Start) {
    const BYTES: usize = 8 << 20;
    let mut served = start(Setting::default());
    // A string where a number is to be: it is read to its end, and is not repeated in the error.
    let text = "z".repeat(BYTES);
    let writing = served.send_meanwhile(format!("{}\n", call(1, "big", json!(text))));
    let answers = served.answers(1);
    writing.join().unwrap();
    let message = answers["1"]["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("params: invalid type: string"), "{}", &message[..100.min(message.len())]);
    assert!(message.len() < 1000, "{} bytes", message.len());
    served.send(&call(2, "big", json!(BYTES)));
    assert_eq!(served.answers(1)["2"]["result"].as_str().unwrap().len(), BYTES);
    served.end();
}

fn values_that_are_nested_without_an_end_fail_their_own_call_alone(start: Start) {
    const DEEP: usize = 300_000;
    let mut served = start(Setting::default());
    let deep = call(1, "big", json!("deep")).to_string();
    let deep = deep.replace("\"deep\"", &format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP)));
    let writing = served.send_meanwhile(format!("[{deep},{}]\n", call(2, "big", json!(1))));
    let answers = served.answers(2);
    writing.join().unwrap();
    assert_eq!(answers["1"]["error"]["code"], -32602);
    assert_eq!(answers["2"]["result"], "x");
    served.end();
}
