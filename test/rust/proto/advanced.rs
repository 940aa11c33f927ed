//! The channel in the advanced mode, where it differs from the JSON mode.

use crossfork::proto::{Channel, Event};
use crossfork::wire::control;
use crossfork::{HandleType, Limits, ProtocolError, SendError, Serialization};

use crate::sim::token::{Ledger, Token};
use crate::sim::transcode::{nodes_frame, text};

const MODE: Serialization = Serialization::Advanced;
const BUNS: &[u8] = b"\x01\x02\0\0\0\xff\x0f";

fn read(core: &mut Channel<Token>, bytes: &[u8], fds: impl IntoIterator<Item = Token>) {
    core.read_buffer().extend_from_slice(bytes);
    core.handle_input(bytes.len(), fds, false);
}

fn handle(message: &str) -> Vec<u8> {
    nodes_frame(MODE, &format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{message}}}"#))
}

/// All that is to be written.
fn written(core: &mut Channel<Token>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(transmit) = core.poll_transmit() {
        let slices = transmit.slices().iter();
        let length = slices.flat_map(|slice| slice.iter()).map(|byte| bytes.push(*byte)).count();
        core.transmitted(length);
    }
    bytes
}

#[test]
fn hnd_4_a_handle_message_may_be_cut_anywhere() {
    let (first, second) = (handle("[1]"), handle("[2]"));
    for cut in 1..first.len() {
        let (mut core, fds) = (Channel::new(MODE, Limits::default()), Ledger::default());
        read(&mut core, &first[..cut], [fds.open()]);
        // The rest of the one is plain, and ends in the same read that begins the other.
        read(&mut core, &[&first[cut..], &second].concat(), [fds.open()]);
        for (file, message) in ["[1]", "[2]"].into_iter().enumerate() {
            match core.poll_event() {
                Some(Event::Message { payload, handle: Some(handle) }) => {
                    assert_eq!(text(MODE, payload.as_bytes()), message, "cut at {cut}");
                    assert_eq!(handle.fd.file(), file, "cut at {cut}");
                }
                other => panic!("{other:?}, cut at {cut}"),
            }
        }
        assert_eq!(written(&mut core), control::handle_ack(MODE).repeat(2));
    }
}

#[test]
fn hnd_6_a_handle_message_over_the_limit_is_answered_at_its_end() {
    let long = handle(&format!("\"{}\"", "x".repeat(1000)));
    for size in [1, 50, 101, 105, 1000, 10_000] {
        let fds = Ledger::default();
        let mut core = Channel::new(MODE, Limits::new().max_message(100));
        let mut fd = Some(fds.open());
        let (last, parts) = long.split_last().unwrap();
        for part in parts.chunks(size) {
            read(&mut core, part, fd.take());
        }
        assert_eq!(fds.descriptors(), 0, "it is closed as soon as that is known");
        assert_eq!(written(&mut core), b"", "no reply is expected yet");
        read(&mut core, &[*last], []);
        assert_eq!(written(&mut core), control::handle_ack(MODE), "in reads of {size}");
        let event = core.poll_event();
        assert!(matches!(event, Some(Event::Invalid(ProtocolError::TooLong { limit: 100 }))), "{event:?}");
        assert!(core.poll_event().is_none());
    }
}

#[test]
fn adv_1_a_stream_in_buns_format_is_reported_and_ends_the_channel() {
    for cut in 1..=5 {
        let (mut core, fds) = (Channel::new(MODE, Limits::default()), Ledger::default());
        core.send(nodes_frame(MODE, "\"lost\"")).expect("is open");
        read(&mut core, &BUNS[..cut], [fds.open()]);
        assert_eq!(core.is_closed(), cut == 5, "after {cut} bytes");
        read(&mut core, &[&BUNS[cut..], &handle("1")].concat(), [fds.open()]);
        assert!(core.is_closed());
        let event = core.poll_event();
        assert!(matches!(event, Some(Event::Invalid(ProtocolError::BunFormat))), "{event:?}");
        let event = core.poll_event();
        assert!(matches!(event, Some(Event::Disconnected { lost: 1 })), "{event:?}");
        assert!(core.poll_event().is_none());
        assert_eq!(fds.descriptors(), 0);
        let sent = core.send(nodes_frame(MODE, "1"));
        assert!(matches!(sent, Err(SendError::Closed)), "{sent:?}");
    }
}

#[test]
fn life_4_a_disconnecting_channel_does_not_report_buns_format() {
    let mut core = Channel::<Token>::new(MODE, Limits::default());
    core.disconnect().expect("is open");
    read(&mut core, BUNS, []);
    assert!(matches!(core.poll_event(), Some(Event::Disconnected { lost: 0 })));
    assert!(core.poll_event().is_none());
}

#[test]
fn adv_3_no_write_ends_inside_a_length() {
    let mut core = Channel::<Token>::new(MODE, Limits::default());
    // More than one write accepts, fed and sent, with a handle among them.
    for i in 0..3000 {
        let frame = crate::sim::transcode::frame(MODE, &format!("\"{}\"", "x".repeat(i % 100)));
        match i % 3 {
            0 => drop(core.send(frame).expect("is open")),
            _ => core.feed(&frame).expect("is open"),
        }
    }
    let fds = Ledger::default();
    let frame = control::encode_handle(MODE, HandleType::NetSocket, &nodes_frame(MODE, "1"), None, None);
    core.send_handle(frame, fds.open()).map_err(|(error, _)| error).expect("is open");
    let mut writes = 0;
    while let Some(transmit) = core.poll_transmit() {
        let bytes: Vec<u8> = transmit.slices().iter().flat_map(|slice| slice.iter().copied()).collect();
        let mut rest = bytes.as_slice();
        while let Some((prefix, behind)) = rest.split_first_chunk() {
            rest = &behind[u32::from_be_bytes(*prefix) as usize..];
        }
        assert!(rest.is_empty(), "a write of {} bytes ends in {rest:?}", bytes.len());
        core.transmitted(bytes.len());
        writes += 1;
    }
    assert!(writes > 3, "{writes} writes");
}
