//! Output is cut into lines, and each gets its form.

use std::time::Duration;

use crossfork::Signal;
use crossfork::supervisor::log::{self, Format, Lines, Log, Origin, Piece, Stream, Style, utc};
use crossfork::supervisor::policy::{Ended, ListenFailure, Notice, Subject};
use crossfork::supervisor::report::Report;
use proptest::prelude::*;
use serde_json::json;

const LIMIT: usize = 64 * 1024;

fn all(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    with_parts(pieces).into_iter().map(|(line, _)| line).collect()
}

fn with_parts(pieces: &[&[u8]]) -> Vec<(Vec<u8>, Piece)> {
    let mut lines = Lines::new(LIMIT);
    let mut found = Vec::new();
    for bytes in pieces {
        lines.feed(bytes, |line, piece| found.push((line.to_vec(), piece)));
    }
    lines.end(|line, piece| found.push((line.to_vec(), piece)));
    found
}

fn part(number: u64, is_last: bool) -> Piece {
    Piece::Part { number, is_last }
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
    let line = vec![b'x'; LIMIT * 2 + 1];
    let lengths: Vec<_> = all(&[&line, b"\nnext\n"]).iter().map(Vec::len).collect();
    assert_eq!(lengths, [LIMIT, LIMIT, 2, 5]);
    let parts: Vec<_> = with_parts(&[&line, b"\nnext\n"]).into_iter().map(|(_, piece)| piece).collect();
    assert_eq!(parts, [part(1, false), part(2, false), part(3, true), Piece::Whole]);
    let exactly = vec![b'x'; LIMIT];
    assert_eq!(all(&[&exactly, b"\n"]).len(), 1);
}

#[test]
fn a_long_line_without_an_end_has_a_last_part() {
    let line = vec![b'x'; LIMIT + 1];
    let parts: Vec<_> = with_parts(&[&line]).into_iter().map(|(line, piece)| (line.len(), piece)).collect();
    assert_eq!(parts, [(LIMIT, part(1, false)), (1, part(2, true))]);
}

#[test]
fn a_long_line_is_not_cut_inside_of_a_character() {
    for before in 0..4 {
        let line = format!("{}{}", "x".repeat(LIMIT - before), "😀é".repeat(20_000));
        let found = all(&[line.as_bytes()]);
        assert!(found.iter().all(|line| str::from_utf8(line).is_ok()), "{before} before the end");
        assert_eq!(found.concat(), line.as_bytes());
    }
}

#[test]
fn a_long_line_of_no_characters_is_cut_all_the_same() {
    let line = vec![0b1011_1111; LIMIT * 3];
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
    piece(format, line, Piece::Whole)
}

fn piece(style: impl Into<Style>, line: &[u8], piece: Piece) -> Vec<u8> {
    let mut text = Vec::new();
    style.into().theirs(&Origin { slot: 3, pid: 4711, stream: Stream::Stderr }, line, piece, &mut text);
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
    Style::from(Format::Formatted).ours("reloaded", None, &mut text);
    Style::from(Format::Raw).ours("reloaded", None, &mut text);
    assert_eq!(text, b"[crossfork] reloaded\n[crossfork] reloaded\n");
    text.clear();
    Style::from(Format::Json).ours("reloaded", None, &mut text);
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((&value["stream"], &value["text"]), (&"crossfork".into(), &"reloaded".into()));
    assert_eq!(value.as_object().unwrap().len(), 3);
}

#[test]
fn our_own_lines_in_json_have_the_fields_of_their_event() {
    let worker = Subject { slot: 2, pid: 4711 };
    let failure = ListenFailure { address: "port 80".into(), reason: "no".into(), code: "EACCES" };
    for (notice, expected) in [
        (
            Notice::Up(worker, true),
            json!({ "event": "worker_up", "instance": 2, "pid": 4711, "listens": true }),
        ),
        (
            Notice::ListenFailed(worker, failure),
            json!({ "event": "listen_failed", "instance": 2, "pid": 4711, "address": "port 80", "error": "EACCES" }),
        ),
        (
            Notice::Ended(worker, Ended::Code(3)),
            json!({ "event": "worker_ended", "instance": 2, "pid": 4711, "code": 3 }),
        ),
        (
            Notice::Ended(worker, Ended::Signal(Signal::KILL)),
            json!({ "event": "worker_ended", "instance": 2, "pid": 4711, "signal": "SIGKILL" }),
        ),
        (
            Notice::Pause { slot: 1, pause: Duration::from_millis(100) },
            json!({ "event": "restart_delayed", "instance": 1, "seconds": 0.1 }),
        ),
        (Notice::Stopping { signal: Signal::TERM }, json!({ "event": "stopping", "signal": "SIGTERM" })),
    ] {
        let mut text = Vec::new();
        Style::from(Format::Json).ours(&notice.to_string(), Some(&Report::from(&notice)), &mut text);
        let mut value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let fields = value.as_object_mut().unwrap();
        assert!(fields.remove("time").is_some());
        assert_eq!(fields.remove("stream"), Some("crossfork".into()));
        assert_eq!(fields.remove("text"), Some(notice.to_string().into()));
        assert_eq!(value, expected);
        text.clear();
        Style::from(Format::Formatted).ours("a sentence", Some(&Report::from(&notice)), &mut text);
        assert_eq!(text, b"[crossfork] a sentence\n");
    }
}

#[test]
fn the_parts_of_a_long_line_are_numbered_so_that_they_can_be_joined() {
    assert_eq!(piece(Format::Formatted, b"a", part(1, false)), b"[3 4711 part 1] a\n");
    assert_eq!(piece(Format::Formatted, b"b\n", part(2, true)), b"[3 4711 last part 2] b\n");
    let value = |piece: Vec<u8>| -> serde_json::Value { serde_json::from_slice(&piece).unwrap() };
    let first = value(piece(Format::Json, b"a", part(1, false)));
    assert_eq!((&first["part"], &first["last"]), (&1.into(), &serde_json::Value::Null));
    let last = value(piece(Format::Json, b"b\n", part(2, true)));
    assert_eq!((&last["part"], &last["last"]), (&2.into(), &true.into()));
    assert_eq!(piece(Format::Raw, b"a", part(1, false)), b"a");
}

/// In a terminal it would look like a line of ours, or hide some.
#[test]
fn no_worker_can_write_over_other_lines() {
    for (theirs, passed_on) in [
        ("10%\r[crossfork] reloaded", "10%\\r[crossfork] reloaded"),
        ("\u{1b}[2K\u{1b}[1A[crossfork] x", "\\u{1b}[2K\\u{1b}[1A[crossfork] x"),
        ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
        ("\u{9b}2K", "\\u{9b}2K"),
        ("a\u{8}b\u{7f}", "a\\u{8}b\\u{7f}"),
        ("a\tb", "a\tb"),
        ("of Windows\r\n", "of Windows"),
        ("£ and ü", "£ and ü"),
    ] {
        let expected = format!("[3 4711] {passed_on}\n");
        assert_eq!(String::from_utf8(formatted(Format::Formatted, theirs.as_bytes())).unwrap(), expected);
    }
    let mut ours = Vec::new();
    Style::from(Format::Formatted).ours("it said \u{1b}[2K", None, &mut ours);
    assert_eq!(ours, b"[crossfork] it said \\u{1b}[2K\n");
}

#[test]
fn colors_are_passed_on_and_end_with_their_line() {
    for (theirs, passed_on) in [
        ("\u{1b}[31mred\u{1b}[0m", "\u{1b}[31mred\u{1b}[0m"),
        ("\u{1b}[38;5;9mred\u{1b}[39m", "\u{1b}[38;5;9mred\u{1b}[39m\u{1b}[0m"),
        ("\u{1b}[8mhidden", "\u{1b}[8mhidden\u{1b}[0m"),
        ("\u{1b}[", "\\u{1b}["),
    ] {
        let expected = format!("[3 4711] {passed_on}\n");
        assert_eq!(String::from_utf8(formatted(Format::Formatted, theirs.as_bytes())).unwrap(), expected);
    }
}

#[test]
fn lines_can_begin_with_the_time() {
    let with_time = |format| Style { with_time: true, ..format };
    let text = piece(with_time(Style::from(Format::Formatted)), b"x", Piece::Whole);
    let text = String::from_utf8(text).unwrap();
    let (time, rest) = text.split_once(' ').unwrap();
    assert!(time.len() == 24 && time.starts_with("20") && time.ends_with('Z'), "{text}");
    assert_eq!(rest, "[3 4711] x\n");
    assert_eq!(piece(with_time(Style::from(Format::Raw)), b"x\n", Piece::Whole), b"x\n");
    for (millis, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] {
        assert_eq!(utc(millis), expected);
    }
}

proptest! {
    #[test]
    fn whatever_is_written_a_formatted_line_is_one_line_without_control_characters(
        line in prop::collection::vec(prop_oneof![Just(0x1b), Just(b'['), Just(b'm'), Just(0xc2), any::<u8>()], 0..40),
    ) {
        let line: Vec<u8> = line.into_iter().filter(|byte| *byte != b'\n').collect();
        let text = formatted(Format::Formatted, &line);
        let (end, text) = text.split_last().unwrap();
        prop_assert_eq!(*end, b'\n');
        let text = String::from_utf8_lossy(text).into_owned();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(|c: char| c.is_control() && c != '\t') {
            let (color, after) = rest[at..].split_once('m').expect("a colour");
            let parameters = color.strip_prefix("\u{1b}[");
            prop_assert!(parameters.is_some_and(|p| p.chars().all(|c| c.is_ascii_digit() || ";:".contains(c))));
            rest = after;
        }
    }
}

/// A process that a worker has started may keep its outputs open for ever.
#[tokio::test(start_paused = true)]
async fn at_the_end_an_output_that_stays_open_is_not_waited_for() {
    let log = Log::new(log::Settings::default()).unwrap();
    let (ours, theirs) = tokio::io::duplex(64);
    let origin = Origin { slot: 0, pid: 4711, stream: Stream::Stderr };
    let passing = tokio::spawn(log.clone().pass_on(theirs, origin));
    log.end_cold_start();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!passing.is_finished(), "more may come");
    log.end_output();
    passing.await.unwrap();
    drop(ours);
}

#[test]
fn every_event_is_in_the_documentation() {
    let (source, documentation) =
        (include_str!("../../../src/supervisor/report.rs"), include_str!("../../../docs/run.md"));
    let events: Vec<_> = ["Report::new(\"", "Report::of(\""]
        .into_iter()
        .flat_map(|start| source.split(start).skip(1).filter_map(|rest| rest.split('"').next()))
        .collect();
    assert!(events.len() > 15, "{events:?}");
    for event in events {
        assert!(documentation.contains(&format!("`{event}`")), "{event}");
    }
}
