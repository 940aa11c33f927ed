//! Received messages and handles: each handle gets its own descriptor and one reply (HND-1, HND-4 to
//! HND-6, HND-10).

use crate::kit::{ACK, End, NACK, node_handle};

#[test]
fn ser_2_messages_arrive_in_order_for_any_read_size() {
    let text = "1\n{\"cmd\":\"NODE_\"}\n\n\"é\"\n";
    for size in 1..=text.len() {
        let mut end = End::new();
        text.as_bytes().chunks(size).for_each(|read| end.read(read, []));
        let events = ["1", r#"{"cmd":"NODE_"}"#, "an empty line is not a message", "\"é\""];
        assert_eq!(end.events(), events, "in reads of {size}");
    }
}

#[test]
fn int_1_unknown_internal_messages_are_discarded() {
    let mut end = End::new();
    end.line(r#"{"cmd":"NODE_CLUSTER","act":"online"}"#);
    end.line(r#"{"cmd":"\u004eODE_WHATEVER"}"#);
    assert!(end.events().is_empty());
    assert!(end.lines().is_empty());
}

#[test]
fn hnd_6_a_handle_is_acknowledged_and_delivered_with_its_type() {
    let mut end = End::new();
    end.handle(r#"{"cmd":"NODE_HANDLE","type":"dgram.Socket","msg":{"a":1},"dgramType":"udp4"}"#);
    assert_eq!(end.lines(), [ACK]);
    assert_eq!(end.events(), [r#"{"a":1} with dgram.Socket #0"#]);
    assert_eq!(end.fds.descriptors(), 0);
}

#[test]
fn hnd_6_the_reply_is_written_before_the_message_is_received() {
    let mut end = End::new();
    end.handle(&node_handle("1"));
    assert_eq!(end.lines(), [ACK]);
    assert_eq!(end.fds.descriptors(), 1);
}

#[test]
fn hnd_6_a_handle_without_descriptor_is_refused_once_and_reported() {
    let mut end = End::new();
    end.line(&node_handle("1"));
    assert_eq!(end.lines(), [NACK]);
    assert_eq!(end.events(), ["1 without descriptor"]);
    // Node sends it again, double-wrapped.
    end.handle(&format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Native","msg":{}}}"#, node_handle("1")));
    assert_eq!(end.lines(), [ACK]);
    assert_eq!(end.events(), ["1 with net.Socket #0"]);
}

#[test]
fn hnd_4_a_handle_message_may_be_cut_anywhere() {
    let line = node_handle("{\"é\":1}") + "\n";
    for cut in 1..line.len() {
        let mut end = End::new();
        let fd = end.fds.open();
        end.read(&line.as_bytes()[..cut], [fd]);
        end.read(&line.as_bytes()[cut..], []);
        assert_eq!(end.events(), ["{\"é\":1} with net.Socket #0"], "cut at {cut}");
        assert_eq!(end.lines(), [ACK]);
    }
}

#[test]
fn hnd_4_a_reader_of_single_bytes_pairs_handles_with_their_descriptors() {
    let mut end = End::new();
    for message in 0..3 {
        end.read("\"plain\"\n", []);
        let mut fd = Some(end.fds.open());
        for byte in (node_handle(&message.to_string()) + "\n").as_bytes() {
            end.read([*byte], fd.take());
        }
    }
    let plain = "\"plain\"";
    assert_eq!(
        end.events(),
        [plain, "0 with net.Socket #0", plain, "1 with net.Socket #1", plain, "2 with net.Socket #2"]
    );
    assert_eq!(end.lines(), [ACK, ACK, ACK]);
}

#[test]
fn hnd_4_plain_messages_before_a_handle_in_the_same_read_do_not_take_its_descriptor() {
    let mut end = End::new();
    let fd = end.fds.open();
    end.read(format!("1\n2\n{}", &node_handle("3")), [fd]);
    end.read("\n4\n", []);
    assert_eq!(end.events(), ["1", "2", "3 with net.Socket #0", "4"]);
}

#[test]
fn hnd_4_pipelined_handles_keep_their_descriptors_when_reads_straddle_them() {
    let mut end = End::new();
    let (first, second) = (node_handle("1") + "\n", node_handle("2") + "\n");
    let fd = end.fds.open();
    end.read(&first[..10], [fd]);
    // The rest of the first message, now without a descriptor, and the beginning of the second.
    let fd = end.fds.open();
    end.read(first[10..].to_owned() + &second[..10], [fd]);
    end.read(&second[10..], []);
    assert_eq!(end.events(), ["1 with net.Socket #0", "2 with net.Socket #1"]);
    assert_eq!(end.lines(), [ACK, ACK]);
}

#[test]
fn hnd_4_two_handles_with_two_descriptors_in_one_write_are_paired_in_order() {
    let mut end = End::new();
    let fds = [end.fds.open(), end.fds.open()];
    end.read(format!("{}\n{}\n", node_handle("1"), node_handle("2")), fds);
    assert_eq!(end.events(), ["1 with net.Socket #0", "2 with net.Socket #1"]);
    assert_eq!(end.lines(), [ACK, ACK]);
}

#[test]
fn hnd_5_a_stray_descriptor_is_closed_and_never_given_to_a_later_handle() {
    let mut end = End::new();
    let stray = end.fds.open();
    end.read("1\n", [stray]);
    assert_eq!(end.fds.descriptors(), 0);
    end.line(&node_handle("2"));
    end.handle(&node_handle("3"));
    assert_eq!(end.events(), ["1", "1 stray", "2 without descriptor", "3 with net.Socket #1"]);
    assert_eq!(end.lines(), [NACK, ACK]);
}

#[test]
fn hnd_5_a_stray_descriptor_on_an_incomplete_message_is_closed_with_it() {
    let mut end = End::new();
    let stray = end.fds.open();
    end.read("\"ha", [stray]);
    assert_eq!(end.fds.descriptors(), 1);
    let fd = end.fds.open();
    end.read(format!("lf\"\n{}\n", node_handle("1")), [fd]);
    assert_eq!(end.events(), ["\"half\"", "1 stray", "1 with net.Socket #1"]);
}

#[test]
fn hnd_5_surplus_descriptors_of_a_handle_are_closed() {
    let mut end = End::new();
    let fds = [end.fds.open(), end.fds.open(), end.fds.open()];
    end.read(node_handle("1") + "\n", fds);
    assert_eq!(end.fds.descriptors(), 1);
    end.line(&node_handle("2"));
    assert_eq!(end.events(), ["1 with net.Socket #0", "2 stray", "2 without descriptor"]);
    assert_eq!(end.lines(), [ACK, NACK]);
}

#[test]
fn hnd_5_a_descriptor_without_a_handle_message_is_a_stray() {
    for line in [r#"{"cmd":"NODE_SOCKET_COUNT"}"#, "", "undefined"] {
        let mut end = End::new();
        end.handle(line);
        assert!(end.events().contains(&"1 stray".to_owned()), "on {line:?}");
        assert_eq!(end.fds.descriptors(), 0);
    }
}

#[test]
fn hnd_5_a_descriptor_after_its_message_does_not_belong_to_it() {
    let mut end = End::new();
    end.line(&node_handle("1"));
    let late = end.fds.open();
    end.read("2\n", [late]);
    assert_eq!(end.events(), ["1 without descriptor", "2", "1 stray"]);
    assert_eq!(end.lines(), [NACK]);
}

#[test]
fn hnd_6_a_handle_whose_descriptor_was_dropped_is_refused_and_gets_no_other() {
    let mut end = End::new();
    end.read_truncated(node_handle("1") + "\n", []);
    end.handle(&node_handle("2"));
    assert_eq!(end.events(), ["1 without descriptor", "2 with net.Socket #0"]);
    assert_eq!(end.lines(), [NACK, ACK]);
}

#[test]
fn hnd_6_a_dropped_descriptor_of_an_incomplete_message_does_not_affect_the_next() {
    let mut end = End::new();
    let (first, second) = (node_handle("1") + "\n", node_handle("2") + "\n");
    end.read_truncated(&first[..10], []);
    let fd = end.fds.open();
    end.read(first[10..].to_owned() + &second[..10], [fd]);
    end.read(&second[10..], []);
    assert_eq!(end.events(), ["1 without descriptor", "2 with net.Socket #0"]);
    assert_eq!(end.lines(), [NACK, ACK]);
}

#[test]
fn hnd_6_the_first_of_several_descriptors_may_survive() {
    let mut end = End::new();
    let fd = end.fds.open();
    end.read_truncated(node_handle("1") + "\n", [fd]);
    end.line(&node_handle("2"));
    // A dropped descriptor is not a stray: it cannot be closed.
    assert_eq!(end.events(), ["1 with net.Socket #0", "2 without descriptor"]);
}

#[test]
fn hnd_10_a_double_wrapped_handle_gets_one_reply_and_is_delivered_once() {
    let mut end = End::new();
    let inner = r#"{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{"a":1},"key":"4::0"}"#;
    end.handle(&format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Native","msg":{inner}}}"#));
    assert_eq!(end.lines(), [ACK]);
    assert_eq!(end.events(), [r#"{"a":1} with counted net.Socket #0"#]);
    end.line(r#"{"cmd":"NODE_SOCKET_GET_COUNT","key":"4::0"}"#);
    assert_eq!(end.lines(), [r#"{"cmd":"NODE_SOCKET_COUNT","key":"4::0","count":1}"#]);
}

#[test]
fn hnd_10_a_double_wrapped_handle_without_descriptor_gets_one_reply() {
    let mut end = End::new();
    end.line(&format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Native","msg":{}}}"#, node_handle("1")));
    assert_eq!(end.lines(), [NACK]);
    assert_eq!(end.events(), ["1 without descriptor"]);
}

#[test]
fn hnd_1_a_handle_for_nodes_internals_is_acknowledged_and_closed() {
    let mut end = End::new();
    end.handle(r#"{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_CLUSTER","act":"newconn"}}"#);
    assert_eq!(end.lines(), [ACK]);
    assert!(end.events().is_empty());
    assert_eq!(end.fds.descriptors(), 0);
}

#[test]
fn hnd_22_an_unknown_type_is_acknowledged_and_left_to_the_driver() {
    let mut end = End::new();
    end.handle(r#"{"cmd":"NODE_HANDLE","type":"tls.Socket","msg":1}"#);
    end.handle(r#"{"cmd":"NODE_HANDLE"}"#);
    assert_eq!(end.lines(), [ACK, ACK]);
    assert_eq!(end.events(), ["1 with tls.Socket #0", " with  #1"]);
}
