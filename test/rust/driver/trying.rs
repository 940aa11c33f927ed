//! Calls that never wait, and the descriptor that says when to call them.

use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use crossfork::{Error, SendError, blocking};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::json;

use crate::framing::receive;
use crate::support::deadline::{eventually, in_time, wait};
use crate::support::descriptors::watched;
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{ACK, connect, connect_two, handle_line};

in_both_modes!(in_time:
    try_recv_takes_available_messages_without_waiting,
    try_recv_reports_the_end,
    try_recv_acknowledges_handles_and_reports_errors_like_recv,
    try_recv_writes_fed_messages,
    the_descriptor_is_readable_when_a_message_has_arrived,
    an_event_loop_over_the_descriptor_receives_all_messages,
    life_9_try_send_sends_whole_messages_until_the_socket_is_full,
    hnd_7_try_send_does_not_wait_for_a_handle_in_flight,
    try_send_after_the_end_is_an_error,
    recv_and_try_recv_share_the_messages,
);

fn would_block<T>(result: Result<T, Error>) -> bool {
    match result {
        Err(e @ Error::Send(SendError::WouldBlock)) => {
            assert_eq!(e.code(), "EAGAIN");
            assert_eq!(std::io::Error::from(e).kind(), std::io::ErrorKind::WouldBlock);
            true
        }
        _ => false,
    }
}

fn can_be_read(fd: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).unwrap() > 0
}

fn try_recv_takes_available_messages_without_waiting<D: Driver>() {
    let (channel, peer) = connect::<D>();
    for _ in 0..2 {
        assert!(would_block(channel.try_recv()));
    }
    peer.write("1\n2\n");
    for n in 1..=2 {
        assert_eq!(channel.try_recv().unwrap().unwrap().decode::<u8>().unwrap(), n);
    }
    assert!(would_block(channel.try_recv()));
    peer.write("3\n");
    assert_eq!(receive(&channel), 3);
    assert!(would_block(channel.try_recv()));
}

fn try_recv_reports_the_end<D: Driver>() {
    let (channel, peer) = connect::<D>();
    peer.write("1\n");
    drop(peer);
    assert!(channel.try_recv().unwrap().is_some());
    for _ in 0..2 {
        assert!(channel.try_recv().unwrap().is_none());
    }
    let (channel, _peer) = connect::<D>();
    channel.close();
    assert!(channel.try_recv().unwrap().is_none());
}

fn try_recv_acknowledges_handles_and_reports_errors_like_recv<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (given, _witness) = watched();
    peer.write_with(handle_line("net.Socket", "7"), &[given.as_fd()]);
    let message = channel.try_recv().unwrap().unwrap();
    assert!(message.handle().is_some());
    assert_eq!(peer.line(), ACK);
    peer.write(format!("{ACK}\n"));
    assert!(matches!(channel.try_recv(), Err(Error::Protocol(_))));
    assert!(would_block(channel.try_recv()));
}

fn try_recv_writes_fed_messages<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    channel.feed(&json!(1)).unwrap();
    assert!(would_block(channel.try_recv()));
    assert_eq!(peer.line(), "1");
}

#[test]
fn a_timeout_of_nothing_takes_what_is_there_also_after_a_feed() {
    let (channel, peer) = connect::<blocking::Channel>();
    let look = || channel.recv_timeout(Duration::ZERO);
    assert!(matches!(look(), Err(Error::Send(SendError::TimedOut))));
    peer.write("1\n");
    channel.feed(&json!(2)).unwrap();
    assert_eq!(look().unwrap().unwrap().decode::<u8>().unwrap(), 1);
}

fn the_descriptor_is_readable_when_a_message_has_arrived<D: Driver>() {
    let (channel, peer) = connect::<D>();
    assert!(!can_be_read(&channel));
    peer.write("1\n");
    assert!(can_be_read(&channel));
    assert!(channel.try_recv().unwrap().is_some());
    assert!(!can_be_read(&channel));
    drop(peer);
    assert!(can_be_read(&channel), "its end");
}

fn an_event_loop_over_the_descriptor_receives_all_messages<D: Driver>() {
    const COUNT: usize = 2000;
    let (sender, receiver) = connect_two::<D>();
    let sending = thread::spawn(move || {
        for i in 0..COUNT {
            // Some are larger than one read or write.
            let size = if i % 500 == 499 { 1 << 20 } else { i % 100 };
            sender.send(&json!({ "i": i, "pad": "x".repeat(size) })).unwrap();
        }
    });
    let mut next = 0;
    loop {
        wait(&receiver, PollFlags::POLLIN, "something comes");
        loop {
            match receiver.try_recv() {
                Ok(Some(message)) => {
                    assert_eq!(message.decode::<serde_json::Value>().unwrap()["i"], next);
                    next += 1;
                }
                Ok(None) => {
                    assert_eq!(next, COUNT);
                    return sending.join().unwrap();
                }
                Err(e) => {
                    assert!(would_block::<()>(Err(e)));
                    break;
                }
            }
        }
    }
}

fn life_9_try_send_sends_whole_messages_until_the_socket_is_full<D: Driver>() {
    for size in [1, 1 << 10, 1 << 17] {
        let (channel, mut peer) = connect::<D>();
        let message = |i: usize| json!({ "i": i, "pad": "x".repeat(size) });
        let mut sent = 0;
        loop {
            match channel.try_send(&message(sent)) {
                Ok(()) => sent += 1,
                Err(e) => {
                    assert!(would_block::<()>(Err(e)), "{size}");
                    break;
                }
            }
        }
        assert!(sent > 0);
        assert!(would_block(channel.try_send(&message(sent))));
        assert!(channel.is_connected());
        // Other calls write the rest of the last one.
        let flushing = thread::spawn({
            let channel = channel.clone();
            move || channel.flush().unwrap()
        });
        for i in 0..sent {
            assert_eq!(peer.value(), message(i), "each message arrives complete and in order");
        }
        flushing.join().unwrap();
        assert_eq!(channel.queued_bytes(), 0);
        channel.try_send(&json!("more")).unwrap();
        assert_eq!(peer.value(), json!("more"));
    }
}

fn hnd_7_try_send_does_not_wait_for_a_handle_in_flight<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (given, _witness) = watched();
    let sending = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&1, given).unwrap()
    });
    assert!(peer.line().contains("NODE_HANDLE"));
    assert!(would_block(channel.try_send(&json!("never sent"))));
    peer.write(format!("{ACK}\n"));
    sending.join().unwrap();
    channel.try_send(&json!("sent")).unwrap();
    assert_eq!(peer.value(), json!("sent"));
}

fn try_send_after_the_end_is_an_error<D: Driver>() {
    let (channel, peer) = connect::<D>();
    drop(peer);
    assert!(channel.recv().unwrap().is_none());
    assert!(matches!(channel.try_send(&json!(1)), Err(Error::Send(SendError::Closed))));
}

fn recv_and_try_recv_share_the_messages<D: Driver>() {
    const COUNT: u32 = 500;
    let (channel, peer) = connect::<D>();
    let waiting = thread::spawn({
        let channel = channel.clone();
        move || std::iter::from_fn(|| channel.recv().unwrap()).count() as u32
    });
    let writing = thread::spawn(move || {
        for _ in 0..COUNT {
            peer.write("1\n");
            thread::yield_now();
        }
    });
    let mut tried = 0;
    eventually("the end", || match channel.try_recv() {
        Ok(Some(_)) => {
            tried += 1;
            false
        }
        Ok(None) => true,
        Err(e) => !would_block::<()>(Err(e)),
    });
    writing.join().unwrap();
    assert_eq!(waiting.join().unwrap() + tried, COUNT);
}
