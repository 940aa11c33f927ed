//! How a channel ends (LIFE-1 to LIFE-5, LIFE-8, SER-8).

use crossfork::proto::Question;
use crossfork::{ProtocolError, SendError};
use serde_json::json;

use crate::kit::{ACK, End, NACK, counted_handle, key, node_handle};

fn assert_closed(end: &mut End) {
    let frame = b"1\n".to_vec();
    assert!(matches!(end.core.send(frame.clone()), Err(SendError::Closed | SendError::ClosedByUs)));
    let fd = end.fds.open();
    match end.core.send_handle(frame, fd) {
        Err((SendError::Closed | SendError::ClosedByUs, _given_back)) => {}
        other => panic!("{other:?}"),
    }
    assert!(!end.core.is_connected());
}

#[test]
fn life_1_the_end_comes_once_and_after_earlier_messages() {
    let mut end = End::new();
    end.line("1");
    end.core.handle_end();
    end.core.handle_end();
    assert_eq!(end.events(), ["1", "disconnected, 0 lost"]);
    assert!(end.core.is_closed() && end.core.is_broken());
    assert!(!end.core.wants_input() && !end.core.wants_output());
    assert_closed(&mut end);
}

#[test]
fn ser_8_an_incomplete_message_and_its_descriptor_are_dropped_at_the_end() {
    let mut end = End::new();
    let fd = end.fds.open();
    end.read(&node_handle("1")[..20], [fd]);
    end.core.handle_end();
    assert_eq!(end.events(), ["disconnected, 0 lost"]);
    assert_eq!(end.fds.descriptors(), 0);
}

#[test]
fn life_1_nothing_comes_after_the_end() {
    let mut end = End::new();
    end.core.handle_end();
    end.handle(&node_handle("1"));
    end.line("1");
    assert_eq!(end.events(), ["disconnected, 0 lost"]);
    assert_eq!(end.fds.descriptors(), 0);
    assert!(end.lines().is_empty());
}

#[test]
fn life_3_unwritten_messages_are_counted_as_lost() {
    let mut end = End::new();
    let tickets = [json!("whole"), json!("half"), json!("none")].map(|message| end.send(message));
    end.core.transmitted("\"whole\"\n\"ha".len());
    end.core.handle_end();
    assert_eq!(end.events(), ["disconnected, 2 lost"]);
    assert_eq!(tickets.map(|ticket| end.core.is_written(ticket)), [true, false, false]);
    assert_eq!(end.core.queued_bytes(), 0);
}

#[test]
fn life_5_the_end_loses_the_handle_in_flight_and_all_queued_messages() {
    let mut end = End::new();
    end.send_handle(json!(0));
    end.writes();
    end.send(json!(1));
    end.send_handle(json!(2));
    end.core.handle_end();
    assert_eq!(end.outcomes(), ["1: lost #0, Disconnected", "3: lost #1, Disconnected"]);
    // The first one was written.
    assert_eq!(end.events(), ["disconnected, 2 lost"]);
    assert_eq!(end.fds.descriptors(), 0);
}

#[test]
fn life_4_after_disconnect_nothing_more_is_delivered() {
    let mut end = End::new();
    end.line("1");
    end.handle(&node_handle("2"));
    end.core.disconnect().expect("is open");
    end.line("3");
    end.line("undefined");
    end.line(ACK);
    assert_eq!(end.fds.descriptors(), 0);
    assert!(end.events().is_empty());
    end.core.handle_end();
    assert_eq!(end.events(), ["disconnected, 0 lost"]);
}

#[test]
fn life_3_disconnect_writes_queued_messages() {
    let mut end = End::new();
    end.send(json!(1));
    end.send_handle(json!(2));
    end.send(json!(3));
    end.core.disconnect().expect("is open");
    assert_closed(&mut end);
    assert!(end.core.wants_output() && !end.core.is_flushed());
    assert_eq!(end.lines(), ["1", &node_handle("2"), " +#0"]);
    assert!(!end.core.is_flushed());
    end.line(ACK);
    assert_eq!(end.lines(), ["3"]);
    assert!(end.core.is_flushed());
    assert_eq!(end.outcomes(), ["2: acked #0"]);
}

#[test]
fn life_5_handles_received_while_disconnecting_are_answered_and_closed() {
    let mut end = End::new();
    end.send(json!(1));
    end.core.disconnect().expect("is open");
    end.handle(&counted_handle("2", "a"));
    end.line(&node_handle("3"));
    assert_eq!(end.fds.descriptors(), 0);
    assert_eq!(end.lines(), [ACK, NACK, "1"]);
    assert!(end.core.is_flushed());
}

#[test]
fn life_8_disconnecting_twice_is_an_error() {
    let mut end = End::new();
    end.core.disconnect().expect("is open");
    assert!(matches!(end.core.disconnect(), Err(SendError::Disconnected)));
    end.core.handle_end();
    assert!(matches!(end.core.disconnect(), Err(SendError::Disconnected)));
    assert_eq!(end.events(), ["disconnected, 0 lost"]);
}

#[test]
fn life_2_messages_written_before_the_peer_closed_are_delivered() {
    let mut end = End::new();
    end.send(json!(1));
    end.core.handle_broken();
    assert_closed(&mut end);
    assert!(end.core.is_broken() && !end.core.is_closed());
    assert!(end.core.wants_input() && !end.core.wants_output());
    assert_eq!(end.core.queued_bytes(), 0);
    end.line("2");
    end.handle(&node_handle("3"));
    end.core.handle_end();
    assert_eq!(end.events(), ["2", "3 with net.Socket #1", "disconnected, 1 lost"]);
    assert!(end.lines().is_empty());
}

#[test]
fn life_2_a_reply_written_before_the_peer_closed_is_not_a_protocol_error() {
    for (reply, outcome) in [(ACK, "1: acked #0"), (NACK, "1: lost #0, Disconnected")] {
        let mut end = End::new();
        end.send_handle(json!(0));
        end.writes();
        end.send(json!(1));
        end.core.handle_broken();
        end.line(reply);
        end.core.handle_end();
        assert_eq!(end.events(), ["disconnected, 1 lost"]);
        assert_eq!(end.outcomes(), [outcome]);
    }
}

#[test]
fn life_2_a_peer_that_closes_early_ends_a_disconnect() {
    let mut end = End::new();
    end.send(json!(1));
    end.core.disconnect().expect("is open");
    end.core.handle_broken();
    assert_eq!(end.events(), ["disconnected, 1 lost"]);
    assert!(end.core.is_closed());
    end.core.handle_broken();
    assert!(end.events().is_empty());
}

#[test]
fn life_2_disconnecting_from_a_closed_peer_ends_at_once() {
    let mut end = End::new();
    end.core.handle_broken();
    end.line("1");
    end.core.disconnect().expect("the first time");
    assert_eq!(end.events(), ["disconnected, 0 lost"]);
    assert!(end.core.is_closed());
}

#[test]
fn life_1_a_channel_is_half_closed_after_everything_is_written_and_acknowledged() {
    let mut end = End::new();
    end.send_handle(json!(1));
    end.core.disconnect().expect("is open");
    end.core.half_close();
    assert!(!end.core.is_half_closed(), "the handle is not written");
    end.writes();
    end.core.half_close();
    assert!(!end.core.is_half_closed(), "the handle is not acknowledged");
    end.line(ACK);
    end.core.half_close();
    assert!(end.core.is_half_closed() && !end.core.is_closed());
    end.core.handle_end();
    assert!(end.core.is_closed());
    assert_eq!(end.events(), ["disconnected, 0 lost"]);
}

#[test]
fn life_1_a_half_closed_channel_reads_and_delivers_and_writes_nothing() {
    let mut end = End::new();
    let asked = end.core.ask(&key("a"), Question::Count).unwrap();
    end.writes();
    end.core.disconnect().expect("is open");
    end.core.half_close();
    assert!(end.core.wants_input() && end.core.awaits_count());
    end.handle(&node_handle("1"));
    end.line("2");
    end.line(r#"{"cmd":"NODE_SOCKET_GET_COUNT","key":"b"}"#);
    end.line(r#"{"cmd":"NODE_SOCKET_COUNT","key":"a","count":3}"#);
    assert!(end.transmit().is_none());
    assert_eq!(end.fds.descriptors(), 0);
    assert_eq!(end.outcomes(), [format!("{asked}: 3 open")]);
    assert!(!end.core.awaits_count());
    assert!(matches!(end.core.disconnect(), Err(SendError::Disconnected)));
    end.core.handle_broken();
    end.core.handle_end();
    assert_eq!(end.events(), ["disconnected, 0 lost"]);
}

#[test]
fn life_1_reports_after_the_end_cause_no_event() {
    let mut end = End::new();
    end.line("1");
    end.core.handle_end();
    end.core.report(ProtocolError::TooManyRequests);
    assert_eq!(end.events(), ["1", "disconnected, 0 lost"]);
}
