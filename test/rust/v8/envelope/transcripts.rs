//! Recorded conversations in the advanced mode, with our channel in place of one side.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use crossfork::proto::{Channel, Event, Outcome, Question};
use crossfork::v8::{JsString, Value};
use crossfork::wire::advanced::{self as frames, PREFIX};
use crossfork::wire::control::{self, DgramType, SocketKey};
use crossfork::{HandleType, Limits, Serialization};
use serde::Deserialize;

use crate::kit::{hex, newest};

#[derive(Deserialize)]
struct Record {
    dir: String,
    hex: Option<String>,
    #[serde(default)]
    fds: usize,
    event: Option<String>,
}

impl Record {
    fn is_from_child(&self) -> bool {
        self.dir == "child->parent"
    }

    fn frame(&self) -> Option<Vec<u8>> {
        self.hex.as_deref().map(hex)
    }
}

fn recordings() -> Vec<(String, Vec<Record>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test/transcripts/advanced");
    let files =
        fs::read_dir(&folder).expect("test/transcripts/advanced").map(|entry| entry.expect("a file").path());
    let recordings: Vec<_> = files
        .map(|file| {
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&file).expect("is readable");
            (name.clone(), text.lines().map(|line| serde_json::from_str(line).expect(&name)).collect())
        })
        .collect();
    assert_eq!(recordings.len(), 4 * 5);
    recordings
}

/// A frame's message as text. Our frames are padded, with the same content.
fn said(frame: &[u8]) -> String {
    Value::decode(&frame[PREFIX..]).expect("decodes").to_string()
}

fn field(frame: &[u8], name: &str) -> Option<Value> {
    Value::decode(&frame[PREFIX..]).expect("decodes").get(name).cloned()
}

fn cmd(frame: &[u8]) -> String {
    let cmd = field(frame, "cmd").and_then(|cmd| cmd.as_str().map(str::to_owned));
    cmd.filter(|cmd| cmd.starts_with("NODE_")).unwrap_or_default()
}

fn key(frame: &[u8]) -> Option<SocketKey> {
    SocketKey::new(JsString::from(field(frame, "key")?.as_str()?))
}

/// A channel whose descriptors are numbers.
struct End {
    core: Channel<usize>,
    written: VecDeque<String>,
    /// The received events, and the keys of open sockets.
    heard: Vec<String>,
    open: Vec<SocketKey>,
    handles: usize,
}

impl End {
    fn new() -> Self {
        let core = Channel::new(Serialization::Advanced, Limits::default());
        End { core, written: VecDeque::new(), heard: Vec::new(), open: Vec::new(), handles: 0 }
    }

    fn reads(&mut self, frame: &[u8], fds: usize) {
        self.core.read_buffer().extend_from_slice(frame);
        self.core.handle_input(frame.len(), 0..fds, false);
        self.turn();
    }

    fn turn(&mut self) {
        while let Some(event) = self.core.poll_event() {
            match event {
                Event::Message { payload, handle } => {
                    let message = payload.value().expect("decodes");
                    let handle = handle.map(|handle| {
                        self.handles += 1;
                        self.open.extend(handle.key.clone());
                        format!(
                            " with {}{}",
                            handle.wire_type,
                            if handle.key.is_some() { ", counted" } else { "" }
                        )
                    });
                    self.heard.push(format!("{message}{}", handle.unwrap_or_default()));
                }
                Event::Disconnected { lost } => assert_eq!(lost, 0),
                Event::Cluster { .. } => panic!("unexpected cluster event"),
                Event::Invalid(error) => panic!("{error}"),
            }
        }
        while let Some(transmit) = self.core.poll_transmit() {
            let bytes: Vec<u8> = transmit.slices().iter().flat_map(|slice| slice.iter().copied()).collect();
            let fd = if transmit.fd().is_some() { " +fd" } else { "" };
            self.core.transmitted(bytes.len());
            let mut rest = &bytes[..];
            while let Some(prefix) = rest.first_chunk::<PREFIX>() {
                let (frame, behind) = rest.split_at(PREFIX + u32::from_be_bytes(*prefix) as usize);
                self.written.push_back(said(frame) + fd);
                rest = behind;
            }
            assert!(rest.is_empty(), "half a frame");
        }
    }
}

#[test]
fn adv_10_hnd_6_sock_4_as_the_child_we_write_what_node_wrote() {
    let mut handles = 0;
    for (name, records) in recordings() {
        let (mut end, mut expected) = (End::new(), Vec::new());
        for record in &records {
            match (record.is_from_child(), record.frame()) {
                (false, Some(frame)) => {
                    end.reads(&frame, record.fds);
                    match cmd(&frame).as_str() {
                        "NODE_HANDLE" => {
                            let wire_type = field(&frame, "type").expect("a type");
                            let counted = if key(&frame).is_some() { ", counted" } else { "" };
                            let message = field(&frame, "msg").expect("a message");
                            expected.push(format!(
                                "{message} with {}{counted}",
                                wire_type.as_str().expect("a name")
                            ));
                        }
                        "" => expected.push(said(&frame)),
                        _ => {}
                    }
                }
                (true, Some(frame)) => {
                    match cmd(&frame).as_str() {
                        "" => {
                            end.core.send(frame.clone()).expect("is open");
                        }
                        // The recording does not show when the socket was closed: now at the latest.
                        "NODE_SOCKET_ALL_CLOSED" => {
                            let closed = end.open.pop().expect("one is open");
                            assert_eq!(Some(&closed), key(&frame).as_ref(), "{name}");
                            end.core.socket_closed(&closed);
                        }
                        _ => {}
                    }
                    end.turn();
                    assert_eq!(end.written.pop_front(), Some(said(&frame)), "{name}");
                }
                (_, None) => assert!(record.event.is_some(), "{name}"),
            }
        }
        assert_eq!(end.heard, expected, "{name}");
        assert!(end.written.is_empty(), "{name}: Node did not write {:?}", end.written);
        handles += end.handles;
    }
    assert_eq!(handles, 4 * 5);
}

#[test]
fn adv_10_hnd_1_sock_4_as_the_parent_we_send_what_node_sent() {
    let mut answers = 0;
    for (name, records) in recordings() {
        let mut end = End::new();
        let mut expected = Vec::new();
        for record in &records {
            let Some(frame) = record.frame() else { continue };
            if record.is_from_child() {
                end.reads(&frame, record.fds);
                continue;
            }
            match cmd(&frame).as_str() {
                "" => {
                    end.core.send(frame.clone()).expect("is open");
                }
                "NODE_HANDLE" => {
                    end.core.send_handle(written_by_us(&frame), 7).expect("is open");
                }
                "NODE_SOCKET_NOTIFY_CLOSE" => {
                    let list = key(&frame).expect("a key");
                    end.core.ask(&list, Question::AllClosed).expect("is open");
                }
                other => panic!("{name}: {other}"),
            }
            end.turn();
            expected.push(said(&frame) + if record.fds > 0 { " +fd" } else { "" });
        }
        assert!(end.core.is_flushed(), "{name}: something waits");
        assert_eq!(end.written, expected, "{name}");
        let mut acked = 0;
        while let Some(outcome) = end.core.poll_outcome() {
            match outcome {
                Outcome::Acked { fd: 7, .. } => acked += 1,
                Outcome::Answered { .. } => answers += 1,
                other => panic!("{name}: {other:?}"),
            }
        }
        assert_eq!(acked, 1, "{name}");
    }
    assert_eq!(answers, 5);
}

/// The frame of a handle through our own encoder: the same bytes, except for the padding.
fn written_by_us(frame: &[u8]) -> Vec<u8> {
    let text = |name: &str| field(frame, name).and_then(|text| text.as_str().map(str::to_owned));
    let wire_type = HandleType::from_name(&text("type").expect("a type")).expect("a known type");
    let message = field(frame, "msg").expect("a message");
    let message = frames::encode(&message, &newest()).expect("encodes");
    let dgram_type = text("dgramType").map(|family| match family.as_str() {
        "udp4" => DgramType::Udp4,
        "udp6" => DgramType::Udp6,
        other => panic!("{other}"),
    });
    let ours =
        control::encode_handle(Serialization::Advanced, wire_type, &message, key(frame).as_ref(), dgram_type);
    assert_eq!(said(&ours), said(frame));
    let without_padding = Value::decode(&ours[PREFIX..]).expect("decodes").encode(&newest());
    assert_eq!(without_padding.as_deref(), Ok(&frame[PREFIX..]));
    ours
}
