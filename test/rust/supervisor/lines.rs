//! Output is cut into lines, and each gets its form.

use crossfork::supervisor::log::{Format, LONGEST_LINE, Lines, Origin, Stream};
use proptest::prelude::*;

fn all(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut lines = Lines::default();
    let mut found = Vec::new();
    for piece in pieces {
        lines.feed(piece, |line| found.push(line.to_vec()));
    }
    lines.end(|line| found.push(line.to_vec()));
    found
}

#[test]
fn a_line_ends_where_it_ends_however_it_was_written() {
    assert_eq!(
        all(&[b"one\ntw", b"o\n", b"", b"three", b"\n\nfive\n"]),
        [&b"one\n"[..], b"two\n", b"three\n", b"\n", b"five\n"]
    );
}

#[test]
fn the_last_line_needs_no_end() {
    assert_eq!(all(&[b"one\ntwo"]), [&b"one\n"[..], b"two"]);
    assert!(all(&[b""]).is_empty());
}

#[test]
fn a_long_line_is_cut_into_several() {
    let line = vec![b'x'; LONGEST_LINE * 2 + 1];
    let lengths: Vec<_> = all(&[&line, b"\nnext\n"]).iter().map(Vec::len).collect();
    assert_eq!(lengths, [LONGEST_LINE, LONGEST_LINE, 2, 5]);
    let exactly = vec![b'x'; LONGEST_LINE];
    assert_eq!(all(&[&exactly, b"\n"]).len(), 1);
}

#[test]
fn a_long_line_is_not_cut_inside_of_a_character() {
    for before in 0..4 {
        let line = format!("{}{}", "x".repeat(LONGEST_LINE - before), "😀é".repeat(20_000));
        let found = all(&[line.as_bytes()]);
        assert!(found.iter().all(|line| str::from_utf8(line).is_ok()), "{before} before the end");
        assert_eq!(found.concat(), line.as_bytes());
    }
}

#[test]
fn a_long_line_of_no_characters_is_cut_all_the_same() {
    let line = vec![0b1011_1111; LONGEST_LINE * 3];
    assert!(all(&[&line]).len() >= 3);
    assert_eq!(all(&[&line]).concat(), line);
}

proptest! {
    #[test]
    fn nothing_is_added_and_nothing_lost(
        pieces in prop::collection::vec(prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..50), 0..20),
    ) {
        let text = pieces.concat();
        let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(all(&pieces).concat(), text);
    }
}

fn formatted(format: Format, line: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    format.theirs(&Origin { slot: 3, pid: 4711, stream: Stream::Stderr }, line, &mut text);
    text
}

#[test]
fn raw_lines_stay_as_they_are() {
    for line in [&b"a \xff line\n"[..], b"a line without an end", b"\n"] {
        assert_eq!(formatted(Format::Raw, line), line);
    }
}

#[test]
fn formatted_lines_begin_with_the_instance_and_the_process() {
    assert_eq!(formatted(Format::Formatted, b"a \xff line\n"), b"[3 4711] a \xff line\n");
    assert_eq!(formatted(Format::Formatted, b"a part"), b"[3 4711] a part\n");
    assert_eq!("formatted".parse(), Ok(Format::Formatted));
}

#[test]
fn lines_in_json_say_where_they_come_from() {
    let text = formatted(Format::Json, "a \"line\"\t\u{2028}".as_bytes());
    let mut value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert!(value["time"].as_u64().unwrap() > 1_700_000_000_000);
    value["time"] = 0.into();
    let expected = serde_json::json!({
        "time": 0, "instance": 3, "pid": 4711, "stream": "stderr", "text": "a \"line\"\t\u{2028}",
    });
    assert_eq!(value, expected);
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1);
}

#[test]
fn bytes_that_are_no_text_do_not_spoil_json() {
    let value: serde_json::Value = serde_json::from_slice(&formatted(Format::Json, b"\xff\x00")).unwrap();
    assert_eq!(value["text"], "\u{fffd}\u{0}");
}

#[test]
fn our_own_lines_can_be_told_from_theirs() {
    let mut text = Vec::new();
    Format::Formatted.ours("reloaded", &mut text);
    Format::Raw.ours("reloaded", &mut text);
    assert_eq!(text, b"[crossfork] reloaded\n[crossfork] reloaded\n");
    text.clear();
    Format::Json.ours("reloaded", &mut text);
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((&value["stream"], &value["text"]), (&"crossfork".into(), &"reloaded".into()));
    assert_eq!(value.as_object().unwrap().len(), 3);
}
