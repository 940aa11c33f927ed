//! Splitting reads into lines (SER-2, SER-8, SER-9).

use bytes::BytesMut;
use crossfork::wire::frame::Frame;
use crossfork::wire::json::Splitter;
use proptest::prelude::*;

const TOO_LONG: &[u8] = b"(too long)";
const SKIPPED: &[u8] = b"(skipped)";

/// The lines of these reads. The text of an oversized line depends on the reads, and is left out.
fn lines<'a>(reads: impl IntoIterator<Item = &'a [u8]>, max_message: usize) -> Vec<Vec<u8>> {
    let (mut splitter, mut buffer, mut lines) = (Splitter::default(), BytesMut::new(), Vec::new());
    for read in reads {
        buffer.extend_from_slice(read);
        while let Some(line) = splitter.next_frame(&mut buffer, max_message) {
            lines.push(match line {
                Frame::Whole(line) => line.to_vec(),
                Frame::TooLong(start) => {
                    assert!(start.len() > max_message, "{} bytes are not too long", start.len());
                    TOO_LONG.to_vec()
                }
                Frame::Skipped => SKIPPED.to_vec(),
                Frame::Foreign => panic!("lines are never in Bun's format"),
            });
        }
    }
    lines
}

/// The definition: the text before each line end, or the marks if it is over the limit, of which
/// the first comes as soon as that is known.
fn expected(text: &[u8], max_message: usize) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for line in text.split_inclusive(|b| *b == b'\n') {
        let whole = line.strip_suffix(b"\n");
        let over = whole.unwrap_or(line).len() > max_message;
        lines.extend(over.then(|| TOO_LONG.to_vec()));
        lines.extend(whole.map(|whole| if over { SKIPPED.to_vec() } else { whole.to_vec() }));
    }
    lines
}

#[test]
fn ser_2_every_split_of_a_text_into_three_reads_gives_the_same_lines() {
    let text = "{\"a\":1}\n\n\"grüße \u{1F600}\"\r\nnull\n[1,\n\u{2028}2]\nhalf a l".as_bytes();
    let whole = expected(text, 1000);
    assert_eq!(whole.len(), 6);
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let reads = [&text[..first], &text[first..second], &text[second..]];
            assert_eq!(lines(reads, 1000), whole, "split at {first} and {second}");
        }
    }
}

#[test]
fn ser_2_single_byte_reads_give_the_same_lines() {
    let text = "\"é\"\n{\"cmd\":\"x\"}\n\n".as_bytes();
    assert_eq!(lines(text.chunks(1), 1000), expected(text, 1000));
}

#[test]
fn ser_8_a_line_without_its_end_is_not_a_line() {
    assert_eq!(lines([b"{\"half\":".as_slice(), b"true}"], 1000), Vec::<Vec<u8>>::new());
}

#[test]
fn ser_9_a_line_over_the_limit_is_reported_once_and_the_next_is_delivered_for_any_reads() {
    let text = b"12345678\n123456789\n\n1234567890123456789\nok\n";
    let whole = expected(text, 8);
    assert_eq!(whole, [b"12345678", TOO_LONG, SKIPPED, b"", TOO_LONG, SKIPPED, b"ok"]);
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let reads = [&text[..first], &text[first..second], &text[second..]];
            assert_eq!(lines(reads, 8), whole, "split at {first} and {second}");
        }
    }
    assert_eq!(lines(text.chunks(1), 8), whole);
}

#[test]
fn ser_9_an_endless_line_is_reported_before_it_ends_and_is_not_kept() {
    let (mut splitter, mut buffer) = (Splitter::default(), BytesMut::new());
    buffer.extend_from_slice(&[b'x'; 101]);
    assert!(matches!(splitter.next_frame(&mut buffer, 100), Some(Frame::TooLong(_))));
    for _ in 0..1000 {
        buffer.extend_from_slice(&[b'x'; 100]);
        assert_eq!(splitter.next_frame(&mut buffer, 100), None);
        assert!(buffer.is_empty(), "{} bytes of the skipped line are kept", buffer.len());
    }
    buffer.extend_from_slice(b"x\n1\n");
    assert_eq!(splitter.next_frame(&mut buffer, 100), Some(Frame::Skipped));
    assert_eq!(splitter.next_frame(&mut buffer, 100), Some(Frame::Whole("1".into())));
}

/// If an unfinished line were scanned again on each read, a large message in small reads would take
/// quadratic time. The test places a line end where the splitter has already looked.
#[test]
fn ser_2_no_byte_is_scanned_twice() {
    let (mut splitter, mut buffer) = (Splitter::default(), BytesMut::new());
    for _ in 0..5000 {
        buffer.extend_from_slice(b"x");
        assert_eq!(splitter.next_frame(&mut buffer, usize::MAX), None);
        let last = buffer.len() - 1;
        buffer[last] = b'\n';
    }
    buffer.extend_from_slice(b"\n");
    let line = splitter.next_frame(&mut buffer, usize::MAX);
    assert!(matches!(line, Some(Frame::Whole(line)) if line.len() == 5000));
    // And from the start again with the next line.
    buffer.extend_from_slice(b"1\n2\n");
    assert_eq!(splitter.next_frame(&mut buffer, usize::MAX), Some(Frame::Whole("1".into())));
    assert_eq!(splitter.next_frame(&mut buffer, usize::MAX), Some(Frame::Whole("2".into())));
    assert_eq!(splitter.next_frame(&mut buffer, usize::MAX), None);
}

proptest! {
    #[test]
    fn ser_2_ser_9_lines_do_not_depend_on_the_reads(
        text in prop::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(b'\n')], 0..400),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        limit in 0usize..60,
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.push(text.len());
        cuts.sort_unstable();
        let mut from = 0;
        let reads = cuts.iter().map(|to| &text[std::mem::replace(&mut from, *to)..*to]);
        prop_assert_eq!(lines(reads, limit), expected(&text, limit));
    }
}
