//! Observes the messages that pass a point of a stream.

use crossfork::Serialization;
use crossfork::wire::frame;

use super::transcode;

/// The kinds of messages that the tests distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A user's message, by its number.
    Plain(usize),
    /// A handle with a user's message.
    Handle(usize),
    Ack,
    Nack,
    AskCount,
    AskClosed,
    Count,
    AllClosed,
}

/// Collects bytes and returns the messages that they complete.
pub struct Tap {
    serialization: Serialization,
    begun: Vec<u8>,
}

impl Tap {
    pub fn new(serialization: Serialization) -> Self {
        Tap { serialization, begun: Vec::new() }
    }

    pub fn pass(&mut self, bytes: &[u8]) -> Vec<Kind> {
        let mut kinds = Vec::new();
        self.begun.extend_from_slice(bytes);
        while let Some(length) = transcode::first_frame(self.serialization, &self.begun) {
            let rest = self.begun.split_off(length);
            let whole = std::mem::replace(&mut self.begun, rest);
            let content = frame::content(self.serialization, &whole);
            let is_aligned = whole.len().is_multiple_of(4) || self.serialization == Serialization::Json;
            assert!(is_aligned, "a frame of {} bytes (ADV-3)", whole.len());
            kinds.push(kind(&transcode::text(self.serialization, content)));
        }
        kinds
    }

    /// Whether the stream is at the end of a message.
    pub fn at_boundary(&self) -> bool {
        self.begun.is_empty()
    }
}

fn kind(text: &str) -> Kind {
    let is = |cmd: &str| text.starts_with(&format!("{{\"cmd\":\"NODE_{cmd}\""));
    if is("HANDLE") {
        return Kind::Handle(number(text));
    }
    let names = [
        ("HANDLE_ACK", Kind::Ack),
        ("HANDLE_NACK", Kind::Nack),
        ("SOCKET_GET_COUNT", Kind::AskCount),
        ("SOCKET_NOTIFY_CLOSE", Kind::AskClosed),
        ("SOCKET_COUNT", Kind::Count),
        ("SOCKET_ALL_CLOSED", Kind::AllClosed),
    ];
    match names.into_iter().find(|(name, _)| is(name)) {
        Some((_, kind)) => kind,
        None => Kind::Plain(number(text)),
    }
}

/// The text of a user's message.
pub fn message(number: usize, length: usize) -> String {
    format!("{{\"n\":{number},\"pad\":\"{}\"}}", "x".repeat(length))
}

/// The number in such a text, at any position.
pub fn number(text: &str) -> usize {
    let (_, rest) = text.split_once("{\"n\":").unwrap_or_else(|| panic!("{text:?} has no number"));
    let digits = rest.split(',').next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("{text:?} has no number"))
}
