//! Calls that wait when a channel ends, from either side.

use std::net::Shutdown;
use std::thread;

use crossfork::{Error, SendError};
use serde_json::json;

use super::is_closed;
use crate::framing::receive;
use crate::support::deadline::{eventually, in_time};
use crate::support::descriptors::watched;
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{ACK, connect};

in_both_modes!(in_time:
    a_disconnect_ends_a_waiting_recv,
    concurrent_disconnects_all_wait_for_the_end,
    a_disconnect_after_the_peers_disconnect_is_an_error,
    a_close_ends_every_waiting_call,
    a_close_ends_a_waiting_disconnect,
    a_peer_that_closes_ends_every_waiting_call,
    a_peer_that_stops_reading_ends_every_waiting_send,
);

fn a_disconnect_ends_a_waiting_recv<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let channel = channel.clone();
            thread::spawn(move || channel.recv().unwrap().is_none())
        })
        .collect();
    // One of the receivers has read this, and waits again.
    peer.write("{\"cmd\":\"NODE_SOCKET_GET_COUNT\",\"key\":\"k\"}\n");
    peer.line();
    channel.disconnect().unwrap();
    for receiver in receivers {
        assert!(receiver.join().unwrap());
    }
    peer.assert_end();
}

fn concurrent_disconnects_all_wait_for_the_end<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, _witness) = watched();
    let sender = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!(1), socket)
    });
    drop(peer.line_with_fd());
    let leavers: Vec<_> = (0..3)
        .map(|_| {
            let channel = channel.clone();
            thread::spawn(move || channel.disconnect())
        })
        .collect();
    eventually("the channel is disconnecting", || !channel.is_connected());
    assert!(leavers.iter().all(|leaver| !leaver.is_finished()), "the peer has not acknowledged yet");
    peer.write(format!("{ACK}\n"));
    peer.assert_end();
    sender.join().unwrap().unwrap();
    for leaver in leavers {
        leaver.join().unwrap().unwrap();
    }
    channel.disconnect().unwrap();
}

fn a_disconnect_after_the_peers_disconnect_is_an_error<D: Driver>() {
    let (channel, peer) = connect::<D>();
    peer.leave();
    assert!(channel.recv().unwrap().is_none());
    for _ in 0..2 {
        let late = channel.disconnect();
        assert!(matches!(late, Err(Error::Send(SendError::Disconnected))), "{late:?}");
    }
}

fn a_close_ends_every_waiting_call<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let handle = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!(1), socket)
    });
    drop(peer.line_with_fd());
    let sender = thread::spawn({
        let channel = channel.clone();
        move || channel.send(&json!("behind it"))
    });
    let receiver = thread::spawn({
        let channel = channel.clone();
        move || channel.recv().unwrap().is_none()
    });
    eventually("the message is held", || channel.queued_bytes() > 0);
    channel.close();
    let unsent = handle.join().unwrap().unwrap_err();
    drop(unsent.handle.expect("the handle is returned"));
    witness.assert_closed();
    assert!(is_closed(sender.join().unwrap()));
    assert!(receiver.join().unwrap());
    peer.assert_end();
    channel.close();
    channel.disconnect().expect("this side has closed it");
}

fn a_close_ends_a_waiting_disconnect<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, _witness) = watched();
    let sender = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!(1), socket)
    });
    drop(peer.line_with_fd());
    let leaver = thread::spawn({
        let channel = channel.clone();
        move || channel.disconnect()
    });
    eventually("the channel is disconnecting", || !channel.is_connected());
    channel.close();
    leaver.join().unwrap().unwrap();
    assert!(is_closed(sender.join().unwrap().map_err(|unsent| unsent.error)));
    peer.assert_end();
}

fn a_peer_that_closes_ends_every_waiting_call<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let handle = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!(1), socket)
    });
    // Written, but never acknowledged.
    drop(peer.line_with_fd());
    let senders: Vec<_> = (0..3)
        .map(|i| {
            let channel = channel.clone();
            thread::spawn(move || channel.send(&json!(i)))
        })
        .collect();
    let receiver = thread::spawn({
        let channel = channel.clone();
        move || channel.recv().unwrap().is_none()
    });
    let three = peer.length_of("0\n1\n2\n");
    eventually("three messages are held", || channel.queued_bytes() == three);
    drop(peer);
    for sender in senders {
        assert!(is_closed(sender.join().unwrap()), "the loss is reported");
    }
    assert!(receiver.join().unwrap());
    let unsent = handle.join().unwrap().unwrap_err();
    assert!(is_closed(Err(unsent.error)));
    witness.assert_open();
    drop(unsent.handle.expect("the handle is returned"));
    witness.assert_closed();
}

fn a_peer_that_stops_reading_ends_every_waiting_send<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let waiting = thread::spawn({
        let channel = channel.clone();
        move || channel.send(&json!("x".repeat(1 << 20)))
    });
    eventually("the message is queued", || channel.queued_bytes() > 0);
    // The kernel reports this only to a writer, not to a waiter for room.
    peer.socket.shutdown(Shutdown::Read).unwrap();
    assert!(is_closed(channel.send(&json!(2))));
    eventually("the other send returns", || waiting.is_finished());
    assert!(is_closed(waiting.join().unwrap()));
    // Messages from the peer are still received.
    peer.write("\"last\"\n");
    assert_eq!(receive(&channel), json!("last"));
}
