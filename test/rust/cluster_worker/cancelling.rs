//! Futures of a worker that are dropped before they complete (tokio driver only).

use std::future::{Future, poll_fn};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::task::Poll;

use crossfork::tokio::cluster::Worker;
use crossfork::{Limits, Serialization};
use serde_json::json;
use tokio::runtime::Builder;

use crate::primary::{KEY, Primary};
use crate::support::deadline::in_time;
use crate::support::descriptors::{tcp_bound, tcp_pair};

/// Runs the body in a single-threaded runtime.
fn run<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Worker, Primary) -> F + Send + 'static) {
    in_time(test, || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let worker = Worker::from_socket(ours, 7, Serialization::Json, Limits::default()).unwrap();
            worker.set_exit_on_orphaned(false);
            let mut primary = Primary::new(theirs);
            primary.expect_act("online");
            body(worker, primary).await;
        });
    });
}

/// Polls the future once and drops it. `Some` if it completed.
async fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}

/// Waits for a message from the primary's program, and so for everything before it.
async fn word(worker: &Worker, primary: &Primary) {
    primary.peer.write("\"a word\"\n");
    worker.recv().await.unwrap().unwrap();
}

#[test]
fn a_dropped_closed_in_a_select_loses_no_later_messages() {
    run("closed_as_the_losing_branch_of_a_select", |worker, mut primary| async move {
        word(&worker, &primary).await;
        assert!(once(worker.closed()).await.is_none());
        let (stop, _) = primary.text(json!({ "act": "disconnect" }));
        primary.peer.write(format!("2\n{stop}\n"));
        worker.stopping().await;
        let message = worker.recv().await.unwrap().expect("the earlier message");
        assert_eq!(message.decode::<u32>().unwrap(), 2);
        assert!(worker.recv().await.unwrap().is_none());
        worker.closed().await;
    });
}

#[test]
fn a_waiting_closed_does_not_wait_for_queued_messages() {
    run("closed_does_not_wait_for_messages_to_be_received", |worker, mut primary| async move {
        word(&worker, &primary).await;
        let (stop, _) = primary.text(json!({ "act": "disconnect" }));
        primary.peer.write(format!("2\n{stop}\n"));
        worker.closed().await;
        assert!(worker.recv().await.unwrap().is_none());
        primary.peer.assert_end();
    });
}

#[test]
fn a_dropped_listen_closes_a_server_granted_later() {
    run("a_dropped_listen_closes_a_server_granted_later", |worker, mut primary| async move {
        assert!(once(worker.listen(8000)).await.is_none());
        primary.grant();
        word(&worker, &primary).await;
        assert_eq!(primary.expect_act("close")["key"], KEY);
        // It can be called again.
        let mut listening = pin!(worker.listen(8000));
        assert!(once(listening.as_mut()).await.is_none());
        primary.grant();
        listening.await.unwrap();
        primary.expect_act("listening");
    });
}

#[test]
fn a_dropped_bind_closes_a_socket_granted_later() {
    run("a_dropped_bind_closes_a_socket_granted_later", |worker, mut primary| async move {
        assert!(once(worker.bind_udp(8000)).await.is_none());
        let query = primary.expect_act("queryServer");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let reply = json!({ "errno": 0, "key": KEY, "ack": query["seq"], "data": null });
        primary.say_with("dgram.Native", reply, &[socket.as_fd()]);
        word(&worker, &primary).await;
        primary.peer.line();
        assert_eq!(primary.expect_act("close")["key"], KEY);
    });
}

#[test]
fn a_dropped_accept_leaves_the_connection_to_the_next_accept() {
    run("a_dropped_accept_leaves_the_connection_to_the_next_accept", |worker, mut primary| async move {
        let mut listening = pin!(worker.listen(8000));
        assert!(once(listening.as_mut()).await.is_none());
        primary.grant();
        let listener = listening.await.unwrap();
        primary.expect_act("listening");
        let mut first = Box::pin(listener.accept());
        let mut second = pin!(listener.accept());
        assert!(once(first.as_mut()).await.is_none());
        assert!(once(second.as_mut()).await.is_none());
        let (theirs, _client) = tcp_pair();
        primary.hand_over(&theirs);
        // The first one is woken, and then dropped.
        word(&worker, &primary).await;
        drop(first);
        assert!(second.await.unwrap().is_some());
    });
}

#[test]
fn a_dropped_accept_from_a_shared_socket_leaves_its_slot_to_the_next_accept() {
    run("a_dropped_accept_from_a_shared_socket", |worker, mut primary| async move {
        let socket = tcp_bound();
        let mut listening = pin!(worker.listen("127.0.0.1:0"));
        assert!(once(listening.as_mut()).await.is_none());
        let query = primary.expect_act("queryServer");
        let reply = json!({ "errno": 0, "key": KEY, "ack": query["seq"], "data": null });
        primary.say_with("net.Native", reply, &[socket.as_fd()]);
        let listener = listening.await.unwrap();
        listener.set_max_connections(Some(1));
        for _ in 0..3 {
            assert!(once(listener.accept()).await.is_none());
        }
        let address = listener.local_addr().unwrap();
        let client = std::thread::spawn(move || std::net::TcpStream::connect(address).unwrap());
        let connection = listener.accept().await.unwrap().unwrap();
        // Two wait for room; the first one is woken, and then dropped.
        let mut first = Box::pin(listener.accept());
        let mut second = pin!(listener.accept());
        assert!(once(first.as_mut()).await.is_none());
        assert!(once(second.as_mut()).await.is_none());
        let next = std::thread::spawn(move || std::net::TcpStream::connect(address).unwrap());
        drop(connection);
        drop(first);
        assert!(second.await.unwrap().is_some());
        drop((client.join().unwrap(), next.join().unwrap()));
    });
}

#[test]
fn a_dropped_disconnect_of_a_worker_has_notified_the_primary() {
    run("a_dropped_disconnect_of_a_worker_has_notified_the_primary", |worker, mut primary| async move {
        assert!(once(worker.disconnect()).await.is_none());
        let told = primary.expect_act("exitedAfterDisconnect");
        assert!(worker.is_stopping());
        primary.say(json!({ "ack": told["seq"] }));
        worker.disconnect().await.unwrap();
        worker.closed().await;
        primary.peer.assert_end();
    });
}

#[test]
fn a_dropped_kill_has_notified_the_primary_and_does_not_exit() {
    run("a_dropped_kill_has_told_the_primary", |worker, mut primary| async move {
        assert!(once(worker.kill()).await.is_none());
        let told = primary.expect_act("exitedAfterDisconnect");
        primary.say(json!({ "ack": told["seq"] }));
        // The channel still ends, and with it the test.
        worker.closed().await;
        primary.peer.assert_end();
    });
}

#[test]
fn a_dropped_stopping_changes_nothing() {
    run("a_dropped_stopping_changes_nothing", |worker, mut primary| async move {
        assert!(once(worker.stopping()).await.is_none());
        assert!(!worker.is_stopping());
        primary.say(json!({ "act": "disconnect" }));
        worker.stopping().await;
    });
}
