//! A primary that does what Node's never does.

use std::thread;

use crossfork::{Error, Limits};
use serde_json::json;

use crate::for_both_workers;
use crate::primary::{KEY, connect, connect_with, granted};
use crate::support::deadline::in_time;
use crate::support::descriptors::tcp_pair;
use crate::support::workers::{Listen, Work};

for_both_workers!(in_time:
    an_invalid_cluster_message_is_reported_and_the_next_one_handled,
    unreceived_messages_do_not_block_the_cluster,
    a_primary_that_does_not_read_gets_backpressure,
    unexpected_replies_are_ignored,
);

fn an_invalid_cluster_message_is_reported_and_the_next_one_handled<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    primary.say(json!({ "act": "newconn", "key": 5 }));
    let error = worker.recv().expect_err("no message");
    assert!(matches!(error, Error::Protocol(_)), "{error}");
    primary.say(json!({ "act": "sing" }));
    primary.peer.write("\"a word\"\n");
    assert_eq!(worker.recv().unwrap().unwrap().decode::<String>().unwrap(), "a word");
}

fn unreceived_messages_do_not_block_the_cluster<W: Work>() {
    let limits = Limits::new().max_waiting_messages(10);
    let (worker, mut primary) = connect_with::<W>(limits);
    let listener = granted(&worker, &mut primary);
    let accepting = thread::spawn(move || listener.accept().unwrap().is_some());
    for i in 0..1000 {
        primary.peer.write(format!("{i}\n"));
    }
    let (theirs, _client) = tcp_pair();
    let seq = primary.hand_over(&theirs);
    primary.expect_accepted(seq, true);
    assert!(accepting.join().unwrap());
    // A later recv() gets only later messages.
    primary.peer.write("\"now\"\n");
    loop {
        if let Ok(text) = worker.recv().unwrap().unwrap().decode::<String>() {
            return assert_eq!(text, "now");
        }
    }
}

fn a_primary_that_does_not_read_gets_backpressure<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let receiver = thread::spawn({
        let worker = worker.clone();
        move || while worker.recv().unwrap().is_some() {}
    });
    // Each message is answered, and unread answers accumulate, so the flood stops.
    let (line, _) = primary.text(json!({ "act": "newconn", "key": KEY }));
    let flood = format!("{line}\n").repeat(1000);
    primary.peer.socket.set_write_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
    let mut written = 0;
    loop {
        match std::io::Write::write(&mut &primary.peer.socket, flood.as_bytes()) {
            Ok(n) => written += n,
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(e) => panic!("{e}"),
        }
        assert!(written < 64 << 20, "the worker reads without a bound");
    }
    drop(primary);
    receiver.join().unwrap();
}

fn unexpected_replies_are_ignored<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    for ack in 0..5 {
        primary.say(json!({ "errno": 0, "key": KEY, "ack": ack }));
    }
    let listener = granted(&worker, &mut primary);
    primary.say(json!({ "act": "disconnect" }));
    assert!(listener.accept().unwrap().is_none());
    primary.expect_act("close");
    primary.peer.assert_end();
}
