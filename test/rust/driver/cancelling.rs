//! Futures that are dropped before they complete (tokio driver only).

use std::future::{Future, poll_fn};
use std::os::fd::AsFd;
use std::pin::pin;
use std::task::Poll;
use std::thread;

use crossfork::Limits;
use crossfork::tokio::{Channel, SocketList};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::support::deadline::in_time;
use crate::support::descriptors::watched;
use crate::support::peer::{ACK, NACK, Peer, handle_line};

/// Runs the body in a single-threaded runtime, where nothing else runs while a future blocks.
fn run<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Channel, Peer) -> F + Send + 'static) {
    in_time(test, || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            body(Channel::from_socket(ours, Limits::default()).unwrap(), Peer::new(theirs)).await;
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

/// Reads this number of lines outside the runtime.
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
                // Written in two parts, so that a recv may be dropped in the middle of a message.
                peer.write(format!("{{\"i\":{i}"));
                peer.write("}\n");
            }
            peer
        });
        let mut next = 0;
        while next < 2000 {
            // Most futures are dropped; sometimes the reactor runs in between.
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
fn a_dropped_send_whose_writing_has_begun_is_sent_completely() {
    run("a_dropped_send_whose_writing_has_begun_is_sent_completely", |channel, peer| async move {
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
fn a_dropped_send_whose_writing_has_not_begun_is_not_sent() {
    run("a_dropped_send_whose_writing_has_not_begun_is_not_sent", |channel, peer| async move {
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
fn hnd_7_a_dropped_send_behind_a_handle_is_not_sent_and_the_rest_stay_in_order() {
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
fn a_dropped_recv_leaves_the_handle_to_the_next_recv() {
    run("a_dropped_recv_leaves_the_handle_to_the_next_recv", |channel, mut peer| async move {
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
fn many_tasks_on_one_thread_send_while_one_receives() {
    run("many_tasks_on_one_thread_send_while_one_receives", |channel, peer| async move {
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

#[test]
fn a_feed_dropped_while_it_waits_is_still_sent() {
    run("a_feed_dropped_while_it_waits_is_still_sent", |channel, peer| async move {
        assert!(once(channel.feed(&large())).await.is_none());
        assert!(once(channel.feed("small")).await.is_none());
        assert!(once(channel.flush()).await.is_none());
        let reader = read_lines(peer, 2);
        channel.flush().await.unwrap();
        let (lines, _peer) = reader.join().unwrap();
        assert!(serde_json::from_str::<Value>(&lines[0]).unwrap() == large());
        assert_eq!(lines[1], "\"small\"");
    });
}

#[test]
fn fed_messages_are_written_when_a_call_waits() {
    run("fed_messages_are_written_when_a_call_waits", |channel, mut peer| async move {
        for i in 0..3 {
            channel.feed(&i).await.unwrap();
        }
        peer.assert_quiet();
        assert!(once(channel.recv()).await.is_none());
        assert_eq!([peer.line(), peer.line(), peer.line()], ["0", "1", "2"]);
    });
}

#[test]
fn a_received_message_is_fed_unchanged() {
    run("a_received_message_is_fed_unchanged", |channel, mut peer| async move {
        peer.write("{\"a\": 1.0}\n");
        let message = channel.recv().await.unwrap().unwrap();
        channel.feed_payload(message.payload()).await.unwrap();
        peer.assert_quiet();
        channel.flush().await.unwrap();
        assert_eq!(peer.line(), "{\"a\": 1.0}");
    });
}

#[test]
fn a_dropped_disconnect_completes_by_itself() {
    run("a_dropped_disconnect_completes_by_itself", |channel, mut peer| async move {
        assert!(once(channel.send_handle("a handle", watched().0)).await.is_none());
        drop(peer.line_with_fd());
        assert!(once(channel.disconnect()).await.is_none());
        peer.write(format!("{ACK}\n"));
        let peer = thread::spawn(move || peer.assert_end());
        while !peer.is_finished() {
            tokio::task::yield_now().await;
        }
        peer.join().unwrap();
        assert!(channel.recv().await.unwrap().is_none());
    });
}

#[test]
fn a_dropped_disconnect_completes_after_many_unread_messages() {
    const HANDLES: usize = 100;
    run("a_dropped_disconnect_goes_on_however_much", |channel, mut peer| async move {
        assert!(once(channel.send_handle("a handle", watched().0)).await.is_none());
        drop(peer.line_with_fd());
        assert!(once(channel.disconnect()).await.is_none());
        let (socket, _witness) = watched();
        for _ in 0..HANDLES {
            // Each is a separate read.
            peer.write_with(handle_line("net.Socket", "1"), &[socket.as_fd()]);
        }
        peer.write(format!("{ACK}\n"));
        let peer = thread::spawn(move || assert_eq!(peer.rest(), [ACK; HANDLES]));
        while !peer.is_finished() {
            tokio::task::yield_now().await;
        }
        peer.join().unwrap();
    });
}

#[test]
fn a_dropped_disconnect_can_be_waited_for_again() {
    run("a_dropped_disconnect_can_be_waited_for_again", |channel, mut peer| async move {
        assert!(once(channel.send_handle("a handle", watched().0)).await.is_none());
        drop(peer.line_with_fd());
        for _ in 0..3 {
            assert!(once(channel.disconnect()).await.is_none());
        }
        peer.write(format!("{ACK}\n"));
        channel.disconnect().await.unwrap();
        peer.assert_end();
        channel.disconnect().await.unwrap();
    });
}

#[test]
fn a_dropped_send_does_not_hold_up_the_end() {
    run("a_dropped_send_does_not_hold_up_the_end", |channel, mut peer| async move {
        while channel.try_send(&1).is_ok() {}
        let mut sending = Box::pin(channel.send("no room, and all that waits for some"));
        assert!(once(sending.as_mut()).await.is_none());
        let mut ending = pin!(channel.disconnect());
        assert!(once(ending.as_mut()).await.is_none());
        drop(sending);
        let peer = thread::spawn(move || assert!(peer.rest().iter().all(|line| line == "1")));
        ending.await.unwrap();
        peer.join().unwrap();
    });
}

#[test]
fn a_dropped_disconnect_can_be_completed_by_close() {
    run("a_dropped_disconnect_can_be_completed_by_close", |channel, mut peer| async move {
        assert!(once(channel.send(&large())).await.is_none());
        assert!(once(channel.disconnect()).await.is_none());
        channel.close();
        assert!(!peer.rest_as_bytes().ends_with(b"\n"), "cut off");
        channel.disconnect().await.unwrap();
        assert!(channel.recv().await.unwrap().is_none());
    });
}

#[test]
fn sock_5_a_dropped_list_send_that_has_not_begun_is_not_counted() {
    run("sock_5_a_dropped_send_of_a_list_that_has_not_begun", |channel, mut peer| async move {
        assert!(once(channel.send_handle("in front", watched().0)).await.is_none());
        let list = SocketList::new();
        assert!(once(list.send(&channel, "dropped", watched().0)).await.is_none());
        assert_eq!(once(list.connections()).await.expect("no child is asked").unwrap(), 0);
        once(list.closed()).await.expect("no child is asked").unwrap();
        drop(peer.line_with_fd());
        peer.write(format!("{ACK}\n\"next\"\n"));
        channel.recv().await.unwrap();
        peer.assert_quiet();
    });
}

#[test]
fn sock_5_a_dropped_list_send_is_counted_once_it_has_arrived() {
    run("sock_5_a_dropped_send_of_a_list_counts", |channel, mut peer| async move {
        let list = SocketList::new();
        assert!(once(list.send(&channel, "begun", watched().0)).await.is_none());
        let (line, _fd) = peer.line_with_fd();
        let message: Value = serde_json::from_str(&line).unwrap();
        peer.write(format!("{ACK}\n\"next\"\n"));
        channel.recv().await.unwrap();
        let mut connections = pin!(list.connections());
        assert!(once(connections.as_mut()).await.is_none());
        assert_eq!(peer.value()["cmd"], "NODE_SOCKET_GET_COUNT");
        peer.write(
            json!({ "cmd": "NODE_SOCKET_COUNT", "key": message["key"], "count": 1 }).to_string() + "\n",
        );
        assert_eq!(connections.await.unwrap(), 1);
    });
}

#[test]
fn hnd_9_a_dropped_list_send_that_the_peer_refuses_is_not_counted() {
    run("hnd_9_a_dropped_send_of_a_list_that_the_peer_refuses", |channel, mut peer| async move {
        let list = SocketList::new();
        let (socket, witness) = watched();
        assert!(once(list.send(&channel, "refused", socket)).await.is_none());
        for round in 0..4 {
            drop(peer.line_with_fd());
            peer.write(format!("{NACK}\n{round}\n"));
            channel.recv().await.unwrap();
        }
        witness.assert_closed();
        assert_eq!(once(list.connections()).await.expect("no child is asked").unwrap(), 0);
        peer.assert_quiet();
    });
}

#[test]
fn sock_5_a_dropped_question_does_not_take_the_answer_of_another() {
    run("sock_5_a_dropped_question_does_not_take_the_answer_of_another", |channel, mut peer| async move {
        let list = SocketList::new();
        let mut sending = pin!(list.send(&channel, "a connection", watched().0));
        assert!(once(sending.as_mut()).await.is_none());
        let (line, _fd) = peer.line_with_fd();
        let key = serde_json::from_str::<Value>(&line).unwrap()["key"].clone();
        peer.write(format!("{ACK}\n"));
        sending.await.unwrap();
        assert!(once(list.connections()).await.is_none());
        assert!(once(list.closed()).await.is_none());
        let mut connections = pin!(list.connections());
        assert!(once(connections.as_mut()).await.is_none());
        for count in [7, 1] {
            let answer = json!({ "cmd": "NODE_SOCKET_COUNT", "key": key, "count": count });
            peer.write(format!("{answer}\n"));
        }
        assert_eq!(connections.await.unwrap(), 1);
    });
}
