//! Withdrawn messages, and descriptors that the kernel refuses.

use serde_json::json;

use crate::kit::{ACK, End, NACK, node_handle};

#[test]
fn a_message_can_be_withdrawn_until_its_first_byte_is_written() {
    let mut end = End::new();
    let tickets = [json!("first"), json!("second"), json!("third")].map(|message| end.send(message));
    end.core.transmitted(1);
    assert!(end.core.withdraw(tickets[0]).is_none());
    assert!(matches!(end.core.withdraw(tickets[1]), Some(None)));
    assert!(end.core.withdraw(tickets[1]).is_none());
    assert_eq!(end.core.queued_bytes(), "first\"\n\"third\"\n".len());
    assert_eq!(end.writes(), ["first\"\n\"third\"\n"]);
    assert!(end.core.withdraw(tickets[2]).is_none());
    assert_eq!(end.core.queued_bytes(), 0);
}

#[test]
fn a_withdrawn_handle_is_returned_and_releases_the_held_messages() {
    let mut end = End::new();
    let ticket = end.send_handle(json!(0));
    end.send(json!(1));
    end.send_handle(json!(2));
    end.send(json!(3));
    let fd = end.core.withdraw(ticket).flatten().expect("writing has not begun");
    assert_eq!(fd.file(), 0);
    assert_eq!(end.writes(), ["1\n".to_owned(), format!("{}\n +#1", node_handle("2"))]);
    end.line(ACK);
    assert_eq!(end.lines(), ["3"]);
    assert_eq!(end.outcomes(), ["3: acked #1"]);
}

#[test]
fn a_held_message_and_a_held_handle_can_be_withdrawn() {
    let mut end = End::new();
    end.send_handle(json!(0));
    end.writes();
    let plain = end.send(json!(1));
    let handle = end.send_handle(json!(2));
    end.send(json!(3));
    assert!(matches!(end.core.withdraw(plain), Some(None)));
    assert_eq!(end.core.withdraw(handle).flatten().map(|fd| fd.file()), Some(1));
    assert_eq!(end.core.queued_bytes(), 2);
    end.line(ACK);
    assert_eq!(end.lines(), ["3"]);
    assert_eq!(end.core.queued_bytes(), 0);
}

#[test]
fn hnd_13_a_handle_in_flight_cannot_be_withdrawn() {
    let mut end = End::new();
    let ticket = end.send_handle(json!(0));
    end.core.transmitted(1);
    assert!(end.core.withdraw(ticket).is_none());
    end.writes();
    assert!(end.core.withdraw(ticket).is_none());
    end.line(ACK);
    assert!(end.core.withdraw(ticket).is_none());
    assert_eq!(end.outcomes(), ["1: acked #0"]);
}

#[test]
fn hnd_9_a_refused_handle_can_be_withdrawn_before_it_is_resent() {
    let mut end = End::new();
    let ticket = end.send_handle(json!(0));
    end.send(json!(1));
    end.writes();
    end.line(NACK);
    assert_eq!(end.core.withdraw(ticket).flatten().map(|fd| fd.file()), Some(0));
    assert_eq!(end.lines(), ["1"]);
    assert!(end.core.is_flushed());
    assert!(end.outcomes().is_empty());
}

#[test]
fn a_descriptor_refused_by_the_kernel_is_lost_and_the_channel_continues() {
    let mut end = End::new();
    end.send_handle(json!(0));
    end.send(json!(1));
    end.send_handle(json!(2));
    assert!(end.transmit().is_some_and(|(_, fd)| fd == Some(0)));
    end.core.handle_unsendable(109);
    assert_eq!(end.outcomes(), ["1: lost #0, System { errno: 109 }"]);
    assert_eq!(end.writes(), ["1\n".to_owned(), format!("{}\n +#1", node_handle("2"))]);
    end.line(ACK);
    assert!(end.core.is_flushed());
    assert_eq!(end.core.queued_bytes(), 0);
}

#[test]
fn nothing_is_lost_if_no_handle_was_being_written() {
    let mut end = End::new();
    end.core.handle_unsendable(9);
    end.send(json!(1));
    end.core.handle_unsendable(9);
    assert_eq!(end.lines(), ["1"]);
    assert!(end.outcomes().is_empty());
}
