//! How long a worker's event loop takes to answer.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crossfork::tokio::cluster::{Event, ForkedWorker, Primary};
use crossfork::{Error, SendError};
use tokio::time::timeout;

use crate::{PATIENCE, cluster, next, says, script};

const ACK: &str = r#"{"cmd":"NODE_HANDLE_ACK"}"#;

fn online() -> String {
    cluster(r#""act":"online""#)
}

/// A worker that does this, and has said that it runs.
async fn running(text: &str) -> (Primary, ForkedWorker) {
    let primary = script(&(online() + text)).start();
    let worker = primary.fork().expect("is started");
    while !matches!(next(&primary).await, Some(Event::Online { .. })) {}
    (primary, worker)
}

/// The text of the next message from a worker.
async fn heard(primary: &Primary) -> String {
    loop {
        if let Some(Event::Message { message, .. }) = next(primary).await {
            return message.decode().expect("a text");
        }
    }
}

#[tokio::test]
async fn clu_13_a_worker_is_sent_a_connection_for_no_server_and_its_acknowledgement_is_the_answer() {
    let answer = format!("read ping <&3; echo \"$ping\"; {}read end <&3", says(ACK));
    let primary = script(&(online() + &answer)).silent().start();
    let worker = primary.fork().expect("is started");
    while !matches!(next(&primary).await, Some(Event::Online { .. })) {}
    timeout(PATIENCE, worker.event_loop_delay()).await.expect("in time").expect("an answer");
    let mut stdout = worker.take_stdout().expect("a pipe");
    let mut ping = [0; 256];
    let length = tokio::io::AsyncReadExt::read(&mut stdout, &mut ping).await.expect("is read");
    let ping: serde_json::Value = serde_json::from_slice(&ping[..length]).expect("is JSON");
    assert_eq!(ping["type"], "net.Native");
    assert_eq!(ping["msg"]["act"], "newconn");
}

#[tokio::test]
async fn cancel_safety_a_question_that_was_given_up_is_not_asked_again() {
    let is_it = |what| format!("*'{what}'*) {}", says(&format!("\"{what}\"")));
    let text = format!(
        "read ping <&3; {}read line <&3; case $line in {};; {};; esac; read end <&3",
        says(ACK),
        is_it("newconn"),
        is_it("go on")
    );
    let (primary, worker) = running(&text).await;
    // Nothing else runs meanwhile, so the answer to the first cannot come before the last.
    for _ in 0..3 {
        let mut delay = pin!(worker.event_loop_delay());
        let first = delay.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(first, Poll::Pending));
    }
    let (delay, sent) = tokio::join!(worker.event_loop_delay(), worker.send("go on"));
    assert!(delay.is_ok() && sent.is_ok(), "{delay:?} {sent:?}");
    assert_eq!(heard(&primary).await, "go on");
}

#[tokio::test]
async fn clu_5_a_program_that_has_not_said_that_it_runs_is_not_asked() {
    let primary = script("read line <&3; exit 9").start();
    let worker = primary.fork().expect("is started");
    let error = worker.event_loop_delay().await.expect_err("no answer");
    assert!(matches!(&error, Error::Io(e) if e.kind() == io::ErrorKind::NotConnected), "{error}");
}

#[tokio::test]
async fn clu_18_a_worker_that_was_asked_to_disconnect_is_not_asked() {
    let (_primary, worker) = running("read end <&3").await;
    worker.disconnect();
    let error = worker.event_loop_delay().await.expect_err("no answer");
    assert!(matches!(&error, Error::Io(e) if e.kind() == io::ErrorKind::NotConnected), "{error}");
}

#[tokio::test]
async fn the_exit_of_a_worker_ends_the_wait_for_its_answer() {
    let (_primary, worker) = running("read ping <&3; exit 9").await;
    let answer = timeout(PATIENCE, worker.event_loop_delay()).await.expect("in time");
    assert!(matches!(answer, Err(Error::Send(SendError::Closed))), "{answer:?}");
    let answer = worker.event_loop_delay().await;
    assert!(matches!(answer, Err(Error::Send(SendError::Closed))), "{answer:?}");
}
