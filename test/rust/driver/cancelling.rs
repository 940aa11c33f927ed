//! Futures that are dropped before they are done: only the tokio driver has them.

use std::future::{Future, poll_fn};
use std::os::fd::AsFd;
use std::pin::pin;
use std::task::Poll;
use std::thread;

use crossfork::Limits;
use crossfork::tokio::Channel;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::support::deadline::in_time;
use crate::support::descriptors::watched;
use crate::support::peer::{ACK, Peer, handle_line};

/// Runs the body in a runtime with one thread, where nothing goes on while a future blocks.
fn run<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Channel, Peer) -> F + Send + 'static) {
    in_time(test, || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            body(Channel::from_socket(ours, Limits::default()).unwrap(), Peer::new(theirs)).await;
        });
    });
}

/// Polls once, and drops the future. `Some` if it was done.
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

/// Reads so many lines beside the runtime.
fn read_lines(mut peer: Peer, count: usize) -> thread::JoinHandle<(Vec<String>, Peer)> {
    thread::spawn(move || ((0..count).map(|_| peer.line()).collect(), peer))
}

fn large() -> Value {
    json!("x".repeat(1 << 20))
}

#[test]
fn a_dropped_recv_loses_no_message() {
    run("a_dropped_recv_loses_no_message", |channel, peer| async move {
        let writer = thread::spawn(move || {
            for i in 0..2000 {
                // In two writes, so that a recv may be dropped in the middle of a message.
                peer.write(format!("{{\"i\":{i}"));
                peer.write("}\n");
            }
            peer
        });
        let mut next = 0;
        while next < 2000 {
            // Most are dropped; sometimes the reactor runs in between.
            if let Some(message) = once(channel.recv()).await {
                let value: Value = message.unwrap().unwrap().decode().unwrap();
                assert_eq!(value["i"], json!(next));
                next += 1;
            } else {
                tokio::task::yield_now().await;
            }
        }
        writer.join().unwrap();
    });
}

#[test]
fn a_dropped_send_that_has_begun_is_sent_whole() {
    run("a_dropped_send_that_has_begun_is_sent_whole", |channel, peer| async move {
        assert!(once(channel.send(&large())).await.is_none());
        assert!(channel.queued_bytes() > 0);
        let reader = read_lines(peer, 2);
        channel.send("after").await.unwrap();
        let (lines, _peer) = reader.join().unwrap();
        assert!(serde_json::from_str::<Value>(&lines[0]).unwrap() == large());
        assert_eq!(lines[1], "\"after\"");
    });
}

#[test]
fn a_dropped_send_that_has_not_begun_is_not_sent() {
    run("a_dropped_send_that_has_not_begun_is_not_sent", |channel, peer| async move {
        assert!(once(channel.send(&large())).await.is_none());
        let queued = channel.queued_bytes();
        assert!(once(channel.send("not begun")).await.is_none());
        let (socket, witness) = watched();
        assert!(once(channel.send_handle("not begun", socket)).await.is_none());
        witness.assert_closed();
        assert_eq!(channel.queued_bytes(), queued);
        let reader = read_lines(peer, 2);
        channel.send("after").await.unwrap();
        let (lines, mut peer) = reader.join().unwrap();
        assert_eq!(lines[1], "\"after\"");
        peer.assert_quiet();
        assert!(peer.fds.is_empty());
    });
}

#[test]
fn hnd_7_a_dropped_send_behind_a_handle_is_not_sent_and_the_others_keep_their_order() {
    run("hnd_7_a_dropped_send_behind_a_handle", |channel, mut peer| async move {
        let (first, _first_witness) = watched();
        let (second, second_witness) = watched();
        let mut handle = pin!(channel.send_handle("first", first));
        assert!(once(handle.as_mut()).await.is_none());
        let mut kept = pin!(channel.send("kept"));
        assert!(once(kept.as_mut()).await.is_none());
        assert!(once(channel.send("dropped")).await.is_none());
        assert!(once(channel.send_handle("dropped", second)).await.is_none());
        second_witness.assert_closed();
        let mut last = pin!(channel.send("last"));
        assert!(once(last.as_mut()).await.is_none());
        assert_eq!(peer.line_with_fd().0 + "\n", handle_line("net.Socket", "\"first\""));
        peer.assert_quiet();
        peer.write(format!("{ACK}\n"));
        handle.await.unwrap();
        kept.await.unwrap();
        last.await.unwrap();
        assert_eq!(peer.line(), "\"kept\"");
        assert_eq!(peer.line(), "\"last\"");
        peer.assert_quiet();
    });
}

#[test]
fn hnd_12_the_reply_to_a_dropped_send_handle_is_still_expected() {
    run("hnd_12_the_reply_to_a_dropped_send_handle_is_still_expected", |channel, mut peer| async move {
        let (socket, witness) = watched();
        assert!(once(channel.send_handle(&json!(1), socket)).await.is_none());
        drop(peer.line_with_fd());
        witness.assert_open();
        peer.write(format!("{ACK}\n\"next\"\n"));
        // Not an UnexpectedReply.
        assert_eq!(channel.recv().await.unwrap().unwrap().decode::<&str>().unwrap(), "next");
        witness.assert_closed();
        channel.send("free again").await.unwrap();
        assert_eq!(peer.line(), "\"free again\"");
    });
}

#[test]
fn a_dropped_recv_leaves_a_handle_to_the_next() {
    run("a_dropped_recv_leaves_a_handle_to_the_next", |channel, mut peer| async move {
        assert!(once(channel.recv()).await.is_none());
        let (socket, witness) = watched();
        peer.write_with(handle_line("net.Socket", "1"), &[socket.as_fd()]);
        drop(socket);
        let mut message = loop {
            if let Some(message) = once(channel.recv()).await {
                break message.unwrap().unwrap();
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(peer.line(), ACK);
        witness.assert_open();
        drop(message.take_handle().unwrap());
        witness.assert_closed();
    });
}

#[test]
fn many_tasks_of_one_thread_send_while_one_receives() {
    run("many_tasks_of_one_thread_send_while_one_receives", |channel, peer| async move {
        let reader = read_lines(peer, 30 * 20);
        let receiver = tokio::spawn({
            let channel = channel.clone();
            async move { channel.recv().await.unwrap().map(|message| message.decode::<u8>().unwrap()) }
        });
        let senders: Vec<_> = (0..30)
            .map(|task| {
                let channel = channel.clone();
                tokio::spawn(async move {
                    for i in 0..20 {
                        channel.send(&json!([task, i, "x".repeat(20_000)])).await.unwrap();
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        let (lines, peer) = reader.join().unwrap();
        let mut next = [0; 30];
        for line in lines {
            let (task, i, _): (usize, usize, String) = serde_json::from_str(&line).unwrap();
            assert_eq!(i, next[task]);
            next[task] += 1;
        }
        peer.write("7\n");
        assert_eq!(receiver.await.unwrap(), Some(7));
    });
}
