//! Sending: from many threads, to a peer that reads late or never, without a receiver.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use crossfork::{Error, Limits, SendError};
use serde_json::{Value, json};

use crate::framing::receive;
use crate::support::deadline::{PATIENCE, eventually, in_time};
use crate::support::descriptors::watched;
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{ACK, connect, connect_two, connect_with, handle_line};

in_both_modes!(in_time:
    life_9_a_send_of_small_messages_times_out_without_tearing_a_message,
    life_9_a_send_of_large_messages_times_out_without_tearing_a_message,
    life_9_a_timed_out_send_that_was_not_begun_is_withdrawn,
    two_channels_that_send_20_mb_to_each_other_do_not_deadlock,
    messages_of_many_threads_stay_whole_and_in_order_per_thread,
    each_message_goes_to_one_of_many_receivers,
    a_sender_makes_progress_without_a_receiver,
    fed_messages_are_written_in_order_by_a_flush,
    feeding_waits_when_too_much_is_queued,
    a_waiting_receiver_does_not_block_senders,
    hnd_6_a_handle_is_acknowledged_while_a_sender_waits,
    a_waiting_receiver_reads_the_acknowledgement_for_a_sender,
    a_receiver_that_frees_the_queue_lets_a_waiting_sender_continue,
    recv_timeout_expires_and_later_calls_receive,
    recv_timeout_of_zero_takes_available_messages,
);

fn timed_out<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Send(SendError::TimedOut)))
}

fn life_9_a_send_of_small_messages_times_out_without_tearing_a_message<D: Driver>() {
    sends_to_a_peer_that_does_not_read_for_long::<D>(1 << 10);
}

fn life_9_a_send_of_large_messages_times_out_without_tearing_a_message<D: Driver>() {
    // More than the kernel takes in one write.
    sends_to_a_peer_that_does_not_read_for_long::<D>(1 << 20);
}

fn sends_to_a_peer_that_does_not_read_for_long<D: Driver>(size: usize) {
    let (channel, mut peer) = connect::<D>();
    let pad = "x".repeat(size);
    let message = |i: u64| json!({ "i": i, "pad": pad });
    let mut accepted = Vec::new();
    let mut given_up = Vec::new();
    for i in 0.. {
        match channel.send_timeout(&message(i), Duration::from_millis(10)) {
            Ok(()) => accepted.push(i),
            Err(Error::Send(SendError::TimedOut)) => given_up.push(i),
            Err(e) => panic!("{e}"),
        }
        assert!(channel.queued_bytes() <= size + 64, "only a partly written message may stay queued");
        if given_up.len() == 3 {
            break;
        }
    }
    // Only the first can be partly written.
    let last = given_up[0];
    let reader = thread::spawn(move || {
        let mut came = Vec::new();
        loop {
            let value = peer.value();
            let whole = value["pad"].as_str().unwrap().len() == size;
            assert!(whole);
            match value["i"].as_u64() {
                Some(i) => came.push(i),
                None => return came,
            }
        }
    });
    channel.send(&json!({ "i": "end", "pad": pad })).unwrap();
    let mut came = reader.join().unwrap();
    if came.contains(&last) {
        accepted.push(last);
    }
    accepted.sort_unstable();
    came.dedup();
    assert_eq!(came, accepted, "each once, in order, and no message that timed out");
    assert_eq!(channel.queued_bytes(), 0);
}

fn life_9_a_timed_out_send_that_was_not_begun_is_withdrawn<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let large = json!("x".repeat(1 << 20));
    let blocked = thread::spawn({
        let (channel, large) = (channel.clone(), large.clone());
        move || channel.feed(&large)
    });
    eventually("the message is partly written", || (1..1 << 20).contains(&channel.queued_bytes()));
    peer.until_a_call_waits();
    let before = channel.queued_bytes();
    assert!(timed_out(channel.send_timeout(&json!("taken back"), Duration::from_millis(10))));
    assert_eq!(channel.queued_bytes(), before);
    let (socket, witness) = watched();
    let unsent = channel.send_handle_timeout(&json!("taken back"), socket.into(), Duration::from_millis(10));
    let unsent = unsent.unwrap_err();
    assert!(timed_out(Err::<(), _>(unsent.error)));
    assert_eq!(channel.queued_bytes(), before);
    if D::NAME == "blocking" {
        witness.assert_open();
        drop(unsent.handle.expect("the handle is returned"));
    }
    // A dropped future drops the handle.
    witness.assert_closed();
    let reader = thread::spawn(move || (peer.line(), peer.line(), peer));
    blocked.join().unwrap().unwrap();
    channel.send(&json!("after")).unwrap();
    let (first, second, mut peer) = reader.join().unwrap();
    assert!(serde_json::from_str::<Value>(&first).unwrap() == large);
    assert_eq!(second, "\"after\"");
    peer.assert_quiet();
    assert!(peer.fds.is_empty());
}

fn two_channels_that_send_20_mb_to_each_other_do_not_deadlock<D: Driver>() {
    let (a, b) = connect_two::<D>();
    let large = "x".repeat(1 << 20);
    let both = [a, b].map(|channel| {
        let large = large.clone();
        thread::spawn(move || {
            for i in 0..20 {
                channel.send(&json!([i, large])).unwrap();
            }
            for i in 0..20 {
                let [number, pad]: [Value; 2] = channel.recv().unwrap().unwrap().decode().unwrap();
                assert_eq!(number, json!(i));
                assert!(pad == json!(large));
            }
            channel
        })
    });
    for end in both {
        end.join().unwrap();
    }
}

fn messages_of_many_threads_stay_whole_and_in_order_per_thread<D: Driver>() {
    const THREADS: usize = 8;
    const EACH: u64 = 300;
    let (channel, mut peer) = connect::<D>();
    let senders: Vec<_> = (0..THREADS)
        .map(|thread| {
            let channel = channel.clone();
            thread::spawn(move || {
                for i in 0..EACH {
                    // Some are larger than the kernel takes in one write, so that senders wait for each
                    // other.
                    let pad = "x".repeat(if i % 50 == 0 { 300_000 } else { 40 });
                    channel.send(&json!({ "thread": thread, "i": i, "pad": pad })).unwrap();
                }
            })
        })
        .collect();
    // Meanwhile one thread receives.
    let receiver = thread::spawn({
        let channel = channel.clone();
        move || while channel.recv().unwrap().is_some() {}
    });
    let mut next = HashMap::new();
    for n in 0..THREADS as u64 * EACH {
        let value = peer.value();
        let expected = next.entry(value["thread"].as_u64().unwrap()).or_insert(0);
        assert_eq!(value["i"].as_u64(), Some(*expected));
        *expected += 1;
        if n % 10 == 0 {
            peer.write("\"something to receive\"\n");
        }
    }
    for sender in senders {
        sender.join().unwrap();
    }
    peer.assert_quiet();
    drop(peer);
    receiver.join().unwrap();
}

fn each_message_goes_to_one_of_many_receivers<D: Driver>() {
    const MANY: u64 = 3000;
    let (channel, peer) = connect::<D>();
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let channel = channel.clone();
            thread::spawn(move || {
                let mut came = Vec::new();
                while let Some(message) = channel.recv().unwrap() {
                    came.push(message.decode::<u64>().unwrap());
                }
                came
            })
        })
        .collect();
    for i in 0..MANY {
        peer.write(format!("{i}\n"));
    }
    drop(peer);
    let mut all = Vec::new();
    for receiver in receivers {
        let came = receiver.join().unwrap();
        assert!(came.is_sorted(), "each receiver gets its messages in order");
        all.extend(came);
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(0..MANY), "each once");
}

fn a_sender_makes_progress_without_a_receiver<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let sender = thread::spawn({
        let channel = channel.clone();
        move || {
            for _ in 0..8 {
                channel.send(&json!("x".repeat(1 << 20))).unwrap();
            }
        }
    });
    // The peer reads only after it has written more than the kernel buffers.
    let many = 20_000;
    let pad = "y".repeat(200);
    peer.write((0..many).map(|i| format!("[{i},\"{pad}\"]\n")).collect::<String>());
    for _ in 0..8 {
        assert_eq!(peer.line().len(), (1 << 20) + 2);
    }
    sender.join().unwrap();
    drop(peer);
    // Messages that arrived in the meantime are queued in order; some may be unread yet.
    for i in 0..many {
        assert_eq!(receive(&channel)[0], json!(i));
    }
    assert!(channel.recv().unwrap().is_none());
}

fn fed_messages_are_written_in_order_by_a_flush<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    for i in 0..100 {
        channel.feed(&json!(i)).unwrap();
    }
    let lines: String = (0..100).map(|i| format!("{i}\n")).collect();
    assert_eq!(channel.queued_bytes(), peer.length_of(&lines));
    peer.assert_quiet();
    channel.flush().unwrap();
    assert_eq!(channel.queued_bytes(), 0);
    channel.feed(&json!(100)).unwrap();
    // A send does not overtake fed messages.
    channel.send(&json!(101)).unwrap();
    for i in 0..102 {
        assert_eq!(peer.value(), json!(i));
    }
}

fn feeding_waits_when_too_much_is_queued<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let feeder = thread::spawn({
        let channel = channel.clone();
        move || {
            for i in 0..10_000 {
                channel.feed(&json!([i, "x".repeat(100)])).unwrap();
                let queued = channel.queued_bytes();
                assert!(queued < 65 * 1024, "{queued} bytes are queued");
            }
            channel.flush().unwrap();
        }
    });
    for i in 0..10_000 {
        assert_eq!(peer.value()[0], json!(i));
    }
    feeder.join().unwrap();
}

fn a_waiting_receiver_does_not_block_senders<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let receiver = thread::spawn({
        let channel = channel.clone();
        move || receive(&channel)
    });
    // It was answered, so a thread reads.
    peer.write("{\"cmd\":\"NODE_SOCKET_GET_COUNT\",\"key\":\"k\"}\n");
    peer.line();
    let large = json!("x".repeat(3 << 20));
    let sender = thread::spawn({
        let (channel, large) = (channel.clone(), large.clone());
        move || channel.send(&large)
    });
    assert!(peer.value() == large);
    sender.join().unwrap().unwrap();
    peer.write("\"at last\"\n");
    assert_eq!(receiver.join().unwrap(), json!("at last"));
}

fn hnd_6_a_handle_is_acknowledged_while_a_sender_waits<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (ours, _witness) = watched();
    let sender = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!("ours"), ours)
    });
    peer.line_with_fd();
    // No thread receives; the thread that waits for its own reply answers this handle.
    let (theirs, witness) = watched();
    peer.write_with(handle_line("net.Socket", "\"theirs\""), &[theirs.as_fd()]);
    drop(theirs);
    assert_eq!(peer.line(), ACK);
    witness.assert_open();
    peer.write(format!("{ACK}\n"));
    sender.join().unwrap().unwrap();
    let mut message = channel.recv().unwrap().unwrap();
    assert!(message.take_handle().is_some());
    witness.assert_closed();
}

fn a_waiting_receiver_reads_the_acknowledgement_for_a_sender<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let receiver = thread::spawn({
        let channel = channel.clone();
        move || receive(&channel)
    });
    // It was answered, so the receiver waits.
    peer.write("{\"cmd\":\"NODE_SOCKET_GET_COUNT\",\"key\":\"k\"}\n");
    peer.line();
    let (socket, witness) = watched();
    let acked = thread::spawn(move || {
        let received = peer.line_with_fd();
        peer.write(format!("{ACK}\n"));
        (peer, received)
    });
    channel.send_handle(&json!(1), socket).unwrap();
    let (peer, (_line, fd)) = acked.join().unwrap();
    drop(fd);
    witness.assert_closed();
    peer.write("\"at last\"\n");
    assert_eq!(receiver.join().unwrap(), json!("at last"));
}

fn a_receiver_that_frees_the_queue_lets_a_waiting_sender_continue<D: Driver>() {
    let (channel, mut peer) = connect_with::<D>(Limits::new().max_waiting_messages(1));
    let (socket, _witness) = watched();
    let sender = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!("mine"), socket)
    });
    peer.line_with_fd();
    // The sender reads this one, which fills the queue.
    peer.write("1\n");
    let answered = handle_line("net.Socket", "2");
    let (theirs, _their_witness) = watched();
    peer.write_with(&answered, &[theirs.as_fd()]);
    peer.write(format!("{ACK}\n"));
    // Each call makes room, and no other call is made: the sender must notice it.
    assert_eq!(channel.recv_timeout(PATIENCE).unwrap().unwrap().decode::<u8>().unwrap(), 1);
    assert_eq!(peer.line(), ACK);
    assert_eq!(channel.recv_timeout(PATIENCE).unwrap().unwrap().decode::<u8>().unwrap(), 2);
    eventually("the sender has its reply", || sender.is_finished());
    sender.join().unwrap().unwrap();
}

fn recv_timeout_expires_and_later_calls_receive<D: Driver>() {
    let (channel, peer) = connect::<D>();
    assert!(timed_out(channel.recv_timeout(Duration::from_millis(5))));
    peer.write("1\n");
    assert!(channel.recv_timeout(PATIENCE).unwrap().is_some());
    assert!(timed_out(channel.recv_timeout(Duration::from_millis(5))));
    drop(peer);
    assert!(channel.recv_timeout(PATIENCE).unwrap().is_none());
    assert!(channel.recv_timeout(Duration::MAX).unwrap().is_none());
}

fn recv_timeout_of_zero_takes_available_messages<D: Driver>() {
    let (channel, peer) = connect::<D>();
    for i in 0..3 {
        peer.write(format!("{i}\n"));
        let mut came = None;
        eventually("the message is received", || {
            came = match channel.recv_timeout(Duration::ZERO) {
                Ok(message) => message,
                Err(Error::Send(SendError::TimedOut)) => None,
                Err(e) => panic!("{e}"),
            };
            came.is_some()
        });
        assert_eq!(came.unwrap().decode::<u8>().unwrap(), i);
    }
}
