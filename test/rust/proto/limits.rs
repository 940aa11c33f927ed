//! The data buffered for a peer is bounded, whatever it sends and however little it reads.

use crossfork::Limits;
use serde_json::json;

use crate::kit::{ACK, End, NACK, counted_handle, key, node_handle};

/// Writes the line until input is no longer wanted, and returns how often.
fn flood(end: &mut End, line: &str, most: usize) -> usize {
    let mut count = 0;
    while end.core.wants_input() {
        assert!(count < most, "{count} of {line} and still no end");
        end.line(line);
        count += 1;
    }
    count
}

#[test]
fn waiting_messages_are_bounded_in_number() {
    let mut end = End::with(Limits::new().max_waiting_messages(10));
    for line in ["1", "", "undefined"] {
        assert_eq!(flood(&mut end, line, 20), 10);
        end.core.poll_event().expect("an event");
        assert!(end.core.wants_input());
        end.events();
    }
}

#[test]
fn waiting_messages_are_bounded_in_bytes() {
    let mut end = End::with(Limits::new().max_waiting_bytes(1000));
    for line in [format!("\"{}\"", "x".repeat(98)), "#".repeat(100)] {
        assert_eq!(flood(&mut end, &line, 20), 10);
        assert!(!end.core.wants_input());
        end.core.poll_event().expect("an event");
        assert!(end.core.wants_input());
        end.events();
    }
}

#[test]
fn waiting_handles_are_bounded_in_number() {
    let mut end = End::with(Limits::new().max_waiting_descriptors(3));
    for handles in 0..3 {
        assert!(end.core.wants_input(), "{handles} handles are too many");
        end.handle(&node_handle("1"));
        end.writes();
    }
    assert!(!end.core.wants_input());
    end.core.poll_event().expect("an event");
    assert!(end.core.wants_input());
}

/// A message keeps the memory of its whole line.
#[test]
fn a_small_message_in_a_large_line_counts_with_the_memory_that_it_keeps() {
    let pad = "x".repeat(1000);
    for line in [
        format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Socket","msg":1,"pad":"{pad}"}}"#),
        format!(r#"{{"cmd":"NODE_HANDLE","type":"net.{pad}","msg":1}}"#),
        counted_handle("1", &pad),
    ] {
        for with_descriptor in [true, false] {
            let mut end = End::with(Limits::new().max_waiting_bytes(10_000));
            let mut lines = 0;
            while end.core.wants_input() {
                assert!(lines < 20, "{lines} lines of {} bytes wait", line.len());
                let fd = with_descriptor.then(|| end.fds.open());
                end.read(format!("{line}\n"), fd);
                end.writes();
                lines += 1;
            }
            end.events();
            assert!(end.core.wants_input());
        }
    }
}

#[test]
fn waiting_descriptors_are_bounded_and_none_reaches_a_wrong_message() {
    let mut end = End::with(Limits::new().max_waiting_descriptors(2));
    for byte in ["\"", "a", "b", "c"] {
        let fd = end.fds.open();
        end.read(byte, [fd]);
    }
    assert_eq!(end.fds.descriptors(), 2);
    // There is room for the next handle only when that message is done.
    let fd = end.fds.open();
    end.read(format!("\"\n{}\n", node_handle("1")), [fd]);
    end.handle(&node_handle("2"));
    assert_eq!(
        end.events(),
        [
            "1 stray",
            "1 stray",
            "1 stray",
            "\"abc\"",
            "2 stray",
            "1 without descriptor",
            "2 with net.Socket #5"
        ]
    );
    assert_eq!(end.lines(), [NACK, ACK]);
}

#[test]
fn hnd_6_a_peer_that_does_not_read_its_replies_gets_backpressure() {
    let mut end = End::new();
    let handles = flood(&mut end, &node_handle("1"), 10_000);
    end.events();
    assert!(!end.core.wants_input());
    assert_eq!(end.lines(), vec![NACK; handles]);
    assert!(end.core.wants_input());
}

#[test]
fn sock_3_unread_answers_are_bounded() {
    for request in ["GET_COUNT", "NOTIFY_CLOSE"] {
        let mut end = End::with(Limits::new().max_waiting_messages(10));
        let asked = flood(&mut end, &format!(r#"{{"cmd":"NODE_SOCKET_{request}","key":"a"}}"#), 10_000);
        assert_eq!(end.events().len(), 10);
        assert_eq!(end.lines().len(), asked - 10);
        end.line(&format!(r#"{{"cmd":"NODE_SOCKET_{request}","key":"a"}}"#));
        assert_eq!(end.lines().len(), 1);
    }
}

#[test]
fn sock_4_requests_that_wait_for_a_socket_are_bounded() {
    let mut end = End::with(Limits::new().max_waiting_messages(10));
    end.handle(&counted_handle("1", "a"));
    end.writes();
    end.events();
    for _ in 0..5000 {
        end.line(r#"{"cmd":"NODE_SOCKET_NOTIFY_CLOSE","key":"a"}"#);
        if !end.core.wants_input() {
            end.events();
        }
    }
    end.events();
    end.core.socket_closed(&key("a"));
    assert!(end.core.wants_input(), "more than 10 events at once: {}", end.events().len());
    assert!(end.core.queued_bytes() < 100_000, "{} bytes at once", end.core.queued_bytes());
}

#[test]
fn ser_9_a_message_over_the_limit_is_reported_and_the_next_is_delivered() {
    let mut end = End::with(Limits::new().max_message(100));
    let long = format!("\"{}\"\n", "x".repeat(1000));
    for size in [1, 7, 100, 101, 1000, 10_000] {
        format!("1\n{long}2\n").as_bytes().chunks(size).for_each(|read| end.read(read, []));
        assert_eq!(end.events(), ["1", "over 100", "2"], "in reads of {size}");
    }
}

#[test]
fn hnd_6_a_handle_message_over_the_limit_is_answered_and_its_descriptor_closed() {
    let long = format!("{}\n", node_handle(&format!("\"{}\"", "x".repeat(1000))));
    for size in [1, 50, 101, 102, 1000, 10_000] {
        let mut end = End::with(Limits::new().max_message(100));
        for has_descriptor in [true, false] {
            let mut fd = has_descriptor.then(|| end.fds.open());
            long.as_bytes().chunks(size).for_each(|read| end.read(read, fd.take()));
            assert_eq!(end.lines(), [if has_descriptor { ACK } else { NACK }], "in reads of {size}");
            assert_eq!(end.events(), ["over 100"], "in reads of {size}");
            assert_eq!(end.fds.descriptors(), 0);
        }
        end.handle(&node_handle("1"));
        assert_eq!(end.events(), ["1 with net.Socket #1"]);
    }
}

/// A sender that is still writing does not expect a reply yet.
#[test]
fn hnd_12_a_handle_message_over_the_limit_is_not_answered_before_its_end() {
    let long = node_handle(&format!("\"{}\"", "x".repeat(1000)));
    for has_descriptor in [true, false] {
        let mut end = End::with(Limits::new().max_message(100));
        let fd = has_descriptor.then(|| end.fds.open());
        end.read(&long[..500], fd);
        assert_eq!(end.events(), ["over 100"]);
        assert_eq!(end.fds.descriptors(), 0);
        end.read(&long[500..], []);
        assert!(end.lines().is_empty());
        end.read("\n1\n", []);
        assert_eq!(end.lines(), [if has_descriptor { ACK } else { NACK }]);
        assert_eq!(end.events(), ["1"]);
    }
}

#[test]
fn hnd_6_a_dropped_descriptor_of_a_message_over_the_limit_is_refused() {
    let mut end = End::with(Limits::new().max_message(100));
    end.read_truncated(node_handle(&format!("\"{}\"", "x".repeat(1000))) + "\n", []);
    end.handle(&node_handle("1"));
    assert_eq!(end.lines(), [NACK, ACK]);
    assert_eq!(end.events(), ["over 100", "1 with net.Socket #0"]);
}

#[test]
fn hnd_5_a_stray_descriptor_on_a_message_over_the_limit_is_closed_before_its_end() {
    let mut end = End::with(Limits::new().max_message(100));
    let fd = end.fds.open();
    end.read([b'x'; 101], [fd]);
    assert_eq!(end.fds.descriptors(), 0);
    let fd = end.fds.open();
    end.read([b'x'; 50], [fd]);
    assert_eq!(end.fds.descriptors(), 0);
    let fd = end.fds.open();
    end.read(format!("\n{}\n", node_handle("1")), [fd]);
    assert_eq!(end.events(), ["over 100", "1 stray", "1 stray", "1 with net.Socket #2"]);
}

#[test]
fn hnd_8_a_peer_that_never_acknowledges_blocks_only_sending() {
    let mut end = End::new();
    end.send_handle(json!(0));
    end.writes();
    end.send(json!(1));
    end.line("2");
    end.handle(&node_handle("3"));
    assert_eq!(end.events(), ["2", "3 with net.Socket #1"]);
    assert_eq!(end.lines(), [ACK]);
}
