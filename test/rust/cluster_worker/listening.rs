//! Servers: the queries, and the answers to them.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::thread;

use crossfork::cluster::{BindOptions, ListenOptions};
use crossfork::{Error, ProtocolError, SendError, v8};
use serde_json::json;

use crate::for_both_workers;
use crate::primary::{KEY, connect, granted, listen};
use crate::support::deadline::in_time;
use crate::support::descriptors::{tcp_bound, tcp_unbound};
use crate::support::workers::{Datagrams, Listen, Work};

for_both_workers!(in_time:
    clu_5_clu_6_clu_8_a_worker_queries_the_primary_and_reports_its_address,
    clu_6_each_kind_of_address_is_queried_as_node_does,
    clu_11_listen_returns_the_primarys_error,
    clu_11_an_unusable_reply_is_a_protocol_error,
    clu_12_an_unbound_or_wrongly_bound_socket_means_address_in_use,
    clu_12_the_worker_listens_on_a_shared_socket,
    clu_11_a_udp_socket_is_shared,
    clu_16_a_waiting_listen_fails_when_the_worker_is_asked_to_stop,
    a_waiting_listen_fails_when_the_channel_ends,
    an_invalid_address_is_not_sent_to_the_primary,
);

fn clu_5_clu_6_clu_8_a_worker_queries_the_primary_and_reports_its_address<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    assert_eq!(worker.id(), 7);
    let options = ListenOptions::new().backlog(9).data(v8::Value::from("mine"));
    let listener = listen(&worker, "127.0.0.1:0", options, || {
        let query = primary.hear();
        assert_eq!(
            query,
            json!({
                "act": "queryServer", "index": 0, "data": "mine", "address": "127.0.0.1", "port": 0,
                "addressType": 4, "flags": 0, "backlog": 9, "seq": 1,
            })
        );
        let sockname = json!({ "address": "127.0.0.1", "family": "IPv4", "port": 4321 });
        primary.say(json!({ "errno": null, "key": KEY, "ack": 1, "data": "first", "sockname": sockname }));
    });
    let listener = listener.unwrap();
    assert_eq!(listener.local_addr(), Some("127.0.0.1:4321".parse().unwrap()));
    assert_eq!(listener.data(), Some(v8::Value::from("first")));
    let listening = primary.expect_act("listening");
    assert_eq!((&listening["port"], &listening["seq"]), (&json!(4321), &json!(2)));
    listener.close();
    primary.expect(json!({ "act": "close", "key": KEY, "seq": 3 }));
    drop(listener);
    primary.peer.assert_quiet();
}

fn clu_6_each_kind_of_address_is_queried_as_node_does<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let options = ListenOptions::new().ipv6_only(true).readable_all(true).writable_all(true);
    let here = std::env::current_dir().unwrap();
    for (address, expected) in [
        ("8000", json!({ "address": null, "port": 8000, "addressType": 4, "flags": 1 })),
        ("[::1]:80", json!({ "address": "::1", "port": 80, "addressType": 6, "flags": 1 })),
        ("unix:/a/../b", json!({ "address": "/b", "port": -1, "addressType": -1 })),
        ("unix:s", json!({ "address": here.join("s"), "port": -1, "addressType": -1 })),
        ("127.0.0.1:80", json!({ "address": "127.0.0.1", "port": 80, "addressType": 4 })),
    ] {
        let refused = listen(&worker, address, options.clone(), || {
            let query = primary.expect_act("queryServer");
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(query[name], *value, "{address}: {name}");
            }
            assert_eq!(query["readableAll"], true);
            primary.say(json!({ "errno": -13, "key": KEY, "ack": query["seq"] }));
        });
        assert_eq!(refused.err().expect("refused").code(), "EACCES");
    }
}

fn clu_11_listen_returns_the_primarys_error<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    for (errno, code) in [(98, "EADDRINUSE"), (13, "EACCES"), (99, "EADDRNOTAVAIL"), (4095, "ERR_LISTEN")] {
        let refused = listen(&worker, "127.0.0.1:80", ListenOptions::default(), || {
            let query = primary.expect_act("queryServer");
            primary.say(json!({ "errno": -errno, "key": KEY, "ack": query["seq"] }));
        });
        let error = refused.err().expect("refused");
        assert!(matches!(error, Error::Listen { .. }), "{error}");
        assert!(error.to_string().contains("127.0.0.1:80"), "{error}");
        assert_eq!(error.code(), code);
    }
    // The worker still works.
    granted(&worker, &mut primary);
}

fn clu_11_an_unusable_reply_is_a_protocol_error<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let refused = listen(&worker, "8000", ListenOptions::default(), || {
        let query = primary.expect_act("queryServer");
        primary.say(json!({ "errno": 0, "ack": query["seq"] }));
    });
    let error = refused.err().expect("refused");
    assert!(matches!(error, Error::Protocol(ProtocolError::InvalidReply { .. })), "{error}");
    // A descriptor that is not a socket, and a missing one.
    for fds in [vec![std::io::pipe().unwrap().0], vec![]] {
        let refused = listen(&worker, "8000", ListenOptions::default(), || {
            let query = primary.expect_act("queryServer");
            let reply = json!({ "errno": 0, "key": KEY, "ack": query["seq"] });
            let fds: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
            primary.say_with("net.Native", reply, &fds);
            primary.peer.line();
        });
        assert!(matches!(refused.err().expect("refused"), Error::Protocol(_)));
        primary.expect_act("close");
    }
}

fn clu_12_an_unbound_or_wrongly_bound_socket_means_address_in_use<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let elsewhere = tcp_bound();
    let unbound = tcp_unbound();
    let unbound_unix = crate::support::descriptors::watched().0;
    for (address, socket) in [
        ("127.0.0.1:1", elsewhere.as_fd()),
        ("127.0.0.1:1", unbound.as_fd()),
        ("1", unbound.as_fd()),
        ("unix:/s", unbound_unix.as_fd()),
    ] {
        let refused =
            listen(&worker, address, ListenOptions::default(), || primary.share("net.Native", &socket));
        assert_eq!(refused.err().expect("refused").code(), "EADDRINUSE", "{address}");
        primary.expect_act("close");
    }
    assert!(TcpListener::from(elsewhere).accept().is_err(), "the socket must not listen");
}

fn clu_12_the_worker_listens_on_a_shared_socket<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let socket = tcp_bound();
    let listener =
        listen(&worker, "127.0.0.1:0", ListenOptions::default(), || primary.share("net.Native", &socket));
    let listener = listener.unwrap();
    let address = listener.local_addr().expect("an address");
    let listening = primary.expect_act("listening");
    assert_eq!(listening["port"], address.port());
    let _client = TcpStream::connect(address).unwrap();
    assert!(listener.accept().unwrap().is_some());
    // Clients can connect while a copy is open; the primary's copy is the last.
    drop(socket);
    listener.close();
    primary.expect_act("close");
    assert!(TcpStream::connect(address).is_err());
    assert!(listener.accept().unwrap().is_none());
}

fn clu_11_a_udp_socket_is_shared<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ours = thread::scope(|scope| {
        let binding = scope.spawn(|| worker.bind_udp("127.0.0.1:0".into(), BindOptions::default()));
        let query = primary.expect_act("queryServer");
        assert_eq!((&query["addressType"], &query["fd"]), (&json!("udp4"), &json!(-1)));
        assert_eq!(query.get("backlog"), None);
        let reply = json!({ "errno": 0, "key": KEY, "ack": query["seq"] });
        primary.say_with("dgram.Native", reply, &[socket.as_fd()]);
        primary.peer.line();
        binding.join().unwrap().unwrap()
    });
    let listening = primary.expect_act("listening");
    assert_eq!(listening["port"], ours.local_addr().unwrap().port());
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"ping", ours.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 10];
    let (length, from) = ours.recv_from(&mut buffer).unwrap().expect("a datagram");
    assert_eq!(ours.send_to(&buffer[..length], from).unwrap(), 4);
    assert_eq!(client.recv(&mut [0; 10]).unwrap(), 4);
    // A waiting call returns.
    thread::scope(|scope| {
        let waiting = scope.spawn(|| ours.recv_from(&mut [0; 10]).unwrap());
        primary.say(json!({ "act": "disconnect" }));
        primary.expect_act("close");
        assert_eq!(waiting.join().unwrap(), None);
    });
}

fn clu_16_a_waiting_listen_fails_when_the_worker_is_asked_to_stop<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let stopped = listen(&worker, "8000", ListenOptions::default(), || {
        primary.expect_act("queryServer");
        primary.say(json!({ "act": "disconnect" }));
    });
    assert!(matches!(stopped.err().expect("stopped"), Error::Send(SendError::Stopping)));
    assert!(worker.is_stopping());
    primary.peer.assert_end();
}

fn a_waiting_listen_fails_when_the_channel_ends<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    let closed = listen(&worker, "8000", ListenOptions::default(), move || {
        primary.expect_act("queryServer");
        drop(primary);
    });
    assert!(matches!(closed.err().expect("closed"), Error::Send(SendError::Closed)));
}

fn an_invalid_address_is_not_sent_to_the_primary<W: Work>() {
    let (worker, mut primary) = connect::<W>();
    for address in ["", "x", "65536", "127.0.0.1", "unix:", "a:b:1", ":80"] {
        let Err(error) = worker.listen(address.into(), ListenOptions::default()) else {
            panic!("{address:?} is an address");
        };
        assert_eq!(error.code(), "EINVAL", "{error}");
    }
    let Err(error) = worker.bind_udp("unix:/s".into(), BindOptions::default()) else {
        panic!("UDP has no paths");
    };
    assert_eq!(error.code(), "EINVAL");
    primary.peer.assert_quiet();
}
