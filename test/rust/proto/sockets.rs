//! The holder's side of the socket lists (SOCK-2 to SOCK-4, SOCK-6).

use crossfork::proto::Question;
use serde_json::json;

use crate::kit::{ACK, End, counted_handle, key, node_handle};

const ASK: &str = r#"{"cmd":"NODE_SOCKET_GET_COUNT","key":"a"}"#;
const NOTIFY: &str = r#"{"cmd":"NODE_SOCKET_NOTIFY_CLOSE","key":"a"}"#;
const ALL_CLOSED: &str = r#"{"cmd":"NODE_SOCKET_ALL_CLOSED","key":"a"}"#;

fn count(n: usize) -> String {
    format!(r#"{{"cmd":"NODE_SOCKET_COUNT","key":"a","count":{n}}}"#)
}

/// An end that holds this many sockets of the key.
fn holding(sockets: usize) -> End {
    let mut end = End::new();
    for _ in 0..sockets {
        end.handle(&counted_handle("1", "a"));
    }
    end.lines();
    end
}

#[test]
fn sock_2_sock_3_sockets_are_counted_by_key_until_they_are_closed() {
    let mut end = holding(2);
    end.handle(&counted_handle("1", "b"));
    end.handle(&node_handle("1"));
    end.lines();
    end.line(ASK);
    assert_eq!(end.lines(), [count(2)]);
    end.core.socket_closed(&key("a"));
    end.line(ASK);
    assert_eq!(end.lines(), [count(1)]);
    end.core.socket_closed(&key("a"));
    end.line(ASK);
    assert_eq!(end.lines(), [count(0)]);
    end.line(r#"{"cmd":"NODE_SOCKET_GET_COUNT","key":"b"}"#);
    assert_eq!(end.lines(), [r#"{"cmd":"NODE_SOCKET_COUNT","key":"b","count":1}"#]);
}

#[test]
fn sock_2_unreceived_sockets_are_counted() {
    let mut end = End::new();
    end.handle(&counted_handle("1", "a"));
    end.line(ASK);
    assert_eq!(end.lines(), [ACK, &count(1)]);
}

#[test]
fn sock_2_a_socket_that_did_not_arrive_is_not_counted() {
    let mut end = End::new();
    end.line(&counted_handle("1", "a"));
    end.lines();
    end.line(ASK);
    assert_eq!(end.lines(), [count(0)]);
}

#[test]
fn sock_2_closing_more_sockets_than_arrived_is_harmless() {
    let mut end = holding(1);
    for _ in 0..3 {
        end.core.socket_closed(&key("a"));
        end.core.socket_closed(&key("never seen"));
    }
    end.line(ASK);
    assert_eq!(end.lines(), [count(0)]);
}

#[test]
fn sock_4_with_no_open_socket_the_request_is_answered_at_once() {
    let mut end = holding(0);
    end.line(NOTIFY);
    assert_eq!(end.lines(), [ALL_CLOSED]);
}

#[test]
fn sock_4_each_request_is_answered_once_when_the_sockets_are_closed() {
    let mut end = holding(2);
    end.line(NOTIFY);
    end.line(NOTIFY);
    end.core.socket_closed(&key("a"));
    assert!(end.lines().is_empty());
    end.core.socket_closed(&key("a"));
    assert_eq!(end.lines(), [ALL_CLOSED, ALL_CLOSED]);
    // A restarted list owes no answers.
    end.handle(&counted_handle("1", "a"));
    end.core.socket_closed(&key("a"));
    assert_eq!(end.lines(), [ACK]);
}

#[test]
fn sock_4_keys_are_independent() {
    let mut end = holding(1);
    end.handle(&counted_handle("1", "b"));
    end.line(NOTIFY);
    end.lines();
    end.core.socket_closed(&key("b"));
    assert!(end.lines().is_empty());
    end.core.socket_closed(&key("a"));
    assert_eq!(end.lines(), [ALL_CLOSED]);
}

#[test]
fn sock_4_nothing_is_answered_once_disconnected() {
    let mut end = holding(1);
    end.line(NOTIFY);
    end.core.disconnect().expect("is open");
    end.core.socket_closed(&key("a"));
    end.line(ASK);
    assert!(end.lines().is_empty());
}

#[test]
fn sock_6_answers_wait_behind_an_unacknowledged_handle() {
    let mut end = holding(1);
    end.send_handle(json!(0));
    end.lines();
    end.line(NOTIFY);
    end.line(ASK);
    end.send(json!("mine"));
    end.core.socket_closed(&key("a"));
    assert!(end.lines().is_empty());
    end.line(ACK);
    assert_eq!(end.lines(), [&count(1), "\"mine\"", ALL_CLOSED]);
}

#[test]
fn sock_5_questions_of_an_owner_are_answered_in_order_and_by_key() {
    let mut end = End::new();
    let first = end.core.ask(&key("a"), Question::Count).unwrap();
    let second = end.core.ask(&key("a"), Question::Count).unwrap();
    let closed = end.core.ask(&key("a"), Question::AllClosed).unwrap();
    let other = end.core.ask(&key("b"), Question::Count).unwrap();
    assert_eq!(end.lines(), [ASK, ASK, NOTIFY, r#"{"cmd":"NODE_SOCKET_GET_COUNT","key":"b"}"#]);
    end.line(r#"{"cmd":"NODE_SOCKET_COUNT","key":"b","count":7}"#);
    end.line(&count(2));
    end.line(ALL_CLOSED);
    end.line(&count(1));
    assert_eq!(
        end.outcomes(),
        [
            format!("{other}: 7 open"),
            format!("{first}: 2 open"),
            format!("{closed}: 0 open"),
            format!("{second}: 1 open"),
        ]
    );
}

#[test]
fn sock_5_unexpected_answers_are_ignored_and_the_end_answers_the_rest() {
    let mut end = End::new();
    end.line(&count(3));
    end.line(ALL_CLOSED);
    assert!(end.outcomes().is_empty());
    let asked = end.core.ask(&key("a"), Question::AllClosed).unwrap();
    end.line(&count(3));
    end.line(r#"{"cmd":"NODE_SOCKET_COUNT","key":"a","count":"many"}"#);
    assert!(end.outcomes().is_empty());
    end.core.handle_end();
    assert_eq!(end.outcomes(), [format!("{asked}: unanswered")]);
    assert!(end.core.ask(&key("a"), Question::Count).is_err());
}

#[test]
fn sock_6_questions_wait_for_a_handle_in_flight() {
    let mut end = End::new();
    end.send_handle(json!(1));
    end.core.ask(&key("a"), Question::Count).unwrap();
    assert_eq!(end.writes().len(), 1, "the handle alone");
    end.line(ACK);
    assert_eq!(end.lines(), [ASK]);
}
