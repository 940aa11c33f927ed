//! Batches of small messages: `feed` (SER-10, HND-7, LIFE-3).

use serde_json::{Value, json};

use crate::kit::{ACK, End, node_handle};

fn feed(end: &mut End, message: Value) {
    end.core.feed(format!("{message}\n").as_bytes()).expect("is accepted");
}

#[test]
fn ser_10_fed_and_sent_messages_are_written_in_the_order_of_the_calls() {
    let mut end = End::new();
    feed(&mut end, json!(1));
    feed(&mut end, json!(2));
    end.send(json!(3));
    feed(&mut end, json!(4));
    assert_eq!(end.core.queued_bytes(), 8);
    assert_eq!(end.writes().concat(), "1\n2\n3\n4\n");
    assert!(end.core.is_flushed());
}

#[test]
fn ser_10_a_partly_written_batch_can_still_grow() {
    let mut end = End::new();
    feed(&mut end, json!("begun"));
    end.core.transmitted(3);
    feed(&mut end, json!("more"));
    assert_eq!(end.writes().concat(), "gun\"\n\"more\"\n");
    assert_eq!(end.core.queued_bytes(), 0);
}

#[test]
fn ser_10_small_messages_are_batched_into_one_write_and_large_ones_are_not() {
    let mut end = End::new();
    for n in 0..1000 {
        feed(&mut end, json!(n));
    }
    assert_eq!(end.writes().len(), 1);
    let large = json!("x".repeat(50_000));
    feed(&mut end, large.clone());
    feed(&mut end, large);
    assert_eq!(end.writes().concat().len(), 2 * 50_003);
}

#[test]
fn hnd_7_fed_messages_wait_for_a_handle_in_flight() {
    let mut end = End::new();
    feed(&mut end, json!(1));
    end.send_handle(json!(2));
    feed(&mut end, json!(3));
    assert_eq!(end.writes(), ["1\n".to_owned(), format!("{}\n +#0", node_handle("2"))]);
    assert_eq!(end.core.queued_bytes(), 2);
    end.line(ACK);
    feed(&mut end, json!(4));
    assert_eq!(end.writes().concat(), "3\n4\n");
}

#[test]
fn hnd_6_a_reply_does_not_split_a_batch() {
    let mut end = End::new();
    feed(&mut end, json!("begun"));
    feed(&mut end, json!("too"));
    end.core.transmitted(3);
    end.handle(&node_handle("1"));
    assert_eq!(end.writes().concat(), format!("gun\"\n\"too\"\n{ACK}\n"));
}

#[test]
fn life_3_incomplete_messages_of_a_truncated_batch_are_lost() {
    // "1\n" is complete after two bytes, "22\n" after five, "333\n" after nine.
    for (written, lost) in [(0, 3), (1, 3), (2, 2), (4, 2), (5, 1), (8, 1), (9, 0)] {
        let mut end = End::new();
        for n in [1, 22, 333] {
            feed(&mut end, json!(n));
        }
        end.core.transmitted(written);
        end.core.handle_end();
        assert_eq!(end.core.lost(), lost, "after {written} bytes");
    }
}

#[test]
fn int_1_never_12_reserved_messages_cannot_be_fed() {
    let mut end = End::new();
    assert!(end.core.feed(b"{\"cmd\":\"NODE_FOO\"}\n").is_err());
    assert!(end.writes().is_empty());
    end.core.handle_end();
    assert!(end.core.feed(b"1\n").is_err());
}
