//! axum on a worker's listener.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use ::axum::Router;
use ::axum::extract::ConnectInfo;
use ::axum::routing::get;
use crossfork::tokio::cluster::{PeerAddr, Worker};
use crossfork::{Limits, Serialization};
use serde_json::json;
use tokio::runtime::Builder;

use crate::primary::Primary;
use crate::support::deadline::in_time;
use crate::support::descriptors::tcp_pair;

/// A worker that serves, and its primary.
fn serving() -> (JoinHandle<()>, Primary) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let worker = thread::spawn(move || {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let worker = Worker::from_socket(ours, 7, Serialization::Json, Limits::new()).unwrap();
            worker.set_exit_on_orphaned(false);
            let listener = worker.listen("127.0.0.1:0").await.unwrap();
            let app = Router::new()
                .route("/", get(async |ConnectInfo(client): ConnectInfo<PeerAddr>| client.to_string()))
                .into_make_service_with_connect_info::<PeerAddr>();
            let ended = listener.ended();
            ::axum::serve(listener, app).with_graceful_shutdown(ended).await.unwrap();
        });
    });
    let mut primary = Primary::new(theirs);
    primary.expect_act("online");
    primary.grant();
    primary.expect_act("listening");
    (worker, primary)
}

const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

fn ask(mut client: impl Read + Write) -> String {
    client.write_all(REQUEST).unwrap();
    answer(client)
}

fn answer(mut client: impl Read) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer.rsplit("\r\n").next().unwrap().to_owned()
}

#[test]
fn a_handler_can_extract_the_clients_address() {
    in_time("a_handler_can_extract_the_clients_address", || {
        let (_worker, mut primary) = serving();
        let (theirs, client): (TcpStream, TcpStream) = tcp_pair();
        theirs.set_nonblocking(true).unwrap();
        primary.hand_over(&theirs);
        drop(theirs);
        let address = client.local_addr().unwrap();
        assert_eq!(ask(client), address.to_string());

        let (theirs, client) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        primary.hand_over(&theirs);
        drop(theirs);
        assert_eq!(ask(client), "a client without an address");
    });
}

#[test]
fn connections_handed_over_before_the_stop_are_served_before_the_server_ends() {
    in_time("connections_handed_over_before_the_stop_are_served_before_the_server_ends", || {
        let (worker, mut primary) = serving();
        let clients: Vec<_> = (0..20)
            .map(|_| {
                let (theirs, mut client) = tcp_pair();
                // hyper closes connections without a request when it shuts down.
                client.write_all(REQUEST).unwrap();
                theirs.set_nonblocking(true).unwrap();
                primary.hand_over(&theirs);
                client
            })
            .collect();
        primary.say(json!({ "act": "disconnect" }));
        for client in clients {
            let address = client.local_addr().unwrap();
            assert_eq!(answer(client), address.to_string());
        }
        worker.join().unwrap();
    });
}

#[test]
fn a_silent_client_does_not_keep_the_server_running() {
    in_time("a_silent_client_does_not_keep_the_server_running", || {
        let (worker, mut primary) = serving();
        let (theirs, client) = tcp_pair();
        theirs.set_nonblocking(true).unwrap();
        primary.hand_over(&theirs);
        primary.say(json!({ "act": "disconnect" }));
        worker.join().unwrap();
        drop(client);
    });
}

#[test]
fn a_server_ends_when_its_primary_is_gone() {
    in_time("a_server_ends_when_its_primary_is_gone", || {
        let (worker, primary) = serving();
        drop(primary);
        worker.join().unwrap();
    });
}
