//! Recorded conversations between two Node processes, with our channel in place of one of them.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use crossfork::wire::control::{self, DgramType};
use crossfork::wire::json;
use crossfork::{HandleType, Serialization};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::kit::{ACK, End, key};

const FROM_CHILD: &str = "child->parent";

#[derive(Deserialize)]
struct Record {
    dir: String,
    line: Option<String>,
    #[serde(default)]
    fds: usize,
    event: Option<String>,
}

/// A `NODE_*` message, read by a plain parser.
#[derive(Deserialize)]
struct Envelope<'a> {
    cmd: String,
    #[serde(rename = "type")]
    wire_type: Option<String>,
    #[serde(borrow)]
    msg: Option<&'a RawValue>,
    key: Option<String>,
    #[serde(rename = "dgramType")]
    dgram_type: Option<String>,
    count: Option<usize>,
}

fn envelope(line: &str) -> Option<Envelope<'_>> {
    serde_json::from_str::<Envelope>(line).ok().filter(|envelope| envelope.cmd.starts_with("NODE_"))
}

/// Each recording and its name.
fn recordings() -> Vec<(String, Vec<Record>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test/transcripts");
    let files = fs::read_dir(&folder).expect("test/transcripts").map(|entry| entry.expect("a file").path());
    let mut recordings = Vec::new();
    for file in files.filter(|file| file.extension().is_some_and(|e| e == "jsonl")) {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("is readable");
        let records = text.lines().map(|line| serde_json::from_str(line).expect(&name)).collect();
        recordings.push((name, records));
    }
    assert!(recordings.len() >= 5 * 15, "only {} recordings", recordings.len());
    recordings
}

#[test]
fn hnd_6_sock_3_sock_4_as_the_child_we_write_what_node_wrote() {
    let mut handles = 0;
    for (name, records) in recordings() {
        handles += Child::default().replay(&name, &records);
    }
    assert!(handles > 80, "only {handles} handles in all recordings");
}

/// Our channel as the child, with what it should have received and not written yet.
#[derive(Default)]
struct Child {
    expected: Vec<String>,
    written: VecDeque<String>,
    /// Keys of the sockets that are open.
    open: Vec<String>,
}

impl Child {
    fn replay(mut self, name: &str, records: &[Record]) -> usize {
        let mut end = End::new();
        let mut handles = 0;
        for (at, record) in records.iter().enumerate() {
            match (record.dir == FROM_CHILD, &record.line, record.event.as_deref()) {
                (true, Some(line), _) => self.writes(&mut end, line, name),
                (false, Some(line), _) => {
                    self.close_before_question(&mut end, line, &records[at..]);
                    handles += record.fds;
                    self.reads(&mut end, line, record.fds);
                }
                (true, None, Some("eof")) => {
                    end.core.disconnect().unwrap_or_else(|e| panic!("{name}: {e}"));
                    assert!(end.core.is_flushed(), "{name}: something waits");
                    self.expected.clear();
                    end.core.handle_end();
                }
                (false, None, Some("eof")) => end.core.handle_end(),
                _ => {}
            }
            self.written.extend(end.lines());
        }
        if end.core.is_closed() {
            self.expected.push("disconnected, 0 lost".to_owned());
        }
        assert_eq!(end.events(), self.expected, "{name}");
        assert!(self.written.is_empty(), "{name}: Node did not write {:?}", self.written);
        handles
    }

    /// The parent's line arrives.
    fn reads(&mut self, end: &mut End, line: &str, fds: usize) {
        let fds: Vec<_> = (0..fds).map(|_| end.fds.open()).collect();
        let file = fds.first().map(|fd| fd.file());
        end.read(format!("{line}\n"), fds);
        match (envelope(line), file) {
            (None, _) => self.expected.push(line.to_owned()),
            (Some(handle), Some(file)) if handle.cmd == "NODE_HANDLE" => {
                let counted = if handle.key.is_some() { "counted " } else { "" };
                let (wire_type, message) =
                    (handle.wire_type.expect("a type"), handle.msg.expect("a message"));
                self.expected.push(format!("{message} with {counted}{wire_type} #{file}"));
                self.open.extend(handle.key);
            }
            (Some(_), _) => {}
        }
    }

    /// The child wrote this: a message of its user's, or an internal message of the channel's.
    fn writes(&mut self, end: &mut End, line: &str, name: &str) {
        match envelope(line) {
            None => {
                end.core.send(json::reencode(line.as_bytes()).expect("is JSON")).expect("is open");
            }
            // The recording does not show when sockets were closed: now at the latest.
            Some(all_closed) if all_closed.cmd == "NODE_SOCKET_ALL_CLOSED" => {
                self.close_down_to(end, 0, &all_closed.key.expect("a key"));
            }
            Some(_) => {}
        }
        self.written.extend(end.lines());
        assert_eq!(self.written.pop_front().as_deref(), Some(line), "{name}");
    }

    /// When a question arrives, the number of open sockets is that of the answer.
    fn close_before_question(&mut self, end: &mut End, line: &str, records: &[Record]) {
        if !line.contains("NODE_SOCKET_GET_COUNT") {
            return;
        }
        let mut answers = records.iter().filter_map(|record| envelope(record.line.as_deref()?));
        let answer = answers.find(|e| e.cmd == "NODE_SOCKET_COUNT").expect("an answer");
        self.close_down_to(end, answer.count.expect("a count"), &answer.key.expect("a key"));
    }

    fn close_down_to(&mut self, end: &mut End, count: usize, list: &str) {
        while self.open.iter().filter(|open| *open == list).count() > count {
            let at = self.open.iter().position(|open| open == list).expect("one is open");
            self.open.remove(at);
            end.core.socket_closed(&key(list));
        }
    }
}

#[test]
fn hnd_1_hnd_7_as_the_parent_we_send_what_node_sent_one_handle_at_a_time() {
    let mut handles = 0;
    for (name, records) in recordings() {
        let mut end = End::new();
        let ours = |record: &&Record| record.dir != FROM_CHILD;
        // The owner asks about sockets: see `sockets.rs` for how a channel handles the questions.
        let is_sent = |line: &&str| envelope(line).is_none_or(|e| e.cmd == "NODE_HANDLE");
        let sent: Vec<&str> =
            records.iter().filter(ours).filter_map(|r| r.line.as_deref()).filter(is_sent).collect();
        // All at once: the channel must keep the order and wait for replies.
        sent.iter().for_each(|line| submit(&mut end, line));
        let mut written = VecDeque::from(end.writes());
        for record in records.iter().filter(|record| !ours(record)) {
            let Some(line) = &record.line else { continue };
            end.line(line);
            if line == ACK {
                handles += 1;
            }
            written.extend(end.writes());
        }
        assert!(end.core.is_flushed(), "{name}: something waits");
        let texts = written.iter().flat_map(|write| write.split_inclusive('\n')).collect::<Vec<_>>();
        let lines = texts.iter().filter_map(|text| text.strip_suffix('\n'));
        assert_eq!(lines.collect::<Vec<_>>(), sent, "{name}");
        let with_fd = written.iter().filter(|write| write.contains("\n +#")).count();
        assert_eq!(with_fd, end.outcomes().len(), "{name}");
    }
    assert!(handles > 80, "only {handles} handles in all recordings");
}

/// Sends what the line says, through our own encoder.
fn submit(end: &mut End, line: &str) {
    let Some(handle) = envelope(line) else {
        end.core.send(json::reencode(line.as_bytes()).expect("is JSON")).expect("is open");
        return;
    };
    let wire_type = HandleType::from_name(&handle.wire_type.expect("a type")).expect("a known type");
    let message = json::reencode(handle.msg.expect("a message").get().as_bytes()).expect("is JSON");
    let dgram_type = handle.dgram_type.map(|family| match family.as_str() {
        "udp4" => DgramType::Udp4,
        "udp6" => DgramType::Udp6,
        other => panic!("{other}"),
    });
    let list = handle.key.as_deref().map(key);
    let frame = control::encode_handle(Serialization::Json, wire_type, &message, list.as_ref(), dgram_type);
    let fd = end.fds.open();
    end.core.send_handle(frame, fd).map_err(|(error, _)| error).expect("is open");
}
