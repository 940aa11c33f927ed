//! Splitting reads into frames with a length: the advanced mode (ADV-1 to ADV-3).

use bytes::BytesMut;
use crossfork::v8::{self, JsString, Options};
use crossfork::wire::advanced::{self, MAX_SENT, PREFIX, Splitter, encode, frame_of};
use crossfork::wire::control::{SocketKey, advanced as control};
use crossfork::wire::frame::Frame;
use crossfork::{HandleType, SendError};
use proptest::prelude::*;

const TOO_LONG: &[u8] = b"(too long)";
const SKIPPED: &[u8] = b"(skipped)";
const FOREIGN: &[u8] = b"(foreign)";

/// The frames of these reads. The beginning of an oversized frame depends on the reads, and is left out.
fn frames<'a>(reads: impl IntoIterator<Item = &'a [u8]>, max_message: usize) -> Vec<Vec<u8>> {
    let (mut splitter, mut buffer, mut frames) = (Splitter::default(), BytesMut::new(), Vec::new());
    for read in reads {
        buffer.extend_from_slice(read);
        while let Some(frame) = splitter.next_frame(&mut buffer, max_message) {
            frames.push(match frame {
                Frame::Whole(record) => record.to_vec(),
                Frame::TooLong(start) => {
                    assert!(start.len() > max_message, "{} bytes are not too long", start.len());
                    TOO_LONG.to_vec()
                }
                Frame::Skipped => SKIPPED.to_vec(),
                Frame::Foreign => FOREIGN.to_vec(),
            });
        }
    }
    frames
}

fn framed(record: &[u8]) -> Vec<u8> {
    [advanced::prefix(record.len()).expect("is short").as_slice(), record].concat()
}

/// The definition: the bytes behind each length, or the marks if they are over the limit, of which
/// the first comes as soon as that is known.
fn expected(mut stream: &[u8], max_message: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some((prefix, rest)) = stream.split_first_chunk() {
        let length = u32::from_be_bytes(*prefix) as usize;
        let is_whole = rest.len() >= length;
        if length > max_message {
            frames.extend((rest.len() > max_message).then(|| TOO_LONG.to_vec()));
            frames.extend(is_whole.then(|| SKIPPED.to_vec()));
        } else if is_whole {
            frames.push(rest[..length].to_vec());
        }
        stream = &rest[length.min(rest.len())..];
    }
    frames
}

fn at_every_two_places(stream: &[u8], max_message: usize) {
    let whole = expected(stream, max_message);
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let reads = [&stream[..first], &stream[first..second], &stream[second..]];
            assert_eq!(frames(reads, max_message), whole, "split at {first} and {second}");
        }
    }
    assert_eq!(frames(stream.chunks(1), max_message), whole, "in single bytes");
}

#[test]
fn adv_1_adv_3_every_split_of_a_stream_into_three_reads_gives_the_same_frames() {
    let stream = [
        framed(b"\xff\x0fT"),
        framed(b""),
        framed(b"\xff\x0f\"\x04\0\0\0\x01"),
        framed(&[0; 30]),
        b"\0\0\0\x05half".to_vec(),
    ]
    .concat();
    assert_eq!(expected(&stream, 1000).len(), 4);
    at_every_two_places(&stream, 1000);
}

#[test]
fn adv_2_a_frame_over_the_limit_is_reported_once_and_the_next_is_delivered_for_any_reads() {
    let stream = [framed(b"12345678"), framed(b"123456789"), framed(b""), framed(&[7; 25]), framed(b"ok")];
    let stream = stream.concat();
    assert_eq!(expected(&stream, 8), [b"12345678", TOO_LONG, SKIPPED, b"", TOO_LONG, SKIPPED, b"ok"]);
    at_every_two_places(&stream, 8);
    at_every_two_places(&stream, 0);
}

#[test]
fn adv_2_a_length_of_4_gib_reserves_no_memory() {
    let (mut splitter, mut buffer) = (Splitter::default(), BytesMut::with_capacity(64));
    let capacity = buffer.capacity();
    buffer.extend_from_slice(&[0xFF; 4]);
    for max_message in [0, 100, usize::MAX] {
        assert_eq!(splitter.next_frame(&mut buffer, max_message), None);
    }
    assert_eq!(buffer.capacity(), capacity);
}

#[test]
fn adv_2_a_frame_of_4_gib_is_reported_before_it_ends_and_is_not_kept() {
    let (mut splitter, mut buffer) = (Splitter::default(), BytesMut::new());
    buffer.extend_from_slice(&[0xFF; 4]);
    buffer.extend_from_slice(&[b'x'; 100]);
    assert_eq!(splitter.next_frame(&mut buffer, 100), None);
    buffer.extend_from_slice(b"x");
    assert!(
        matches!(splitter.next_frame(&mut buffer, 100), Some(Frame::TooLong(start)) if start.len() == 101)
    );
    let mut left = u32::MAX as usize - 101;
    let part = vec![b'x'; 1 << 20];
    while left > part.len() {
        buffer.extend_from_slice(&part);
        left -= part.len();
        assert_eq!(splitter.next_frame(&mut buffer, 100), None);
        assert!(buffer.is_empty(), "{} bytes of the skipped frame are kept", buffer.len());
    }
    buffer.extend_from_slice(&part[..left]);
    buffer.extend_from_slice(&framed(b"next"));
    assert_eq!(splitter.next_frame(&mut buffer, 100), Some(Frame::Skipped));
    assert_eq!(splitter.next_frame(&mut buffer, 100), Some(Frame::Whole("next".into())));
}

#[test]
fn adv_3_a_frame_too_long_for_a_signed_length_is_not_sent() {
    assert_eq!(advanced::prefix(0).expect("fits"), [0; 4]);
    assert_eq!(advanced::prefix(MAX_SENT).expect("fits"), [0x7F, 0xFE, 0, 0]);
    for length in [MAX_SENT + 1, u32::MAX as usize, usize::MAX] {
        let refused = advanced::prefix(length);
        assert!(
            matches!(refused, Err(SendError::TooLong { length: l, limit: MAX_SENT }) if l == length),
            "{refused:?}"
        );
    }
}

/// So that no read of a Node 18, which ends after 64 KiB or at the end of a frame, ends inside of a
/// length.
#[test]
fn adv_3_the_size_of_our_frames_is_a_multiple_of_four() {
    let mut frames = vec![control::HANDLE_ACK.to_vec(), control::HANDLE_NACK.to_vec()];
    for length in 0..40 {
        for letter in ["x", "é", "\u{1F600}"] {
            let text = letter.repeat(length);
            let frame = encode(&text, &Options::new()).expect("encodes");
            assert_eq!(v8::from_slice::<String>(&frame[PREFIX..]).expect("decodes"), text);
            let again = frame_of(&frame[PREFIX..]).expect("is whole");
            assert_eq!(again, frame, "what is padded already is not padded again");
            let record = v8::to_vec(&text, &Options::new()).expect("encodes");
            frames.push(frame_of(&record).expect("is whole"));
            let key = SocketKey::new(JsString::from(format!("4:{text}"))).expect("is not empty");
            frames.push(control::encode_handle(HandleType::NetSocket, &record, Some(&key), None));
            frames.push(control::encode_socket("NODE_SOCKET_COUNT", &key, Some(length)));
            frames.push(frame);
        }
    }
    for frame in frames {
        assert!(frame.len().is_multiple_of(4), "{}", frame.escape_ascii());
        let announced = u32::from_be_bytes(*frame.first_chunk().expect("a length"));
        assert_eq!(announced as usize, frame.len() - PREFIX);
        v8::Value::decode(&frame[PREFIX..]).expect("decodes");
    }
}

/// A type and a little-endian length, as Bun 1.4 begins.
const BUNS: &[u8] = b"\x01\x02\0\0\0\xff\x0f";

#[test]
fn adv_1_buns_format_is_recognized_by_its_first_five_bytes() {
    for first in 0..=BUNS.len() {
        let reads = [&BUNS[..first], &BUNS[first..], &framed(b"\xff\x0f_")];
        assert_eq!(frames(reads, 1000), [FOREIGN], "split at {first}");
    }
    assert_eq!(frames(BUNS.chunks(1), 0), [FOREIGN]);
    assert_eq!(frames([&BUNS[..4]], 1000), Vec::<Vec<u8>>::new());
    for kind in 1..=5 {
        assert_eq!(frames([&[kind, 0, 0, 0, 0][..]], 1000), [FOREIGN], "{kind}");
    }
}

#[test]
fn adv_1_nodes_frames_are_never_mistaken_for_buns() {
    // Node's frames begin like this from 16 MiB on, and no other stream begins with the third.
    for start in [b"\x01\0\0\x10\xff\x0f", b"\x05\xff\xff\xff\xff\x0f", b"\x06\0\0\0\0\0"] {
        assert_eq!(frames([&start[..]], usize::MAX), Vec::<Vec<u8>>::new(), "{}", start.escape_ascii());
    }
    // Only at the beginning of the stream.
    let later = [&framed(b"\x01")[..], BUNS].concat();
    assert_eq!(frames([&later[..]], 1000), [b"\x01"]);
}

proptest! {
    #[test]
    fn adv_1_adv_2_frames_do_not_depend_on_the_reads(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..12),
        left_out in 0usize..40,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        limit in 0usize..60,
    ) {
        let mut stream: Vec<u8> = records.iter().flat_map(|record| framed(record)).collect();
        stream.truncate(stream.len().saturating_sub(left_out));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.push(stream.len());
        cuts.sort_unstable();
        let mut from = 0;
        let reads = cuts.iter().map(|to| &stream[std::mem::replace(&mut from, *to)..*to]);
        prop_assert_eq!(frames(reads, limit), expected(&stream, limit));
    }
}
