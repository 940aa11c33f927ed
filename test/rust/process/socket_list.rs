//! Connections held by children, as their owner sees them (SOCK-5).

#[path = "socket_list/answers.rs"]
mod answers;

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::thread;

use crossfork::process::Command;
use crossfork::{Limits, Message, Outgoing, Serialization, Signal};
use serde_json::{Value, json};

use crate::support::deadline::{eventually, in_time};
use crate::support::descriptors::{tcp_pair, watched};
use crate::support::for_both_drivers;
use crate::support::parents::{List, Parent, Started, start_with_channel};
use crate::support::peer::{ACK, Peer, connect, connect_two};

for_both_drivers!(in_time:
    sock_5_an_empty_list_has_no_connections_and_is_closed,
    sock_5_connections_are_summed_over_all_children,
    sock_5_a_connection_closed_by_a_child_is_no_longer_counted,
    sock_5_closed_waits_for_the_last_connection_of_all_children,
    sock_5_all_children_are_asked_before_the_first_answer,
    sock_5_a_disconnected_child_has_no_connections,
    sock_5_a_child_that_exits_before_answering_has_no_connections,
    sock_5_a_child_process_that_is_killed_completes_closed,
    sock_5_a_channel_that_we_disconnect_completes_closed,
    sock_1_each_list_has_its_own_key,
    sock_1_closed_lists_leave_their_keys_for_reuse,
    sock_1_a_clone_refers_to_the_same_list,
    sock_1_one_list_spans_channels_of_both_serializations,
    sock_2_a_connection_without_the_list_is_not_counted,
);

fn connection() -> Outgoing {
    watched().0.into()
}

/// Sends a connection to a peer, which acknowledges it. Returns the key and the peer's copy.
fn hand_over<D: Parent>(list: &D::List, channel: &D, peer: &mut Peer) -> (Value, OwnedFd) {
    thread::scope(|scope| {
        let sender = scope.spawn(|| list.send(channel, &json!("a connection"), connection()));
        let (line, fd) = peer.line_with_fd();
        peer.write(format!("{ACK}\n"));
        sender.join().unwrap().unwrap();
        let message: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(message["type"], "net.Socket");
        assert!(message["key"].is_string(), "{line}");
        (message["key"].clone(), fd)
    })
}

fn count(key: &Value, count: usize) -> String {
    format!("{}\n", json!({ "cmd": "NODE_SOCKET_COUNT", "key": key, "count": count }))
}

fn all_closed(key: &Value) -> String {
    format!("{}\n", json!({ "cmd": "NODE_SOCKET_ALL_CLOSED", "key": key }))
}

fn assert_asks(peer: &mut Peer, what: &str, key: &Value) {
    assert_eq!(peer.value(), json!({ "cmd": format!("NODE_SOCKET_{what}"), "key": key }));
}

/// A child within this process that keeps the connections that it receives.
struct Holder {
    held: Mutex<Vec<Message>>,
}

/// Runs the body with some children, whose ends of the channels are given first.
fn with_holders<D: Parent>(how_many: usize, body: impl FnOnce(&[D], &[Holder])) {
    let (owners, ends): (Vec<D>, Vec<D>) = (0..how_many).map(|_| connect_two::<D>()).unzip();
    let holders: Vec<_> = ends.iter().map(|_| Holder { held: Mutex::default() }).collect();
    thread::scope(|scope| {
        for (end, holder) in ends.into_iter().zip(&holders) {
            scope.spawn(move || {
                while let Some(message) = end.recv().unwrap() {
                    holder.held.lock().unwrap().push(message);
                }
            });
        }
        let disconnect = Disconnect(owners);
        body(&disconnect.0, &holders);
    });
}

/// Ends the children also when the body panics.
struct Disconnect<D: Parent>(Vec<D>);

impl<D: Parent> Drop for Disconnect<D> {
    fn drop(&mut self) {
        for channel in &self.0 {
            let _ = channel.disconnect();
        }
    }
}

impl Holder {
    fn close_one(&self) {
        eventually("the child holds something", || !self.held.lock().unwrap().is_empty());
        let message = self.held.lock().unwrap().pop();
        drop(message);
    }
}

fn sock_5_an_empty_list_has_no_connections_and_is_closed<D: Parent>() {
    let list = D::List::new();
    assert_eq!(list.connections().unwrap(), 0);
    list.closed().unwrap();
}

fn sock_5_connections_are_summed_over_all_children<D: Parent>() {
    with_holders::<D>(3, |owners, _| {
        let list = D::List::new();
        for (i, owner) in owners.iter().enumerate() {
            for _ in 0..=i {
                list.send(owner, &json!(i), connection()).unwrap();
            }
        }
        assert_eq!(list.connections().unwrap(), 1 + 2 + 3);
        assert_eq!(list.connections().unwrap(), 1 + 2 + 3);
    });
}

fn sock_5_a_connection_closed_by_a_child_is_no_longer_counted<D: Parent>() {
    with_holders::<D>(2, |owners, holders| {
        let list = D::List::new();
        for owner in owners {
            list.send(owner, &json!(null), connection()).unwrap();
            list.send(owner, &json!(null), connection()).unwrap();
        }
        for left in (0..4).rev() {
            holders[left % 2].close_one();
            assert_eq!(list.connections().unwrap(), left);
        }
        list.closed().unwrap();
        // A closed list can be used again.
        list.send(&owners[0], &json!(null), connection()).unwrap();
        assert_eq!(list.connections().unwrap(), 1);
    });
}

fn sock_5_closed_waits_for_the_last_connection_of_all_children<D: Parent>() {
    let (one, mut first) = connect::<D>();
    let (two, mut second) = connect::<D>();
    let list = D::List::new();
    let (key, _first_fd) = hand_over(&list, &one, &mut first);
    let (_, _second_fd) = hand_over(&list, &two, &mut second);
    thread::scope(|scope| {
        let closed = scope.spawn(|| list.closed());
        assert_asks(&mut first, "NOTIFY_CLOSE", &key);
        assert_asks(&mut second, "NOTIFY_CLOSE", &key);
        second.write(all_closed(&key));
        // When this is answered, the notice was read and was not sufficient.
        let counting = scope.spawn(|| list.connections());
        assert_asks(&mut first, "GET_COUNT", &key);
        assert_asks(&mut second, "GET_COUNT", &key);
        first.write(count(&key, 1));
        second.write(count(&key, 0));
        assert_eq!(counting.join().unwrap().unwrap(), 1);
        assert!(!closed.is_finished());
        first.write(all_closed(&key));
        closed.join().unwrap().unwrap();
    });
}

fn sock_5_all_children_are_asked_before_the_first_answer<D: Parent>() {
    let mut children: Vec<_> = (0..4).map(|_| connect::<D>()).collect();
    let list = D::List::new();
    let held: Vec<_> = children.iter_mut().map(|(channel, peer)| hand_over(&list, channel, peer)).collect();
    let key = &held[0].0;
    thread::scope(|scope| {
        let counting = scope.spawn(|| list.connections());
        for (_, peer) in &mut children {
            assert_asks(peer, "GET_COUNT", key);
        }
        // In a different order than they were asked.
        for (i, (_, peer)) in children.iter().enumerate().rev() {
            peer.write(count(key, 10_usize.pow(i as u32)));
        }
        assert_eq!(counting.join().unwrap().unwrap(), 1111);
    });
}

fn sock_5_a_disconnected_child_has_no_connections<D: Parent>() {
    let (one, mut first) = connect::<D>();
    let (two, mut second) = connect::<D>();
    let list = D::List::new();
    let (key, _first_fd) = hand_over(&list, &one, &mut first);
    let (_, _second_fd) = hand_over(&list, &two, &mut second);
    drop(second);
    assert!(two.recv().unwrap().is_none());
    thread::scope(|scope| {
        let counting = scope.spawn(|| list.connections());
        assert_asks(&mut first, "GET_COUNT", &key);
        first.write(count(&key, 1));
        assert_eq!(counting.join().unwrap().unwrap(), 1);
    });
    // Neither does a child whose end was not seen yet.
    drop(first);
    assert_eq!(list.connections().unwrap(), 0);
    list.closed().unwrap();
}

fn sock_5_a_child_that_exits_before_answering_has_no_connections<D: Parent>() {
    let (one, mut first) = connect::<D>();
    let (two, mut second) = connect::<D>();
    let list = D::List::new();
    let (key, _first_fd) = hand_over(&list, &one, &mut first);
    let (_, _second_fd) = hand_over(&list, &two, &mut second);
    thread::scope(|scope| {
        let counting = scope.spawn(|| list.connections());
        let closed = scope.spawn(|| list.closed());
        // Both questions, in either order.
        let asked = [first.value(), first.value(), second.value(), second.value()];
        assert!(asked.iter().all(|question| question["key"] == key), "{asked:?}");
        drop(first);
        second.write(count(&key, 3) + &all_closed(&key));
        assert_eq!(counting.join().unwrap().unwrap(), 3);
        closed.join().unwrap().unwrap();
    });
}

fn sock_5_a_child_process_that_is_killed_completes_closed<D: Parent>() {
    // It acknowledges, and then sends nothing.
    let line = format!("read -r line <&3; echo '{ACK}' >&3; exec sleep 1000");
    let mut kid = start_with_channel::<D>(Command::shell(line), 3);
    let list = D::List::new();
    let (socket, witness) = watched();
    list.send(&kid.channel, &json!("a connection"), socket.into()).unwrap();
    // A shell does not take the descriptor.
    witness.assert_closed();
    let channel = kid.channel.clone();
    thread::scope(|scope| {
        let closed = scope.spawn(|| list.closed());
        eventually("the question is written", || channel.queued_bytes() == 0);
        kid.process().kill(Signal::KILL).unwrap();
        kid.process().wait().unwrap();
        closed.join().unwrap().unwrap();
    });
    assert_eq!(list.connections().unwrap(), 0);
}

fn sock_5_a_channel_that_we_disconnect_completes_closed<D: Parent>() {
    let (channel, mut peer) = connect::<D>();
    let list = D::List::new();
    let (key, _fd) = hand_over(&list, &channel, &mut peer);
    thread::scope(|scope| {
        let closed = scope.spawn(|| list.closed());
        assert_asks(&mut peer, "NOTIFY_CLOSE", &key);
        channel.disconnect().unwrap();
        closed.join().unwrap().unwrap();
    });
    // Also for a dropped channel.
    let (channel, mut peer) = connect::<D>();
    let (_key, _fd) = hand_over(&list, &channel, &mut peer);
    drop(channel);
    assert_eq!(list.connections().unwrap(), 0);
    list.closed().unwrap();
    peer.assert_end();
}

fn sock_1_each_list_has_its_own_key<D: Parent>() {
    with_holders::<D>(1, |owners, _| {
        let lists = [D::List::new(), D::List::new()];
        lists[0].send(&owners[0], &json!(0), connection()).unwrap();
        lists[1].send(&owners[0], &json!(1), connection()).unwrap();
        lists[1].send(&owners[0], &json!(1), connection()).unwrap();
        assert_eq!(lists[0].connections().unwrap(), 1);
        assert_eq!(lists[1].connections().unwrap(), 2);
    });
    let (channel, mut peer) = connect::<D>();
    let (key, _fd) = hand_over(&D::List::new(), &channel, &mut peer);
    let (other, _fd) = hand_over(&D::List::new(), &channel, &mut peer);
    assert_ne!(key, other);
}

fn sock_2_a_connection_without_the_list_is_not_counted<D: Parent>() {
    with_holders::<D>(1, |owners, holders| {
        let list = D::List::new();
        list.send(&owners[0], &json!("counted"), connection()).unwrap();
        owners[0].send_handle(&json!("not counted"), tcp_pair().0).unwrap();
        assert_eq!(list.connections().unwrap(), 1);
        eventually("both have arrived", || holders[0].held.lock().unwrap().len() == 2);
        let counted = holders[0].held.lock().unwrap().remove(0);
        drop(counted);
        assert_eq!(list.connections().unwrap(), 0);
        list.closed().unwrap();
    });
}

fn sock_1_a_clone_refers_to_the_same_list<D: Parent>() {
    let (channel, mut peer) = connect::<D>();
    let list = D::List::new();
    let clone = list.clone();
    let (key, _fd) = hand_over(&list, &channel, &mut peer);
    assert_eq!(hand_over(&clone, &channel, &mut peer).0, key);
    drop(list);
    thread::scope(|scope| {
        let asking = scope.spawn(|| clone.connections().unwrap());
        assert_asks(&mut peer, "GET_COUNT", &key);
        peer.write(count(&key, 2));
        assert_eq!(asking.join().unwrap(), 2);
    });
    assert_ne!(hand_over(&D::List::new(), &channel, &mut peer).0, key, "the key is still taken");
}

fn sock_1_one_list_spans_channels_of_both_serializations<D: Parent>() {
    let list = D::List::new();
    let children = [Serialization::Json, Serialization::Advanced].map(|serialization| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let channel = D::from_socket_with(ours.into(), serialization, Limits::default()).unwrap();
        let mut peer = Peer::speaking(serialization, theirs);
        let (key, fd) = hand_over(&list, &channel, &mut peer);
        (channel, peer, key, fd)
    });
    let [(_json, mut first, key, _first_fd), (_advanced, mut second, same_key, _second_fd)] = children;
    assert_eq!(key, same_key);
    thread::scope(|scope| {
        let asked = scope.spawn(|| list.connections());
        for (peer, open) in [(&mut first, 1), (&mut second, 2)] {
            assert_asks(peer, "GET_COUNT", &key);
            peer.write(count(&key, open));
        }
        assert_eq!(asked.join().unwrap().unwrap(), 3);
        let closed = scope.spawn(|| list.closed());
        for peer in [&mut first, &mut second] {
            assert_asks(peer, "NOTIFY_CLOSE", &key);
            peer.write(all_closed(&key));
        }
        closed.join().unwrap().unwrap();
    });
}

/// A Node process warns when it has seen more than ten keys. Other tests use some of them now.
fn sock_1_closed_lists_leave_their_keys_for_reuse<D: Parent>() {
    let (channel, mut peer) = connect::<D>();
    let mut keys = BTreeSet::new();
    for _ in 0..50 {
        let list = D::List::new();
        let (key, _copy) = hand_over(&list, &channel, &mut peer);
        thread::scope(|scope| {
            let closing = scope.spawn(|| list.closed());
            assert_asks(&mut peer, "NOTIFY_CLOSE", &key);
            peer.write(all_closed(&key));
            closing.join().unwrap().unwrap();
        });
        keys.insert(key.to_string());
    }
    assert!(keys.len() < 50, "each list has its own key");
    // A list that may still have connections keeps its key.
    let (kept, _copy) = hand_over(&D::List::new(), &channel, &mut peer);
    let lists: Vec<_> = (0..50).map(|_| D::List::new()).collect();
    for list in &lists {
        assert_ne!(hand_over(list, &channel, &mut peer).0, kept);
    }
}
