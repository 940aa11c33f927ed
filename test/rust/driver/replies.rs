//! The sender's side of the acknowledgement machine: one handle in flight, refusals, silence.

use std::thread;
use std::time::Duration;

use crossfork::{Error, ProtocolError, SendError};
use serde_json::json;

use crate::framing::receive;
use crate::support::deadline::{eventually, in_time};
use crate::support::descriptors::{identity, watched};
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{ACK, NACK, connect, handle_line};

in_both_modes!(in_time:
    hnd_7_messages_after_a_handle_wait_for_its_reply,
    hnd_8_sending_waits_until_the_peer_replies_to_a_handle,
    hnd_8_a_disconnect_abandons_an_unacknowledged_handle,
    hnd_9_a_refused_handle_is_resent_without_double_wrapping,
    hnd_9_a_handle_refused_four_times_is_returned_to_the_sender,
    hnd_12_an_unexpected_reply_is_an_error_without_further_effect,
    hnd_12_a_duplicate_reply_does_not_acknowledge_the_next_handle,
);

fn hnd_7_messages_after_a_handle_wait_for_its_reply<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let mut threads = Vec::new();
    let mut held = 0;
    for i in 0..6 {
        // Queued in this order: each thread waits until the message before it is queued.
        let handle = i % 2 == 0;
        threads.push(thread::spawn({
            let channel = channel.clone();
            move || match handle {
                true => channel.send_handle(&json!(i), watched().0).map_err(Error::from),
                false => channel.send(&json!(i)),
            }
        }));
        let line = if handle { handle_line("net.Socket", &i.to_string()) } else { format!("{i}\n") };
        if i == 0 {
            assert_eq!(peer.line_with_fd().0 + "\n", line);
        } else {
            held += peer.length_of(&line);
            eventually("the next message is queued", || channel.queued_bytes() == held);
        }
    }
    for i in 0..6 {
        if i % 2 == 0 {
            if i > 0 {
                assert_eq!(peer.line_with_fd().0 + "\n", handle_line("net.Socket", &i.to_string()));
            }
            peer.assert_quiet();
            peer.write(format!("{ACK}\n"));
        } else {
            assert_eq!(peer.value(), json!(i));
        }
    }
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
    assert_eq!(channel.queued_bytes(), 0);
}

fn hnd_8_sending_waits_until_the_peer_replies_to_a_handle<D: Driver>() {
    const SHORT: Duration = Duration::from_millis(10);
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let unsent = channel.send_handle_timeout(&json!("unanswered"), socket.into(), SHORT).unwrap_err();
    assert!(matches!(unsent.error, Error::Send(SendError::TimedOut)), "{unsent:?}");
    assert!(unsent.handle.is_none(), "the peer may have the handle");
    let late = channel.send_timeout(&json!("taken back"), SHORT);
    assert!(matches!(late, Err(Error::Send(SendError::TimedOut))), "{late:?}");
    let (second, second_witness) = watched();
    drop(channel.send_handle_timeout(&json!("taken back"), second.into(), SHORT).unwrap_err());
    second_witness.assert_closed();
    assert_eq!(channel.queued_bytes(), 0);
    // Receiving continues.
    peer.write("\"hello\"\n");
    assert_eq!(receive(&channel), json!("hello"));
    drop(peer.line_with_fd());
    witness.assert_open();
    peer.assert_quiet();
    // Sending continues when the reply arrives.
    peer.write(format!("{ACK}\n\"hello again\"\n"));
    assert_eq!(receive(&channel), json!("hello again"));
    witness.assert_closed();
    channel.send(&json!("free")).unwrap();
    assert_eq!(peer.line(), "\"free\"");
}

fn hnd_8_a_disconnect_abandons_an_unacknowledged_handle<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let sender = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!(1), socket)
    });
    drop(peer.line_with_fd());
    peer.until_a_call_waits();
    let given_up = channel.disconnect_timeout(Duration::from_millis(20));
    assert!(matches!(given_up, Err(Error::Send(SendError::TimedOut))), "{given_up:?}");
    if D::NAME == "tokio" {
        // After a dropped future, the peer or the drop of the channel does the rest.
        drop(peer);
    }
    let unsent = sender.join().unwrap().unwrap_err();
    assert!(matches!(unsent.error, Error::Send(SendError::ClosedByUs)), "{unsent:?}");
    witness.assert_open();
    drop(unsent.handle.expect("the handle is returned"));
    witness.assert_closed();
}

fn hnd_9_a_refused_handle_is_resent_without_double_wrapping<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let sent = identity(&socket);
    let sender = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!({ "a": 1 }), socket)
    });
    for reply in [NACK, NACK, ACK] {
        let (line, fd) = peer.line_with_fd();
        assert_eq!(line + "\n", handle_line("net.Socket", "{\"a\":1}"));
        assert_eq!(identity(&fd), sent);
        witness.assert_open();
        peer.write(format!("{reply}\n"));
    }
    sender.join().unwrap().unwrap();
    witness.assert_closed();
}

fn hnd_9_a_handle_refused_four_times_is_returned_to_the_sender<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let sent = identity(&socket);
    let sender = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!(1), socket)
    });
    let mut plain = Vec::new();
    for transmission in 1..=4 {
        let (line, fd) = peer.line_with_fd();
        assert_eq!(line + "\n", handle_line("net.Socket", "1"));
        assert_eq!(identity(&fd), sent);
        if transmission == 1 {
            plain.push(thread::spawn({
                let channel = channel.clone();
                move || channel.send(&json!("behind"))
            }));
            eventually("a message waits behind the handle", || channel.queued_bytes() > 0);
        }
        peer.write(format!("{NACK}\n"));
    }
    let unsent = sender.join().unwrap().unwrap_err();
    let refused = matches!(unsent.error, Error::Send(SendError::Refused { transmissions: 4 }));
    assert!(refused, "{unsent:?}");
    let handle = unsent.handle.expect("the handle is returned");
    assert_eq!(identity(&handle), sent);
    witness.assert_open();
    // Waiting messages are written.
    assert_eq!(peer.line(), "\"behind\"");
    plain.remove(0).join().unwrap().unwrap();
    peer.assert_quiet();
}

fn hnd_12_an_unexpected_reply_is_an_error_without_further_effect<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    for (line, name) in [(ACK, "NODE_HANDLE_ACK"), (NACK, "NODE_HANDLE_NACK")] {
        peer.write(format!("{line}\n\"next\"\n"));
        match channel.recv() {
            Err(Error::Protocol(ProtocolError::UnexpectedReply { reply })) => assert_eq!(reply, name),
            other => panic!("{other:?}"),
        }
        assert_eq!(receive(&channel), json!("next"));
    }
    channel.send(&json!(1)).unwrap();
    assert_eq!(peer.line(), "1");
}

fn hnd_12_a_duplicate_reply_does_not_acknowledge_the_next_handle<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let send = |n: u8| {
        let channel = channel.clone();
        thread::spawn(move || channel.send_handle(&json!(n), watched().0))
    };
    let first = send(1);
    peer.line_with_fd();
    peer.write(format!("{ACK}\n{ACK}\n"));
    first.join().unwrap().unwrap();
    let unexpected = channel.recv();
    let is_error = matches!(unexpected, Err(Error::Protocol(ProtocolError::UnexpectedReply { .. })));
    assert!(is_error, "{unexpected:?}");
    let second = send(2);
    peer.line_with_fd();
    peer.assert_quiet();
    assert!(!second.is_finished());
    peer.write(format!("{ACK}\n"));
    second.join().unwrap().unwrap();
}
