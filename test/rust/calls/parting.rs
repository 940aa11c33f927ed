//! How a conversation between two ends comes to its end, and what the other end may do meanwhile. The other end is a socket
//! that the test writes to by hand. For both drivers.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossfork::calls::{CallError, RpcError};
use crossfork::{Error, Limits, ProtocolError};
use serde_json::{Value, json};

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// The other end.
struct Other {
    socket: UnixStream,
    lines: BufReader<UnixStream>,
}

fn pair(service: Service) -> (End, Connected, Other) {
    let (ours, socket) = UnixStream::pair().unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let lines = BufReader::new(socket.try_clone().unwrap());
    let end = End::socket(ours, Limits::new().max_message(1 << 20));
    let peer = end.connect(service).unwrap();
    (end, peer, Other { socket, lines })
}

impl Other {
    fn send(&mut self, message: &Value) {
        self.socket.write_all(format!("{message}\n").as_bytes()).unwrap();
    }

    /// The next message; `None` at the end.
    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("something comes");
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    fn answer(&mut self, call: &Value, result: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "id": call["id"], "result": result }));
    }
}

fn request(id: u32, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": [params] })
}

/// Calls on another thread, until the other end has it.
fn calling(peer: &Connected, other: &mut Other) -> std::thread::JoinHandle<Result<u32, CallError>> {
    let peer = peer.clone();
    let calling = std::thread::spawn(move || peer.call::<u32>("never", &()));
    assert_eq!(other.next().unwrap()["method"], "never");
    calling
}

/// A handler that runs until it is cancelled, and tells when it begins and ends.
fn held() -> (Service, mpsc::Receiver<&'static str>) {
    let (tell, told) = mpsc::channel();
    let tell = Arc::new(Mutex::new(tell));
    (with_hold(Service::new(), move |what| tell.lock().unwrap().send(what).unwrap()), told)
}

#[test]
fn messages_that_are_no_calls_keep_their_order_among_calls() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (on_message, note) = (seen.clone(), seen.clone());
    let service = Service::new()
        .on_message(move |message, _| on_message.lock().unwrap().push(message.decode::<Value>().unwrap()))
        .method("done", move |(): (), _: &Context| Ok::<_, RpcError>(note.lock().unwrap().len()));
    let (_end, _peer, mut other) = pair(service);
    let mut posted = Vec::new();
    for n in 0..100 {
        let odd = [json!(n), json!([n]), json!([]), json!({ "jsonrpc": "1.0", "id": n }), json!(null)];
        for message in odd {
            other.send(&message);
            posted.push(message);
        }
        other.send(&json!({ "jsonrpc": "2.0", "method": "unknown", "params": n }));
        // Inside of a bundle, what is no call is nobody's.
        other.send(&json!([{ "jsonrpc": "2.0", "method": "unknown" }, n]));
    }
    other.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "done" }));
    assert_eq!(other.next().unwrap()["result"], json!(posted.len()));
    assert_eq!(*seen.lock().unwrap(), posted);
}

#[test]
fn an_end_that_leaves_fails_all_that_waits_for_it() {
    let (service, told) = held();
    let (_end, peer, mut other) = pair(service);
    let call = calling(&peer, &mut other);
    let mut stream = peer.stream::<u32>("items", &()).unwrap();
    assert_eq!(other.next().unwrap()["method"], "items");
    other.send(&request(1, "hold", json!(null)));
    assert_eq!(told.recv_timeout(LONG).unwrap(), "begun");
    drop(other);
    let lost = call.join().unwrap().unwrap_err();
    assert!(matches!(lost, CallError::Disconnected { begun: true }), "{lost}");
    assert!(matches!(stream.next(), Some(Err(CallError::Disconnected { begun: true }))));
    assert!(stream.next().is_none());
    assert_eq!(told.recv_timeout(LONG).unwrap(), "cancelled");
    peer.closed().unwrap();
    assert!(peer.notify("note", &()).is_err());
}

#[test]
fn close_fails_what_waits_and_writes_what_is_queued() {
    let (service, told) = held();
    let (_end, peer, mut other) = pair(service);
    let call = calling(&peer, &mut other);
    other.send(&request(1, "hold", json!(null)));
    assert_eq!(told.recv_timeout(LONG).unwrap(), "begun");
    // More than the socket takes: most of it is queued.
    let text = "n".repeat(1000);
    for n in 0..2000 {
        peer.notify("note", &(n, &text)).unwrap();
    }
    peer.close();
    let lost = call.join().unwrap().unwrap_err();
    assert!(matches!(lost, CallError::Disconnected { begun: true }), "{lost}");
    assert_eq!(told.recv_timeout(LONG).unwrap(), "cancelled");
    let late = peer.call::<u32>("never", &()).unwrap_err();
    assert!(matches!(late, CallError::Disconnected { begun: false }), "{late}");
    assert!(peer.notify("note", &()).is_err() && !peer.is_connected());
    for n in 0..2000 {
        let note = other.next().expect("it is written");
        assert_eq!((&note["method"], &note["params"][0][0]), (&json!("note"), &json!(n)));
    }
    assert_eq!(other.next(), None, "and nothing else");
    peer.closed().unwrap();
    peer.close();
}

#[test]
fn the_last_clone_that_is_dropped_writes_what_is_queued_and_closes() {
    let (end, peer, mut other) = pair(Service::new());
    let text = "n".repeat(1000);
    for n in 0..2000 {
        peer.notify("note", &(n, &text)).unwrap();
    }
    drop(peer);
    for n in 0..2000 {
        assert_eq!(other.next().expect("it is written")["params"][0][0], json!(n));
    }
    assert_eq!(other.next(), None);
    assert!(end.send(&"anything").is_err());
}

/// Its threads or tasks, and its memory, would stay for as long as that process does.
#[test]
fn an_end_that_does_not_read_is_not_waited_for_after_a_close() {
    let (_end, peer, mut other) = pair(Service::new());
    let text = "n".repeat(100_000);
    for _ in 0..100 {
        peer.notify("note", &text).unwrap();
    }
    peer.close();
    peer.closed().unwrap();
    // What had been written is there, and then the end, perhaps within a message.
    let mut rest = Vec::new();
    let read = std::io::Read::read_to_end(&mut other.lines, &mut rest).unwrap();
    assert!(read < 100 * text.len(), "{read}");
}

#[test]
fn closing_the_channel_ends_the_calls() {
    let (end, peer, mut other) = pair(Service::new());
    let call = calling(&peer, &mut other);
    end.close();
    assert!(matches!(call.join().unwrap(), Err(CallError::Disconnected { begun: true })));
    peer.closed().unwrap();
}

#[test]
fn a_message_that_is_too_long_ends_the_calls_and_closed_says_why() {
    let (_end, peer, mut other) = pair(Service::new());
    let call = calling(&peer, &mut other);
    // The rest of it is not read.
    let _ = other.socket.write_all("y".repeat(2 << 20).as_bytes());
    assert!(matches!(call.join().unwrap(), Err(CallError::Disconnected { begun: true })));
    let why = peer.closed().unwrap_err();
    assert!(matches!(why, Error::Protocol(ProtocolError::TooLong { .. })), "{why}");
    peer.closed().unwrap();
}

#[test]
fn a_set_up_that_fails_ends_the_calls_and_closed_says_why() {
    let (_end, peer, mut other) = pair(failing_set_up(Service::new()));
    let why = peer.closed().unwrap_err();
    assert_eq!(why.to_string(), "the service cannot start: no database");
    assert_eq!(other.next(), None);
}

#[test]
fn answers_that_nobody_has_asked_for_and_repeated_ones_are_dropped() {
    let (_end, peer, mut other) = pair(Service::new());
    for id in [json!(1), json!("1"), json!(null), json!(7), json!({}), json!(-1), json!(1.5)] {
        other.send(&json!({ "jsonrpc": "2.0", "id": id, "result": "early" }));
    }
    other.send(&request(1, "unknown", json!(null)));
    assert_eq!(other.next().unwrap()["id"], json!(1), "it has read them");
    let call = std::thread::spawn({
        let peer = peer.clone();
        move || peer.call::<String>("ask", &())
    });
    let asked = other.next().unwrap();
    for token in [json!(asked["id"]), json!("x"), json!(null)] {
        let params = json!({ "token": token, "value": { "items": [1, 2, 3] } });
        other.send(&json!({ "jsonrpc": "2.0", "method": "$/progress", "params": params }));
    }
    for answer in ["first", "second", "third"] {
        other.answer(&asked, json!(answer));
    }
    assert_eq!(call.join().unwrap().unwrap(), "first");
    let call = std::thread::spawn(move || peer.call::<String>("ask", &()));
    let asked = other.next().unwrap();
    other.answer(&asked, json!("fourth"));
    assert_eq!(call.join().unwrap().unwrap(), "fourth");
}

/// The id is free again only with the answer.
#[test]
fn a_call_that_is_never_answered_times_out_and_is_cancelled() {
    let (_end, peer, mut other) = pair(Service::new());
    let late = peer.call_timeout::<u32>("never", &(), Duration::from_millis(20)).unwrap_err();
    assert!(matches!(late, CallError::TimedOut), "{late}");
    let (asked, cancel) = (other.next().unwrap(), other.next().unwrap());
    assert_eq!(
        (&cancel["method"], &cancel["params"]),
        (&json!("$/cancelRequest"), &json!({ "id": asked["id"] }))
    );
    let late = peer.ready_timeout(Duration::from_millis(20)).unwrap_err();
    assert!(matches!(late, CallError::TimedOut), "{late}");
}

/// Only who has read it all has seen what was asked for.
#[test]
fn an_end_that_says_goodbye_gets_the_answers_of_what_was_begun() {
    let (service, told) = held();
    let (_end, peer, mut other) = pair(service);
    other.send(&request(1, "hold", json!(null)));
    assert_eq!(told.recv_timeout(LONG).unwrap(), "begun");
    other.send(&json!({ "jsonrpc": "2.0", "method": "$/crossfork/bye" }));
    other.send(&request(2, "hold", json!(null)));
    let refused = other.next().unwrap();
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(2), &json!(-32099)));
    other.send(&json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": { "id": 1 } }));
    assert_eq!(told.recv_timeout(LONG).unwrap(), "cancelled");
    assert_eq!(other.next().unwrap()["id"], json!(1));
    assert_eq!(other.next(), None);
    peer.closed().unwrap();
}
