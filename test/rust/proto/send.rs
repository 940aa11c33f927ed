//! Sent messages and handles: one handle in flight, and what happens to messages after it (HND-2, HND-7
//! to HND-9, HND-12, HND-13, SER-10).

use crossfork::SendError;
use crossfork::wire::json;
use serde_json::json;

use crate::kit::{ACK, End, NACK, node_handle};

fn sent(message: &str, file: usize) -> String {
    format!("{}\n +#{file}", node_handle(message))
}

#[test]
fn ser_10_plain_messages_are_batched_in_order() {
    let mut end = End::new();
    for n in 0..3 {
        end.send(json!(n));
    }
    assert_eq!(end.core.queued_bytes(), 6);
    assert_eq!(end.writes(), ["0\n1\n2\n"]);
    assert_eq!(end.core.queued_bytes(), 0);
    assert!(end.core.is_flushed());
}

#[test]
fn ser_10_any_number_of_messages_is_written_completely() {
    let mut end = End::new();
    let numbers: Vec<String> = (0..1000).map(|n| end.send(json!(n)).to_string()).collect();
    assert_eq!(numbers.len(), 1000);
    let writes = end.writes();
    assert!((2..100).contains(&writes.len()), "{} writes", writes.len());
    let expected: String = (0..1000).map(|n| format!("{n}\n")).collect();
    assert_eq!(writes.concat(), expected);
}

#[test]
fn ser_10_a_partial_write_continues_where_it_stopped() {
    let expected = "\"first\"\n\"second\"\n\"third\"\n";
    for step in 1..expected.len() {
        let mut end = End::new();
        let tickets = ["first", "second", "third"].map(|text| end.send(json!(text)));
        let mut written = Vec::new();
        while let Some((bytes, _)) = end.transmit() {
            let taken = step.min(bytes.len());
            written.extend_from_slice(&bytes[..taken]);
            end.core.transmitted(taken);
            let whole = written.iter().filter(|b| **b == b'\n').count();
            let known = tickets.iter().filter(|ticket| end.core.is_written(**ticket)).count();
            assert_eq!(known, whole, "after {} bytes", written.len());
            assert_eq!(end.core.queued_bytes(), expected.len() - written.len());
        }
        assert_eq!(written, expected.as_bytes(), "in steps of {step}");
    }
}

#[test]
fn hnd_2_a_handle_message_is_a_write_of_its_own() {
    let mut end = End::new();
    end.send(json!(1));
    end.send_handle(json!(2));
    end.send(json!(3));
    assert_eq!(end.writes(), ["1\n".to_owned(), sent("2", 0)]);
    end.line(ACK);
    assert_eq!(end.writes(), ["3\n"]);
}

#[test]
fn hnd_2_the_rest_of_a_handle_message_is_written_alone_and_without_its_descriptor() {
    let mut end = End::new();
    end.send_handle(json!(1));
    end.core.transmitted(10);
    end.handle(&node_handle("9"));
    let line = node_handle("1") + "\n";
    assert_eq!(end.writes(), [&line[10..], &format!("{ACK}\n")]);
}

#[test]
fn hnd_7_everything_after_a_handle_waits_in_order_for_its_reply() {
    let mut end = End::new();
    end.send_handle(json!(0));
    end.send(json!(1));
    end.send(json!(2));
    end.send_handle(json!(3));
    end.send(json!(4));
    end.send_handle(json!(5));
    assert_eq!(end.writes(), [sent("0", 0)]);
    end.send(json!(6));
    assert!(end.writes().is_empty());
    end.line(ACK);
    assert_eq!(end.writes(), ["1\n2\n".to_owned(), sent("3", 1)]);
    end.line(ACK);
    assert_eq!(end.writes(), ["4\n".to_owned(), sent("5", 2)]);
    assert!(!end.core.is_flushed());
    end.line(ACK);
    assert_eq!(end.writes(), ["6\n"]);
    assert!(end.core.is_flushed());
    assert_eq!(end.outcomes(), ["1: acked #0", "4: acked #1", "6: acked #2"]);
}

#[test]
fn hnd_7_held_messages_count_as_queued() {
    let mut end = End::new();
    end.send_handle(json!(0));
    end.writes();
    end.send(json!("held"));
    end.send_handle(json!(1));
    assert_eq!(end.core.queued_bytes(), 7 + node_handle("1").len() + 1);
    end.line(ACK);
    end.writes();
    end.line(ACK);
    assert_eq!(end.core.queued_bytes(), 0);
}

#[test]
fn hnd_7_only_replies_overtake_waiting_messages() {
    let mut end = End::new();
    end.send_handle(json!(0));
    end.writes();
    end.send(json!("held"));
    end.handle(&node_handle("9"));
    assert_eq!(end.lines(), [ACK]);
    // Replies also overtake messages whose writing has not begun.
    end.line(ACK);
    end.send_handle(json!("not begun"));
    end.handle(&node_handle("8"));
    assert_eq!(end.lines()[..2], [ACK, "\"held\""]);
}

#[test]
fn hnd_7_a_reply_waits_for_the_end_of_a_partly_written_message() {
    let mut end = End::new();
    end.send(json!("first"));
    end.send(json!("second"));
    end.core.transmitted(3);
    end.handle(&node_handle("9"));
    assert_eq!(end.writes(), [format!("rst\"\n{ACK}\n\"second\"\n")]);
}

#[test]
fn hnd_6_a_partly_written_reply_continues_before_the_next() {
    let mut end = End::new();
    end.handle(&node_handle("1"));
    end.core.transmitted(5);
    end.line(&node_handle("2"));
    end.send(json!(3));
    assert_eq!(end.writes(), [format!("{}\n{NACK}\n3\n", &ACK[5..])]);
}

#[test]
fn hnd_13_our_copy_is_kept_until_the_reply() {
    let mut end = End::new();
    end.send_handle(json!(0));
    end.writes();
    assert_eq!(end.fds.descriptors(), 1);
    end.line(ACK);
    assert_eq!(end.outcomes(), ["1: acked #0"]);
    assert_eq!(end.fds.descriptors(), 0);
}

#[test]
fn hnd_9_a_refused_handle_is_resent_three_times_unwrapped_and_then_lost() {
    let mut end = End::new();
    end.send_handle(json!(0));
    end.send(json!("next"));
    for _ in 0..4 {
        assert_eq!(end.writes(), [sent("0", 0)]);
        assert!(end.outcomes().is_empty());
        end.line(NACK);
    }
    assert_eq!(end.outcomes(), ["1: lost #0, Refused { transmissions: 4 }"]);
    assert_eq!(end.writes(), ["\"next\"\n"]);
    assert!(end.events().is_empty());
}

#[test]
fn hnd_9_a_handle_accepted_at_the_last_attempt_is_acknowledged_and_sending_continues() {
    let mut end = End::new();
    end.send_handle(json!(0));
    end.send_handle(json!(1));
    for _ in 0..3 {
        end.writes();
        end.line(NACK);
    }
    end.writes();
    end.line(ACK);
    assert_eq!(end.outcomes(), ["1: acked #0"]);
    // The next handle gets all of its attempts.
    for _ in 0..3 {
        assert_eq!(end.writes(), [sent("1", 1)]);
        end.line(NACK);
    }
    assert_eq!(end.writes(), [sent("1", 1)]);
    assert!(end.outcomes().is_empty());
}

#[test]
fn hnd_12_unexpected_replies_are_reported_and_ignored() {
    let mut end = End::new();
    end.line(ACK);
    end.line(NACK);
    end.send_handle(json!(0));
    // It is not written yet, so the peer cannot have seen it.
    end.line(ACK);
    assert_eq!(
        end.events(),
        ["unexpected NODE_HANDLE_ACK", "unexpected NODE_HANDLE_NACK", "unexpected NODE_HANDLE_ACK"]
    );
    assert_eq!(end.writes(), [sent("0", 0)]);
    end.line(ACK);
    end.line(NACK);
    assert_eq!(end.events(), ["unexpected NODE_HANDLE_NACK"]);
    assert_eq!(end.outcomes(), ["1: acked #0"]);
}

#[test]
fn hnd_12_a_reply_to_a_half_written_handle_is_unexpected() {
    let mut end = End::new();
    end.send_handle(json!(0));
    end.core.transmitted(node_handle("0").len());
    end.line(ACK);
    assert_eq!(end.events(), ["unexpected NODE_HANDLE_ACK"]);
    end.core.transmitted(1);
    end.line(ACK);
    assert!(end.events().is_empty());
    assert_eq!(end.outcomes(), ["1: acked #0"]);
}

#[test]
fn int_1_a_message_that_node_would_discard_is_refused() {
    let mut end = End::new();
    let frame = json::encode(&json!({"cmd": "NODE_X"})).expect("encodes");
    match end.core.send(frame) {
        Err(SendError::Reserved { cmd }) => assert_eq!(cmd, "NODE_X"),
        other => panic!("{other:?}"),
    }
    assert!(end.core.is_flushed());
    end.send(json!({"cmd": "NODE_"}));
    end.send(json!({"cmd": ["NODE_X"]}));
    assert_eq!(end.lines(), [r#"{"cmd":"NODE_"}"#, r#"{"cmd":["NODE_X"]}"#]);
}
