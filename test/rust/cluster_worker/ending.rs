//! How a worker ends: on request, by its own decision, or because the primary is gone.

use std::thread;
use std::time::Duration;

use crossfork::{Error, SendError};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::for_both_workers;
use crate::primary::{KEY, Primary, accepted, connect, granted, shared};
use crate::support::deadline::in_time;
use crate::support::descriptors::tcp_pair;
use crate::support::signals;
use crate::support::workers::{Listen, Work};

for_both_workers!(in_time:
    clu_18_a_stopping_worker_serves_accepted_connections_and_ends_with_the_last,
    clu_18_a_stop_ends_every_waiting_call,
    clu_18_messages_sent_before_the_stop_are_received_and_can_be_answered,
    clu_9_closing_a_listener_in_another_thread_ends_a_waiting_accept,
    clu_19_a_workers_own_disconnect_returns_when_the_primary_knows,
    clu_19_a_workers_own_disconnect_fails_if_the_primary_is_gone,
    clu_19_a_worker_without_exit_on_orphaned_survives_its_primary,
    a_dropped_worker_serves_its_connections_to_the_end,
    clu_22_a_worker_waits_until_its_primary_has_seen_the_end,
    clu_22_a_dropped_worker_waits_until_its_primary_has_seen_the_end,
    clu_22_a_signal_does_not_end_the_wait_for_the_primary,
    clu_22_a_worker_waits_only_briefly_for_a_primary_that_never_sees_the_end,
);

fn clu_18_a_stopping_worker_serves_accepted_connections_and_ends_with_the_last<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = granted(&worker, &mut primary);
    let (theirs, _client) = tcp_pair();
    let seqs = [primary.hand_over(&theirs), primary.hand_over(&theirs)];
    primary.say(json!({ "act": "disconnect" }));
    worker.stopping();
    assert!(worker.is_stopping() && worker.exited_after_disconnect());
    let first = listener.accept().unwrap().expect("an accepted connection");
    let second = listener.accept().unwrap().expect("an accepted connection");
    assert!(listener.accept().unwrap().is_none());
    seqs.into_iter().for_each(|seq| primary.expect_accepted(seq, true));
    primary.expect_act("close");
    drop(first);
    worker.send(&json!("it is still open")).unwrap();
    primary.peer.line();
    drop(second);
    primary.peer.assert_end();
    worker.closed();
    assert!(worker.recv().unwrap().is_none());
    assert!(matches!(worker.send(&1), Err(Error::Send(SendError::ClosedByUs))));
}

fn clu_18_messages_sent_before_the_stop_are_received_and_can_be_answered<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    primary.peer.write("1\n");
    worker.recv().unwrap().expect("a message");
    let (stop, _) = primary.text(json!({ "act": "disconnect" }));
    primary.peer.write(format!("2\n3\n{stop}\n"));
    worker.stopping();
    for expected in [2, 3] {
        let message = worker.recv().unwrap().expect("the earlier message");
        assert_eq!(message.decode::<u32>().unwrap(), expected);
        worker.send(&expected).unwrap();
    }
    assert!(worker.recv().unwrap().is_none());
    assert_eq!(primary.peer.rest(), ["2", "3"]);
}

fn clu_9_closing_a_listener_in_another_thread_ends_a_waiting_accept<W: Work>() {
    for is_shared in [false, true] {
        let (worker, mut primary) = connect::<W>();
        let listener = match is_shared {
            false => granted(&worker, &mut primary),
            true => shared(&worker, &mut primary),
        };
        let waiting = thread::spawn({
            let listener = listener.clone();
            move || listener.accept().unwrap().is_none()
        });
        listener.close();
        primary.expect_act("close");
        assert!(waiting.join().unwrap());
        worker.send(&json!("it goes on")).unwrap();
        primary.peer.line();
    }
}

fn clu_18_a_stop_ends_every_waiting_call<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = granted(&worker, &mut primary);
    let threads = [
        thread::spawn({
            let listener = listener.clone();
            move || assert!(listener.accept().unwrap().is_none())
        }),
        thread::spawn({
            let worker = worker.clone();
            move || assert!(worker.recv().unwrap().is_none())
        }),
        thread::spawn({
            let worker = worker.clone();
            move || worker.stopping()
        }),
        thread::spawn({
            let worker = worker.clone();
            move || worker.closed()
        }),
    ];
    primary.say(json!({ "act": "disconnect" }));
    primary.expect_act("close");
    primary.peer.assert_end();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn clu_19_a_workers_own_disconnect_returns_when_the_primary_knows<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = granted(&worker, &mut primary);
    let (connection, [theirs, _client]) = accepted(&listener, &mut primary);
    let leaving = thread::spawn({
        let worker = worker.clone();
        move || worker.disconnect()
    });
    primary.expect(json!({ "act": "close", "key": KEY, "seq": 4 }));
    primary.expect(json!({ "act": "exitedAfterDisconnect", "seq": 5 }));
    // It was in flight when the primary learned of the end, so it goes to another worker.
    let seq = primary.hand_over(&theirs);
    primary.expect_accepted(seq, false);
    assert!(!leaving.is_finished());
    primary.say(json!({ "ack": 5 }));
    leaving.join().unwrap().unwrap();
    assert!(listener.accept().unwrap().is_none());
    assert!(worker.disconnect().is_ok(), "the primary knows");
    primary.peer.assert_quiet();
    drop(connection);
    primary.peer.assert_end();
}

fn clu_19_a_workers_own_disconnect_fails_if_the_primary_is_gone<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let leaving = thread::spawn({
        let worker = worker.clone();
        move || worker.disconnect()
    });
    primary.expect_act("exitedAfterDisconnect");
    drop(primary);
    assert!(matches!(leaving.join().unwrap(), Err(Error::Send(SendError::Closed))));
}

fn clu_19_a_worker_without_exit_on_orphaned_survives_its_primary<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = granted(&worker, &mut primary);
    let (connection, _peers) = accepted(&listener, &mut primary);
    drop(primary);
    assert!(listener.accept().unwrap().is_none());
    worker.closed();
    assert!(worker.is_stopping());
    assert!(!worker.exited_after_disconnect());
    drop(connection);
}

fn a_dropped_worker_serves_its_connections_to_the_end<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = granted(&worker, &mut primary);
    let (connection, _peers) = accepted(&listener, &mut primary);
    drop((worker, listener));
    primary.expect_act("close");
    primary.peer.assert_quiet();
    drop(connection);
    primary.peer.assert_end();
}

/// Acts as a busy primary: it has not seen the end yet, and still writes.
fn is_waited_for(mut primary: Primary, ending: thread::JoinHandle<()>) {
    primary.peer.assert_end();
    for _ in 0..100 {
        primary.peer.write("\"it does not know yet\"\n");
    }
    drop(primary);
    ending.join().unwrap();
}

fn clu_22_a_worker_waits_until_its_primary_has_seen_the_end<W: Work>() {
    let endings: [fn(&W); 2] = [|worker| worker.closed(), |worker| drop(worker.recv().unwrap())];
    for ending in endings {
        let (worker, mut primary) = connect::<W>();
        primary.say(json!({ "act": "disconnect" }));
        is_waited_for(primary, thread::spawn(move || ending(&worker)));
    }
}

fn clu_22_a_dropped_worker_waits_until_its_primary_has_seen_the_end<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    primary.say(json!({ "act": "disconnect" }));
    worker.stopping();
    is_waited_for(primary, thread::spawn(move || drop(worker)));
}

fn clu_22_a_signal_does_not_end_the_wait_for_the_primary<W: Work>() {
    signals::handle(Signal::SIGUSR1);
    let (worker, mut primary) = connect::<W>();
    primary.say(json!({ "act": "disconnect" }));
    worker.stopping();
    let ending = thread::spawn(move || drop(worker));
    primary.peer.assert_end();
    for _ in 0..5 {
        signals::interrupt(&ending, Signal::SIGUSR1);
        thread::sleep(Duration::from_millis(1));
    }
    assert!(!ending.is_finished(), "the primary has not closed yet");
    drop(primary);
    ending.join().unwrap();
}

fn clu_22_a_worker_waits_only_briefly_for_a_primary_that_never_sees_the_end<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    primary.say(json!({ "act": "disconnect" }));
    worker.closed();
    primary.peer.assert_end();
}
