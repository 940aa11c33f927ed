//! Questions to children about their connections, and answers that are late, unexpected or missing (SOCK-5, SOCK-6).

use std::thread;
use std::time::Duration;

use crossfork::{Error, SendError};
use serde_json::{Value, json};

use super::{all_closed, assert_asks, connection, count, hand_over, with_holders};
use crate::support::deadline::{eventually, in_time};
use crate::support::descriptors::tcp_pair;
use crate::support::for_both_drivers;
use crate::support::parents::{List, Parent};
use crate::support::peer::{ACK, connect};

for_both_drivers!(in_time:
    sock_5_unexpected_answers_are_ignored,
    sock_5_a_late_answer_is_not_taken_for_the_next_one,
    sock_5_concurrent_questions_each_get_their_answer,
    sock_5_a_connection_acknowledged_too_late_is_counted,
    sock_5_an_unsent_connection_is_not_counted,
    sock_6_a_question_waits_for_a_handle_in_flight,
    sock_5_an_answer_in_flight_at_disconnect_is_read,
    sock_5_the_peer_can_write_an_answer_after_our_question_timed_out,
);

const SHORT: Duration = Duration::from_millis(300);

fn sock_5_unexpected_answers_are_ignored<D: Parent>() {
    let (channel, mut peer) = connect::<D>();
    let list = D::List::new();
    let (key, _fd) = hand_over(&list, &channel, &mut peer);
    let unasked =
        count(&key, 9) + &all_closed(&key) + &count(&json!("another"), 9) + &all_closed(&json!(null));
    peer.write(unasked.clone() + "\"after them\"\n");
    assert_eq!(channel.recv().unwrap().unwrap().decode::<&str>().unwrap(), "after them");
    thread::scope(|scope| {
        let counting = scope.spawn(|| list.connections());
        assert_asks(&mut peer, "GET_COUNT", &key);
        // Answers to other questions are ignored too.
        peer.write(count(&json!("another"), 9) + &all_closed(&key) + &count(&key, 1) + &count(&key, 2));
        assert_eq!(counting.join().unwrap().unwrap(), 1);
    });
    peer.assert_quiet();
}

fn sock_5_a_late_answer_is_not_taken_for_the_next_one<D: Parent>() {
    let (channel, mut peer) = connect::<D>();
    let list = D::List::new();
    let (key, _fd) = hand_over(&list, &channel, &mut peer);
    for _ in 0..2 {
        let late = list.connections_timeout(&[&channel], SHORT);
        assert!(matches!(late, Err(Error::Send(SendError::TimedOut))), "{late:?}");
        assert_asks(&mut peer, "GET_COUNT", &key);
    }
    thread::scope(|scope| {
        let counting = scope.spawn(|| list.connections());
        assert_asks(&mut peer, "GET_COUNT", &key);
        peer.write(count(&key, 7) + &count(&key, 8) + &count(&key, 1));
        assert_eq!(counting.join().unwrap().unwrap(), 1);
    });
    // The channel still works.
    channel.send(&json!("still here")).unwrap();
    assert_eq!(peer.value(), json!("still here"));
}

fn sock_5_concurrent_questions_each_get_their_answer<D: Parent>() {
    with_holders::<D>(2, |owners, _| {
        let lists: Vec<_> = (0..4).map(|_| D::List::new()).collect();
        for (i, list) in lists.iter().enumerate() {
            for n in 0..=i {
                list.send(&owners[n % 2], &json!(n), connection()).unwrap();
            }
        }
        thread::scope(|scope| {
            for (i, list) in lists.iter().enumerate() {
                for _ in 0..2 {
                    scope.spawn(move || (0..50).for_each(|_| assert_eq!(list.connections().unwrap(), i + 1)));
                }
            }
        });
    });
}

fn sock_5_a_connection_acknowledged_too_late_is_counted<D: Parent>() {
    let (channel, mut peer) = connect::<D>();
    let list = D::List::new();
    let unsent = list.send_timeout(&channel, connection(), SHORT).unwrap_err();
    // It may have arrived, so it is not returned.
    assert!(unsent.handle.is_none());
    let (line, _fd) = peer.line_with_fd();
    let key = serde_json::from_str::<Value>(&line).unwrap()["key"].clone();
    peer.write(format!("{ACK}\n"));
    thread::scope(|scope| {
        let counting = scope.spawn(|| list.connections_timeout(&[&channel], SHORT * 20));
        assert_asks(&mut peer, "GET_COUNT", &key);
        peer.write(count(&key, 1));
        assert_eq!(counting.join().unwrap().unwrap(), 1);
    });
}

fn sock_5_an_unsent_connection_is_not_counted<D: Parent>() {
    let (channel, mut peer) = connect::<D>();
    let list = D::List::new();
    let refused = list.send(&channel, &json!({ "cmd": "NODE_MINE" }), connection()).unwrap_err();
    assert!(matches!(refused.error, Error::Send(SendError::Reserved { .. })), "{refused:?}");
    assert!(refused.handle.is_some());
    // No child is asked.
    assert_eq!(list.connections().unwrap(), 0);
    peer.assert_quiet();
}

fn sock_6_a_question_waits_for_a_handle_in_flight<D: Parent>() {
    let (channel, mut peer) = connect::<D>();
    let list = D::List::new();
    let (key, _fd) = hand_over(&list, &channel, &mut peer);
    thread::scope(|scope| {
        let sender = scope.spawn(|| channel.send_handle(&json!("a socket"), tcp_pair().0));
        let (_line, _fd) = peer.line_with_fd();
        let counting = scope.spawn(|| list.connections());
        eventually("the question waits", || channel.queued_bytes() > 0);
        peer.assert_quiet();
        peer.write(format!("{ACK}\n"));
        assert_asks(&mut peer, "GET_COUNT", &key);
        peer.write(count(&key, 1));
        assert_eq!(counting.join().unwrap().unwrap(), 1);
        sender.join().unwrap().unwrap();
    });
}

/// A Node process that cannot write its answer fails.
fn sock_5_an_answer_in_flight_at_disconnect_is_read<D: Parent>() {
    let (channel, mut peer) = connect::<D>();
    let list = D::List::new();
    let (key, _copy) = hand_over(&list, &channel, &mut peer);
    thread::scope(|scope| {
        let asking = scope.spawn(|| list.connections());
        assert_asks(&mut peer, "GET_COUNT", &key);
        let ending = scope.spawn(|| channel.disconnect());
        peer.assert_end();
        peer.write(count(&key, 1));
        peer.leave();
        assert_eq!(asking.join().unwrap().unwrap(), 1);
        ending.join().unwrap().unwrap();
    });
}

/// A Node process that cannot write its answer fails.
fn sock_5_the_peer_can_write_an_answer_after_our_question_timed_out<D: Parent>() {
    let endings: [fn(D); 2] = [
        |channel| drop(channel),
        |channel| {
            channel.close();
            assert!(channel.recv().unwrap().is_none());
        },
    ];
    for ending in endings {
        let (channel, mut peer) = connect::<D>();
        let list = D::List::new();
        let (key, _copy) = hand_over(&list, &channel, &mut peer);
        let asked = list.connections_timeout(&[&channel], SHORT);
        assert!(matches!(asked, Err(Error::Send(SendError::TimedOut))));
        assert_asks(&mut peer, "GET_COUNT", &key);
        ending(channel);
        peer.assert_end();
        peer.write(count(&key, 1));
    }
}
