//! Calls of a worker are taken out of its messages. The workers are shell scripts: a Node worker is in
//! test/interop/calls/cluster_peer.rs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crossfork::SendError;
use crossfork::calls::{CallError, RpcError};
use crossfork::tokio::{Context, Peer, Service};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::*;

/// Reads a line and throws it away.
const READS: &str = "read -r line <&3; ";
/// Waits until the channel is closed, and is what it was told last.
const WAITS: &str = "while read -r line <&3; do last=$line; done; ";

fn called(id: u32, method: &str) -> String {
    says(&format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":[{id}]}}"))
}

fn start(text: &str, service: Service) -> (Primary, ForkedWorker, Peer) {
    let primary = script(text).start();
    let worker = primary.fork().expect("is started");
    let peer = service.connect_worker(&worker).expect("has no calls yet");
    (primary, worker, peer)
}

async fn double(n: u32, _: Context) -> Result<u32, RpcError> {
    Ok(2 * n)
}

/// The next message of a worker; other events are of no interest.
async fn message(primary: &Primary) -> Value {
    loop {
        match next(primary).await.expect("an event") {
            Event::Message { message, .. } => return message.decode().expect("JSON"),
            Event::Exit { .. } => panic!("it has ended"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_worker_calls_its_primary_and_other_messages_stay_events_in_order() {
    let text = [
        cluster("\"act\":\"online\""),
        says("1"),
        called(7, "double"),
        says("[2]"),
        says("{\"jsonrpc\":\"1.0\",\"id\":3}"),
        // What it was answered comes back as a message.
        "read -r line <&3; printf '{\"answer\":%s}\\n' \"$line\" >&3; ".to_owned(),
        WAITS.to_owned(),
    ];
    let (primary, worker, _peer) = start(&text.concat(), Service::new().method("double", double));
    let mut names = Vec::new();
    while names.len() < 3 {
        let event = next(&primary).await.expect("an event");
        names.push(format!("{event:?}").split(' ').next().expect("a name").to_owned());
    }
    assert_eq!(names, ["Setup", "Fork", "Online"], "messages of the cluster pass");
    for expected in [json!(1), json!([2]), json!({ "jsonrpc": "1.0", "id": 3 })] {
        assert_eq!(message(&primary).await, expected);
    }
    let answer = &message(&primary).await["answer"];
    assert_eq!((&answer["id"], &answer["result"]), (&json!(7), &json!(14)));
    worker.kill(Signal::KILL).expect("it is ours");
}

#[tokio::test]
async fn a_primary_calls_its_worker_and_the_end_of_the_worker_fails_what_waits() {
    let answer = says("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":5}");
    let (primary, _worker, peer) = start(&format!("{READS}{answer}{READS}exit 3"), Service::new());
    assert_eq!(peer.call::<u32>("any", &()).await.expect("an answer"), 5);
    let lost = peer.call::<u32>("any", &()).await.expect_err("it has exited");
    assert!(matches!(lost, CallError::Disconnected { begun: true }), "{lost}");
    timeout(PATIENCE, peer.closed()).await.expect("in time").expect("no error");
    assert!(peer.call::<u32>("any", &()).await.is_err() && !peer.is_connected());
    assert_eq!(until_exit(&primary).await, ["Setup", "Fork", "Disconnect", "Exit"], "no answer is an event");
}

#[tokio::test]
async fn a_worker_has_calls_once_and_none_when_it_is_gone() {
    let (primary, worker, _peer) = start("exit 0", Service::new());
    let error = Service::new().connect_worker(&worker).map(drop).expect_err("it has");
    assert!(matches!(error, Error::Send(SendError::HasCalls)), "{error}");
    until_exit(&primary).await;
    let primary = script("exit 0").start();
    let worker = primary.fork().expect("is started");
    until_exit(&primary).await;
    let peer = Service::new().connect_worker(&worker).expect("has none");
    let lost =
        timeout(PATIENCE, peer.call::<()>("any", &())).await.expect("in time").expect_err("it is gone");
    assert!(matches!(lost, CallError::Disconnected { .. }), "{lost}");
}

/// A script that has read a message says so, and sends the next one back.
fn sends_back() -> String {
    format!("{READS}{}{READS}printf '{{\"told\":%s}}\\n' \"$line\" >&3; {WAITS}", says("\"begun\""))
}

/// It serves clients until it is done.
#[tokio::test]
async fn close_fails_what_waits_and_asks_the_worker_to_shut_down() {
    let (primary, worker, peer) = start(&sends_back(), Service::new());
    let waiting = tokio::spawn({
        let peer = peer.clone();
        async move { peer.call::<()>("any", &()).await }
    });
    assert_eq!(message(&primary).await, json!("begun"));
    peer.close();
    let lost = waiting.await.expect("no panic").expect_err("it was closed");
    assert!(matches!(lost, CallError::Disconnected { begun: true }), "{lost}");
    assert_eq!(message(&primary).await["told"]["act"], "disconnect");
    assert!(worker.exited_after_disconnect() && worker.is_connected() && !peer.is_connected());
    worker.kill(Signal::KILL).expect("it is ours");
    timeout(PATIENCE, peer.closed()).await.expect("in time").expect("no error");
}

#[tokio::test]
async fn a_worker_whose_peer_is_dropped_goes_on() {
    let (primary, worker, peer) = start(&sends_back(), Service::new());
    peer.notify("note", &()).expect("is queued");
    assert_eq!(message(&primary).await, json!("begun"));
    drop(peer);
    worker.send(&"after").await.expect("it is connected");
    assert_eq!(message(&primary).await["told"], "after");
    worker.kill(Signal::KILL).expect("it is ours");
}

#[tokio::test]
async fn calls_fail_when_the_last_primary_is_dropped() {
    let (primary, _worker, peer) = start(WAITS, Service::new());
    let call = tokio::spawn(async move { peer.call::<()>("any", &()).await });
    tokio::task::yield_now().await;
    drop(primary);
    let lost = timeout(PATIENCE, call).await.expect("in time").expect("no panic").expect_err("it is over");
    assert!(matches!(lost, CallError::Disconnected { .. }), "{lost}");
}

/// More than four times as many as may wait would be dropped, if it were read.
#[tokio::test]
async fn a_worker_that_floods_its_primary_is_not_read_and_nothing_is_lost() {
    const NOTES: u32 = 270_000;
    let note = "{\"jsonrpc\":\"2.0\",\"method\":\"note\"}";
    let text = format!("yes '{note}' | head -n {NOTES} >&3; {}{WAITS}", says("\"done\""));
    let (gate, noted) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU32::new(0)));
    let handler = {
        let (gate, noted) = (gate.clone(), noted.clone());
        move |(): (), _: Context| {
            let (gate, noted) = (gate.clone(), noted.clone());
            async move {
                let _open = gate.acquire().await.expect("is not closed");
                noted.fetch_add(1, Ordering::Relaxed);
                Ok::<_, RpcError>(())
            }
        }
    };
    let (primary, worker, _peer) = start(&text, Service::new().method("note", handler));
    // The flood is held up by the first.
    let early = timeout(Duration::from_secs(2), message(&primary)).await;
    assert!(early.is_err(), "all of it was read: {early:?}");
    assert_eq!(noted.load(Ordering::Relaxed), 0);
    gate.add_permits(1);
    assert_eq!(message(&primary).await, json!("done"));
    timeout(PATIENCE, async {
        while noted.load(Ordering::Relaxed) < NOTES {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("each is handled");
    worker.kill(Signal::KILL).expect("it is ours");
}

/// Its handlers wait for its answers, which never come.
#[tokio::test]
async fn a_worker_that_floods_its_primary_and_exits_is_seen_to_exit() {
    let note = "{\"jsonrpc\":\"2.0\",\"method\":\"note\"}";
    let text = format!("yes '{note}' | head -n 66000 >&3");
    let handler = |(): (), _: Context| std::future::pending::<Result<(), RpcError>>();
    let (primary, _worker, peer) = start(&text, Service::new().method("note", handler));
    assert_eq!(until_exit(&primary).await, ["Setup", "Fork", "Disconnect", "Exit"]);
    assert!(!peer.is_connected());
}
