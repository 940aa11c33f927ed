//! Connections, handed over or accepted, and their limit.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;

use nix::sys::socket::{setsockopt, sockopt};
use serde_json::json;

use crate::for_both_workers;
use crate::primary::{KEY, accepted, connect, granted, shared};
use crate::support::deadline::{eventually, in_time};
use crate::support::descriptors::{tcp_pair, udp4, watched};
use crate::support::peer::{ACK, NACK};
use crate::support::workers::{Listen, Work};

for_both_workers!(in_time:
    clu_13_a_connection_is_acknowledged_then_accepted_and_served,
    clu_13_a_connection_over_a_unix_socket_is_served,
    a_connections_descriptor_gives_access_to_socket_options,
    clu_13_a_descriptor_that_is_not_a_connection_is_refused,
    clu_13_a_connection_without_a_descriptor_is_refused,
    clu_13_the_connection_limit_counts_connections_until_they_close,
    accepts_from_a_shared_socket_respect_the_connection_limit,
    many_threads_accept_from_a_shared_socket_while_others_send_and_receive,
    connections_arrive_while_other_threads_only_send_or_receive,
);

fn clu_13_a_connection_is_acknowledged_then_accepted_and_served<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = granted(&worker, &mut primary);
    let (theirs, mut client) = tcp_pair();
    theirs.set_nonblocking(true).unwrap();
    let seq = primary.hand_over(&theirs);
    drop(theirs);
    let mut connection = listener.accept().unwrap().expect("a connection");
    primary.expect_accepted(seq, true);
    // A read without data blocks.
    let echo = thread::spawn(move || {
        let mut buffer = [0; 4];
        connection.read_exact(&mut buffer).unwrap();
        connection.write_all(&buffer).unwrap();
    });
    client.write_all(b"ping").unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"ping");
    echo.join().unwrap();
}

fn clu_13_a_connection_over_a_unix_socket_is_served<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = granted(&worker, &mut primary);
    let (theirs, mut client) = UnixStream::pair().unwrap();
    let seq = primary.hand_over(&theirs);
    drop(theirs);
    let mut connection = listener.accept().unwrap().expect("a connection");
    primary.expect_accepted(seq, true);
    connection.write_all(b"hello").unwrap();
    drop(connection);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
}

fn a_connections_descriptor_gives_access_to_socket_options<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = granted(&worker, &mut primary);
    let (connection, [theirs, _client]) = accepted(&listener, &mut primary);
    assert!(!theirs.nodelay().unwrap());
    setsockopt(&connection, sockopt::TcpNoDelay, &true).unwrap();
    assert!(theirs.nodelay().unwrap());
}

fn clu_13_a_descriptor_that_is_not_a_connection_is_refused<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = granted(&worker, &mut primary);
    let waiting = thread::spawn(move || listener.accept().unwrap().is_some());
    let (pipe, _other_end) = std::io::pipe().unwrap();
    let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = udp4();
    for (wire_type, fd) in [
        ("net.Native", udp.as_fd()),
        ("dgram.Native", udp.as_fd()),
        ("net.Native", pipe.as_fd()),
        ("net.Native", listening.as_fd()),
        ("net.Unheard", tcp_pair().0.as_fd()),
    ] {
        let seq = primary.say_with(wire_type, json!({ "act": "newconn", "key": KEY }), &[fd]);
        primary.expect_accepted(seq, false);
    }
    let (theirs, _client) = tcp_pair();
    let seq = primary.hand_over(&theirs);
    primary.expect_accepted(seq, true);
    assert!(waiting.join().unwrap());
}

fn clu_13_a_connection_without_a_descriptor_is_refused<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let _listener = granted(&worker, &mut primary);
    let receiver = thread::spawn({
        let worker = worker.clone();
        move || while let Ok(Some(_)) | Err(_) = worker.recv() {}
    });
    let seq = primary.say_with("net.Native", json!({ "act": "newconn", "key": KEY }), &[]);
    // Node waits for the worker's reply, whatever the acknowledgement says (HND-9).
    assert_eq!(primary.peer.line(), NACK);
    let reply = primary.hear();
    assert_eq!((&reply["ack"], &reply["accepted"]), (&json!(seq), &json!(false)));
    let seq = primary.say(json!({ "act": "newconn", "key": KEY }));
    let reply = primary.hear();
    assert_eq!((&reply["ack"], &reply["accepted"]), (&json!(seq), &json!(false)));
    drop(primary);
    receiver.join().unwrap();
}

fn clu_13_the_connection_limit_counts_connections_until_they_close<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = granted(&worker, &mut primary);
    listener.set_max_connections(Some(1));
    let receiver = thread::spawn({
        let worker = worker.clone();
        move || while worker.recv().unwrap().is_some() {}
    });
    let (first, _first_client) = tcp_pair();
    let seq = primary.hand_over(&first);
    primary.expect_accepted(seq, true);
    // A connection counts while it waits and while it is open.
    let (second, _second_client) = tcp_pair();
    let seq = primary.hand_over(&second);
    primary.expect_accepted(seq, false);
    let connection = listener.accept().unwrap().expect("a connection");
    let seq = primary.hand_over(&second);
    primary.expect_accepted(seq, false);
    drop(connection);
    let seq = primary.hand_over(&second);
    primary.expect_accepted(seq, true);
    drop(primary);
    receiver.join().unwrap();
}

fn accepts_from_a_shared_socket_respect_the_connection_limit<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = shared(&worker, &mut primary);
    listener.set_max_connections(Some(1));
    let address = listener.local_addr().unwrap();
    let _clients = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
    let first = listener.accept().unwrap().expect("a connection");
    let second = thread::spawn({
        let listener = listener.clone();
        move || listener.accept().unwrap().expect("a connection")
    });
    // One worker answers, and the other still waits for room.
    worker.send(&json!("a word")).unwrap();
    assert_eq!(primary.peer.line(), "\"a word\"");
    assert!(!second.is_finished());
    drop(first);
    second.join().unwrap();
}

fn many_threads_accept_from_a_shared_socket_while_others_send_and_receive<W: Work>() {
    const CLIENTS: usize = 40;
    let (worker, mut primary) = connect::<W>();
    let listener = shared(&worker, &mut primary);
    let address = listener.local_addr().unwrap();
    let served = Arc::new(Mutex::new(HashSet::new()));
    let acceptors: Vec<_> = (0..4)
        .map(|_| {
            let (listener, served) = (listener.clone(), served.clone());
            thread::spawn(move || {
                while let Some(mut connection) = listener.accept().unwrap() {
                    let mut name = [0; 1];
                    connection.read_exact(&mut name).unwrap();
                    served.lock().unwrap().insert(name[0]);
                }
            })
        })
        .collect();
    let echo = thread::spawn({
        let worker = worker.clone();
        move || {
            while let Some(message) = worker.recv().unwrap() {
                worker.send(&message.decode::<u32>().unwrap()).unwrap();
            }
        }
    });
    for i in 0..CLIENTS {
        TcpStream::connect(address).unwrap().write_all(&[i as u8]).unwrap();
        primary.peer.write(format!("{i}\n"));
        assert_eq!(primary.peer.line(), i.to_string());
    }
    eventually("all clients are served", || served.lock().unwrap().len() == CLIENTS);
    primary.say(json!({ "act": "disconnect" }));
    primary.expect_act("close");
    primary.peer.assert_end();
    acceptors.into_iter().for_each(|acceptor| acceptor.join().unwrap());
    echo.join().unwrap();
}

fn connections_arrive_while_other_threads_only_send_or_receive<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let listener = granted(&worker, &mut primary);
    let (given, witness) = watched();
    let sender = thread::spawn({
        let worker = worker.clone();
        move || worker.send_handle(&json!("a handle"), given).unwrap()
    });
    primary.peer.line_with_fd();
    // The sender waits for its acknowledgement and does the work meanwhile. The worker's own reply waits
    // for the handle in flight (HND-7).
    let (theirs, _client) = tcp_pair();
    let seq = primary.hand_over(&theirs);
    assert_eq!(primary.peer.line(), ACK);
    primary.peer.write(format!("{ACK}\n"));
    let reply = primary.hear();
    assert_eq!((&reply["ack"], &reply["accepted"]), (&json!(seq), &json!(true)));
    sender.join().unwrap();
    drop(primary.peer.fds.pop_front());
    witness.assert_closed();
    assert!(listener.accept().unwrap().is_some());
}
