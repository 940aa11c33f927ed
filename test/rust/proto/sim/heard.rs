//! A channel's input and output, compared with the meaning of each line on its own.

use std::ops::Range;

use crossfork::wire::advanced;
use crossfork::wire::control::{self, Addressee, Control};
use crossfork::wire::frame::content;
use crossfork::{Serialization, v8};
use serde_json::Value;

use super::transcode;

pub struct Heard {
    serialization: Serialization,
    stream: Vec<u8>,
    /// Where each read ended.
    reads: Vec<usize>,
    /// Where in the stream each descriptor came, by its file; our own came nowhere.
    pub arrivals: Vec<Option<Range<usize>>>,
    pub delivered: Vec<Delivered>,
    max_message: usize,
}

/// An event that concerns one line.
pub struct Delivered {
    pub text: Vec<u8>,
    pub file: Option<usize>,
}

/// What a line means.
enum Meaning {
    /// A user's message, or an invalid one: delivered or reported unchanged.
    Plain,
    Handle(Vec<u8>),
    /// A handle for Node itself: never delivered, but reported if it has no descriptor.
    Internal(Vec<u8>),
    /// Another internal message of Node's.
    Control,
}

impl Heard {
    pub fn new(serialization: Serialization, max_message: usize) -> Self {
        Heard {
            serialization,
            stream: Vec::new(),
            reads: Vec::new(),
            arrivals: Vec::new(),
            delivered: Vec::new(),
            max_message,
        }
    }

    /// Records a read, unless it is too late, and returns its position in the stream.
    pub fn read(&mut self, text: &[u8], too_late: bool) -> Range<usize> {
        let start = self.stream.len();
        if !too_late {
            self.stream.extend_from_slice(text);
            self.reads.push(self.stream.len());
        }
        start..start + text.len()
    }

    /// Compares the output with the meaning of the lines, and returns the number of replies that they
    /// need.
    pub fn check(&self) -> usize {
        let (mut replies, mut start) = (0, 0);
        let mut delivered = self.delivered.iter().peekable();
        while let Some(length) = transcode::first_frame(self.serialization, &self.stream[start..])
            && !self.is_buns()
        {
            let range = start..start + length;
            start = range.end;
            let text = content(self.serialization, &self.stream[range.clone()]);
            if text.len() > self.max_message {
                let known = self.known_at_the_limit(&range, text);
                replies += usize::from(control::begins_handle(self.serialization, known));
                continue;
            }
            let meaning = self.meaning(text);
            replies += usize::from(matches!(meaning, Meaning::Handle(_) | Meaning::Internal(_)));
            let (expected, is_handle) = match meaning {
                Meaning::Control => continue,
                Meaning::Internal(message) => {
                    delivered.next_if(|d| d.text == message && d.file.is_none());
                    continue;
                }
                Meaning::Plain => (text.to_vec(), false),
                Meaning::Handle(message) => (message, true),
            };
            let got = delivered.next().unwrap_or_else(|| panic!("{} did not come", text.escape_ascii()));
            assert_eq!(got.text.escape_ascii().to_string(), expected.escape_ascii().to_string());
            if let Some(file) = got.file {
                assert!(is_handle, "a plain message has a descriptor");
                self.check_arrival(file, &range);
            }
        }
        assert!(delivered.next().is_none(), "more was delivered than was sent");
        replies
    }

    /// A descriptor may go only to a message that has bytes in the read that brought it (HND-3).
    fn check_arrival(&self, file: usize, message: &Range<usize>) {
        let arrival = self.arrivals[file].clone().expect("a received descriptor");
        let meets = arrival.start < message.end && message.start < arrival.end;
        assert!(meets, "a descriptor that came at {arrival:?} went to the message at {message:?} (HND-5)");
    }

    /// The part of an oversized message that had arrived when its size was known.
    fn known_at_the_limit<'a>(&self, range: &Range<usize>, text: &'a [u8]) -> &'a [u8] {
        let start = match self.serialization {
            Serialization::Json => range.start,
            _ => range.start + advanced::PREFIX,
        };
        let over = start + self.max_message;
        let end = *self.reads.iter().find(|end| **end > over).expect("the message is over the limit");
        &text[..text.len().min(end - start)]
    }

    /// Whether the stream begins in Bun's own format, which is not read.
    fn is_buns(&self) -> bool {
        self.serialization == Serialization::Advanced
            && matches!(self.stream[..], [1..=5, _, _, _, fifth, ..] if fifth != 0xFF)
    }

    fn meaning(&self, text: &[u8]) -> Meaning {
        let meaning = match control::parse(self.serialization, &text.to_vec().into()) {
            None => Meaning::Plain,
            Some(Control::Handle(frame)) if frame.addressee != Addressee::User => {
                Meaning::Internal(frame.message.to_vec())
            }
            Some(Control::Handle(frame)) => Meaning::Handle(frame.message.to_vec()),
            Some(_) => Meaning::Control,
        };
        // Where a plain decoder can read the message, it must agree (INT-1).
        let value = match self.serialization {
            Serialization::Json => serde_json::from_str::<Value>(&String::from_utf8_lossy(text)).ok(),
            _ => v8::from_slice(text).ok(),
        };
        if let Some(value) = value {
            agree(&meaning, &value);
        }
        meaning
    }
}

fn agree(meaning: &Meaning, value: &Value) {
    let cmd = value.get("cmd").and_then(Value::as_str).unwrap_or_default();
    let is_internal = cmd.starts_with("NODE_") && cmd.len() > 5;
    assert_eq!(is_internal, !matches!(meaning, Meaning::Plain), "{value}");
    let is_handle = matches!(meaning, Meaning::Handle(_) | Meaning::Internal(_));
    assert_eq!(cmd == "NODE_HANDLE", is_handle, "{value}");
}
