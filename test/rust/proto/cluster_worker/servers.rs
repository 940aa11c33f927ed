//! Servers: queries, grants and refusals, and their connections.

use crossfork::proto::cluster::worker::{Answer, Carried, Next};
use crossfork::proto::cluster::{AddressType, Query, SockName};
use serde_json::{Value, json};

use super::kit::{Desk, KEY, failed, granted, tcp};

const EADDRINUSE: i32 = 98;

#[test]
fn clu_1_messages_and_replies_are_numbered_from_0() {
    let mut desk = Desk::new();
    let server = desk.open(KEY);
    desk.worker.listening(server, Some(4321));
    desk.connection(KEY);
    desk.worker.close(server);
    let numbers: Vec<Value> = desk.said().iter().map(|message| message["seq"].clone()).collect();
    assert_eq!(numbers, [2, 3, 4]);
}

#[test]
fn clu_6_the_index_distinguishes_servers_at_the_same_address() {
    let mut desk = Desk::new();
    let other = Query { address: Some("127.0.0.1".into()), ..tcp(0) };
    let fd = |number| Query { fd: Some(number), ..Query::new(AddressType::Fd) };
    for query in [tcp(0), tcp(0), other.clone(), tcp(80), tcp(0), other, fd(3), fd(4)] {
        desk.worker.listen(query);
    }
    let indexes: Vec<Value> = desk.said().iter().map(|message| message["index"].clone()).collect();
    assert_eq!(indexes, [0, 1, 0, 0, 2, 1, 0, 0]);
}

#[test]
fn clu_15_a_worker_does_not_query_a_fixed_address_twice() {
    let path = Query { address: Some("/s".into()), ..Query::new(AddressType::Path) };
    let fd = Query { fd: Some(3), ..Query::new(AddressType::Fd) };
    for query in [tcp(80), path, fd] {
        let mut desk = Desk::new();
        let (first, seq) = desk.ask(query.clone());
        let in_use = |desk: &mut Desk| {
            let again = desk.worker.listen(query.clone());
            assert!(desk.said().is_empty());
            assert!(matches!(desk.worker.take_answer(again), Some(Answer::InUse)));
            desk.worker.release(again);
        };
        in_use(&mut desk);
        desk.hear(granted(seq, KEY));
        in_use(&mut desk);
        desk.worker.close(first);
        desk.worker.listen(query);
        assert_eq!(desk.acts(), ["close", "queryServer"]);
    }
}

#[test]
fn clu_6_the_index_restarts_when_no_server_is_left_at_an_address() {
    let mut desk = Desk::new();
    let index = |desk: &mut Desk| {
        let server = desk.worker.listen(tcp(0));
        let said = desk.said();
        let query = said.last().expect("a query");
        (server, query["index"].as_u64().unwrap(), query["seq"].as_u64().unwrap())
    };
    // Closed after the grant, not granted, and abandoned before the reply.
    let (first, 0, seq) = index(&mut desk) else { panic!("not the first") };
    desk.hear(granted(seq, "a"));
    desk.worker.close(first);
    let (_, 0, seq) = index(&mut desk) else { panic!("not the first again") };
    desk.hear(failed(seq, EADDRINUSE));
    let (third, 0, seq) = index(&mut desk) else { panic!("not the first again") };
    desk.worker.release(third);
    let (fourth, 1, _) = index(&mut desk) else { panic!("the reply may still grant the other") };
    desk.hear(granted(seq, "b"));
    desk.worker.release(fourth);
}

#[test]
fn clu_8_listening_repeats_the_query_with_the_actual_port() {
    let mut desk = Desk::new();
    let query = Query { address: Some("::1".into()), flags: 1, backlog: Some(7), ..tcp(0) };
    let server = desk.worker.listen(query);
    let [asked] = &desk.said()[..] else { panic!("one message") };
    desk.hear(granted(1, KEY));
    desk.worker.listening(server, Some(4321));
    let mut expected = asked.clone();
    expected["act"] = json!("listening");
    expected["port"] = json!(4321);
    expected["seq"] = json!(2);
    assert_eq!(desk.said(), [expected]);
}

#[test]
fn clu_8_only_granted_and_open_servers_report_listening() {
    let mut desk = Desk::new();
    let (asked, _) = desk.ask(tcp(0));
    desk.worker.listening(asked, Some(1));
    let open = desk.open("b");
    desk.worker.close(open);
    desk.said();
    desk.worker.listening(open, Some(1));
    let own = desk.worker.own_server();
    desk.worker.listening(own, Some(1));
    assert!(desk.said().is_empty());
}

#[test]
fn clu_11_the_answer_of_the_reply_is_returned_once() {
    let sockname = json!({ "address": "::", "family": "IPv6", "port": 34343 });
    let mut desk = Desk::new();
    let (server, seq) = desk.ask(tcp(0));
    assert_eq!(desk.worker.take_answer(server).map(drop), None);
    desk.hear(json!({ "errno": null, "key": KEY, "ack": seq, "data": 5, "sockname": sockname }));
    let Some(Answer::RoundRobin { sockname, data }) = desk.worker.take_answer(server) else { panic!() };
    assert_eq!(sockname, Some(SockName { address: "::".into(), is_ipv6: true, port: 34343 }));
    assert_eq!(data.and_then(|data| data.as_f64()), Some(5.0));
    assert!(desk.worker.take_answer(server).is_none());

    let (server, seq) = desk.ask(tcp(0));
    let file = desk.hear_with_fd(json!({ "errno": 0, "key": "shared", "ack": seq }));
    let Some(Answer::Shared { fd, data: None }) = desk.worker.take_answer(server) else { panic!() };
    assert_eq!(fd.file(), file);

    let (server, seq) = desk.ask(tcp(0));
    desk.hear(failed(seq, EADDRINUSE));
    assert!(matches!(desk.worker.take_answer(server), Some(Answer::Failed(EADDRINUSE))));
    assert_eq!(desk.take_all(server), (vec![], "closed"));
}

#[test]
fn clu_11_a_failure_stays_a_failure_whatever_comes_with_it() {
    let mut desk = Desk::new();
    let (server, seq) = desk.ask(tcp(0));
    desk.hear_with_fd(failed(seq, EADDRINUSE));
    assert!(matches!(desk.worker.take_answer(server), Some(Answer::Failed(EADDRINUSE))));
    assert_eq!(desk.fds.descriptors(), 0);
    assert!(desk.said().is_empty());
}

#[test]
fn clu_11_an_unusable_grant_is_an_error_and_is_released() {
    let udp = Query { port: Some(0), ..Query::new(AddressType::Udp4) };
    let cases: [(Query, Value, Carried<_>, &str, bool); 4] = [
        (tcp(0), json!({ "errno": 0 }), Carried::Nothing, "without saying which", false),
        (tcp(0), json!({ "accepted": true }), Carried::Nothing, "without saying which", false),
        (tcp(0), json!({ "errno": 0, "key": "k" }), Carried::Lost, "did not come", true),
        (udp, json!({ "errno": null, "key": "k" }), Carried::Nothing, "without a socket", true),
    ];
    for (query, mut reply, carried, word, is_closed) in cases {
        let mut desk = Desk::new();
        let (server, seq) = desk.ask(query);
        reply["ack"] = json!(seq);
        desk.hear_with(reply.clone(), carried);
        let answer = desk.worker.take_answer(server);
        let Some(Answer::Invalid(reason)) = answer else { panic!("{reply}: {answer:?}") };
        assert!(reason.contains(word), "{reply}: {reason}");
        let expected: &[&str] = if is_closed { &["close"] } else { &[] };
        assert_eq!(desk.acts(), expected, "{reply}");
    }
}

#[test]
fn clu_11_a_key_in_use_stays_with_its_server() {
    let mut desk = Desk::new();
    let first = desk.open(KEY);
    let (second, seq) = desk.ask(tcp(0));
    desk.hear_with_fd(granted(seq, KEY));
    assert!(matches!(desk.worker.take_answer(second), Some(Answer::Invalid(_))));
    assert_eq!(desk.fds.descriptors(), 0);
    desk.connection(KEY);
    assert_eq!(desk.acts(), ["accepted true"]);
    assert_eq!(desk.take_all(first).0.len(), 1);
    assert_eq!(desk.take_all(second), (vec![], "closed"));
}

#[test]
fn clu_2_unexpected_replies_are_ignored() {
    let mut desk = Desk::new();
    let (server, seq) = desk.ask(tcp(0));
    for ack in [0, seq + 1, 99] {
        desk.hear_with_fd(granted(ack, KEY));
    }
    assert!(desk.worker.take_answer(server).is_none());
    desk.hear(granted(seq, KEY));
    // The second reply is unexpected.
    desk.hear(failed(seq, EADDRINUSE));
    assert!(matches!(desk.worker.take_answer(server), Some(Answer::RoundRobin { .. })));
    assert_eq!(desk.fds.descriptors(), 0);
}

#[test]
fn clu_2_messages_that_only_workers_send_are_ignored() {
    let mut desk = Desk::new();
    let server = desk.open(KEY);
    for message in [
        json!({ "act": "online" }),
        json!({ "act": "queryServer", "address": null, "port": 0, "addressType": 4 }),
        json!({ "act": "listening", "address": null, "port": 0, "addressType": 4 }),
        json!({ "act": "close", "key": KEY }),
        json!({ "act": "exitedAfterDisconnect" }),
        json!({ "act": "sing" }),
        json!({}),
    ] {
        desk.hear_with_fd(message);
    }
    assert!(desk.said().is_empty());
    assert!(desk.worker.is_open(server));
    assert_eq!(desk.fds.descriptors(), 0);
}

#[test]
fn clu_13_a_connection_is_accepted_as_soon_as_it_arrives() {
    let mut desk = Desk::new();
    let server = desk.open(KEY);
    let files = [desk.connection(KEY), desk.connection(KEY)];
    let replies: Vec<(Value, Value)> =
        desk.said().iter().map(|reply| (reply["ack"].clone(), reply["accepted"].clone())).collect();
    assert_eq!(replies, [(json!(1), json!(true)), (json!(2), json!(true))]);
    assert_eq!(desk.take_all(server), (files.to_vec(), "more may come"));
}

#[test]
fn clu_13_a_connection_may_arrive_before_the_answer_is_read() {
    let mut desk = Desk::new();
    let (server, seq) = desk.ask(tcp(0));
    desk.hear(granted(seq, KEY));
    let file = desk.connection(KEY);
    assert_eq!(desk.acts(), ["accepted true"]);
    assert!(desk.worker.take_answer(server).is_some());
    assert_eq!(desk.take_all(server).0, [file]);
}

#[test]
fn clu_13_a_connection_that_cannot_be_served_is_refused_and_closed() {
    let mut desk = Desk::new();
    let server = desk.open(KEY);
    desk.connection("unknown");
    desk.hear_with(json!({ "act": "newconn", "key": KEY }), Carried::Nothing);
    desk.hear_with(json!({ "act": "newconn", "key": KEY }), Carried::Lost);
    desk.worker.set_max_connections(server, Some(0));
    desk.connection(KEY);
    desk.worker.close(server);
    desk.connection(KEY);
    let refused = "accepted false";
    assert_eq!(desk.acts(), [refused, refused, refused, refused, "close", refused]);
    assert_eq!(desk.take_all(server), (vec![], "closed"));
    assert_eq!(desk.fds.descriptors(), 0);
}

#[test]
fn clu_13_the_connection_limit_includes_waiting_connections() {
    let mut desk = Desk::new();
    let server = desk.open(KEY);
    let other = desk.open("other");
    desk.worker.set_max_connections(server, Some(2));
    desk.connection(KEY);
    let Next::Connection(_first) = desk.worker.next_connection(server) else { panic!() };
    desk.connection(KEY);
    desk.connection(KEY);
    assert_eq!(desk.acts(), ["accepted true", "accepted true", "accepted false"]);
    desk.connection("other");
    assert_eq!(desk.acts(), ["accepted true"]);
    desk.worker.connection_closed(server);
    desk.connection(KEY);
    assert_eq!(desk.acts(), ["accepted true"]);
    desk.worker.set_max_connections(server, None);
    desk.connection(KEY);
    assert_eq!(desk.acts(), ["accepted true"]);
    assert_eq!(desk.take_all(server).0.len(), 3);
    assert_eq!(desk.take_all(other).0.len(), 1);
}

#[test]
fn clu_13_the_number_of_waiting_connections_is_bounded() {
    let mut desk = Desk::new();
    let server = desk.open(KEY);
    for _ in 0..3000 {
        desk.connection(KEY);
    }
    let accepted = desk.acts().iter().filter(|act| *act == "accepted true").count();
    assert_eq!(accepted, 1024);
    assert_eq!(desk.fds.descriptors(), 1024);
    desk.worker.next_connection(server);
    desk.connection(KEY);
    assert_eq!(desk.acts(), ["accepted true"]);
}

#[test]
fn a_shared_socket_respects_the_connection_limit() {
    let mut desk = Desk::new();
    let (server, seq) = desk.ask(tcp(0));
    desk.hear_with_fd(granted(seq, KEY));
    assert!(desk.worker.has_room(server));
    desk.worker.set_max_connections(server, Some(1));
    desk.worker.connection_opened(server);
    assert!(!desk.worker.has_room(server));
    desk.worker.connection_closed(server);
    assert!(desk.worker.has_room(server));
}

#[test]
fn clu_9_a_closing_server_reports_it_once_and_delivers_accepted_connections() {
    let mut desk = Desk::new();
    let server = desk.open(KEY);
    let file = desk.connection(KEY);
    desk.said();
    desk.worker.close(server);
    desk.worker.close(server);
    assert_eq!(desk.said(), [json!({ "act": "close", "key": KEY, "seq": 3 })]);
    assert!(!desk.worker.is_open(server));
    assert_eq!(desk.take_all(server), (vec![file], "closed"));
}

#[test]
fn clu_9_releasing_a_server_closes_its_connections() {
    let mut desk = Desk::new();
    let server = desk.open(KEY);
    desk.connection(KEY);
    desk.said();
    desk.worker.release(server);
    desk.worker.release(server);
    assert_eq!(desk.acts(), ["close"]);
    assert_eq!(desk.fds.descriptors(), 0);
    assert_eq!(desk.take_all(server), (vec![], "closed"));
    assert!(desk.worker.take_answer(server).is_none());
}

#[test]
fn clu_9_a_server_granted_after_its_release_is_closed() {
    for is_released in [true, false] {
        let mut desk = Desk::new();
        let (server, seq) = desk.ask(tcp(0));
        match is_released {
            true => desk.worker.release(server),
            false => desk.worker.close(server),
        }
        assert!(desk.said().is_empty());
        desk.hear_with_fd(granted(seq, KEY));
        assert_eq!(desk.said(), [json!({ "act": "close", "key": KEY, "seq": 2 })]);
        assert_eq!(desk.fds.descriptors(), 0);
        // A failed one is not closed.
        let (server, seq) = desk.ask(tcp(0));
        desk.worker.release(server);
        desk.hear(failed(seq, EADDRINUSE));
        assert!(desk.said().is_empty());
    }
}

#[test]
fn an_exclusive_server_is_not_reported_to_the_primary() {
    let mut desk = Desk::new();
    let server = desk.worker.own_server();
    assert!(desk.worker.is_open(server));
    assert_eq!(desk.take_all(server), (vec![], "more may come"));
    desk.worker.close(server);
    assert!(!desk.worker.is_open(server));
    assert!(desk.said().is_empty());
}
