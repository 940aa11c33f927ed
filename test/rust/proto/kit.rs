//! A channel with its input and output as text, for tests that read like a transcript.

use crossfork::proto::{Attached, Channel, Event, Outcome, Ticket};
use crossfork::v8::JsString;
use crossfork::wire::control::{self, SocketKey};
use crossfork::wire::json;
use crossfork::{HandleType, Limits, ProtocolError, Serialization};
use serde_json::Value;

use crate::sim::token::{Ledger, Token};

pub const ACK: &str = r#"{"cmd":"NODE_HANDLE_ACK"}"#;
pub const NACK: &str = r#"{"cmd":"NODE_HANDLE_NACK"}"#;

pub struct End {
    pub core: Channel<Token>,
    pub fds: Ledger,
}

/// Input.
impl End {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        End { core: Channel::new(Serialization::Json, limits), fds: Ledger::default() }
    }

    /// One read.
    pub fn read(&mut self, bytes: impl AsRef<[u8]>, fds: impl IntoIterator<Item = Token>) {
        self.input(bytes.as_ref(), fds, false);
    }

    /// One read, with descriptors dropped by the kernel.
    pub fn read_truncated(&mut self, bytes: impl AsRef<[u8]>, fds: impl IntoIterator<Item = Token>) {
        self.input(bytes.as_ref(), fds, true);
    }

    fn input(&mut self, bytes: &[u8], fds: impl IntoIterator<Item = Token>, truncated: bool) {
        self.core.read_buffer().extend_from_slice(bytes);
        self.core.handle_input(bytes.len(), fds, truncated);
    }

    /// A line in its own read.
    pub fn line(&mut self, text: &str) {
        self.read(format!("{text}\n"), []);
    }

    /// A handle message with a new descriptor, in its own read. Returns the descriptor's file.
    pub fn handle(&mut self, line: &str) -> usize {
        let fd = self.fds.open();
        let file = fd.file();
        self.read(format!("{line}\n"), [fd]);
        file
    }
}

/// Commands.
impl End {
    pub fn send(&mut self, message: Value) -> Ticket {
        self.core.send(json::encode(&message).expect("encodes")).expect("is accepted")
    }

    pub fn send_handle(&mut self, message: Value) -> Ticket {
        let fd = self.fds.open();
        self.send_fd(message, fd)
    }

    pub fn send_fd(&mut self, message: Value, fd: Token) -> Ticket {
        let message = json::encode(&message).expect("encodes");
        let frame = control::encode_handle(Serialization::Json, HandleType::NetSocket, &message, None, None);
        self.core.send_handle(frame, fd).map_err(|(error, _)| error).expect("is accepted")
    }
}

/// Output.
impl End {
    /// All pending writes, each accepted completely by the kernel: its text, and the file of its
    /// descriptor.
    pub fn writes(&mut self) -> Vec<String> {
        let mut writes = Vec::new();
        while let Some((bytes, fd)) = self.transmit() {
            self.core.transmitted(bytes.len());
            let fd = fd.map_or(String::new(), |file| format!(" +#{file}"));
            writes.push(String::from_utf8(bytes).expect("UTF-8") + &fd);
        }
        writes
    }

    /// The lines that are to be written, across system calls.
    pub fn lines(&mut self) -> Vec<String> {
        self.writes().concat().lines().map(str::to_owned).collect()
    }

    /// The next system call, without making it.
    pub fn transmit(&self) -> Option<(Vec<u8>, Option<usize>)> {
        let transmit = self.core.poll_transmit()?;
        let bytes = transmit.slices().iter().flat_map(|slice| slice.iter().copied()).collect();
        Some((bytes, transmit.fd().map(Token::file)))
    }

    /// The received events; descriptors are closed.
    pub fn events(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.core.poll_event()).map(|event| describe(&event)).collect()
    }

    /// The outcomes of handles; descriptors are closed.
    pub fn outcomes(&mut self) -> Vec<String> {
        let describe = |outcome| match outcome {
            Outcome::Acked { ticket, fd } => format!("{ticket}: acked {fd:?}"),
            Outcome::Lost { ticket, fd, reason } => format!("{ticket}: lost {fd:?}, {reason:?}"),
            Outcome::Answered { ticket, open } => format!("{ticket}: {open} open"),
            Outcome::Unanswered { ticket } => format!("{ticket}: unanswered"),
        };
        std::iter::from_fn(|| self.core.poll_outcome()).map(describe).collect()
    }
}

fn describe(event: &Event<Token>) -> String {
    match event {
        Event::Message { payload, handle } => {
            let text = String::from_utf8_lossy(payload.as_bytes());
            match handle {
                None => format!("{text}"),
                Some(Attached { fd, wire_type, key: None }) => format!("{text} with {wire_type} {fd:?}"),
                Some(Attached { fd, wire_type, key: Some(_) }) => {
                    format!("{text} with counted {wire_type} {fd:?}")
                }
            }
        }
        Event::Invalid(ProtocolError::MissingDescriptor { message }) => {
            format!("{} without descriptor", String::from_utf8_lossy(message))
        }
        Event::Invalid(ProtocolError::UnexpectedReply { reply }) => format!("unexpected {reply}"),
        Event::Invalid(ProtocolError::StrayDescriptors { count }) => format!("{count} stray"),
        Event::Invalid(ProtocolError::TooLong { limit }) => format!("over {limit}"),
        Event::Invalid(other) => format!("{other}"),
        Event::Cluster { payload, .. } => format!("cluster {}", String::from_utf8_lossy(payload.as_bytes())),
        Event::Disconnected { lost } => format!("disconnected, {lost} lost"),
    }
}

/// A handle message as Node writes it.
pub fn node_handle(message: &str) -> String {
    format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{message}}}"#)
}

/// A handle whose socket its sender counts.
pub fn counted_handle(message: &str, key: &str) -> String {
    format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{message},"key":"{key}"}}"#)
}

pub fn key(text: &str) -> SocketKey {
    SocketKey::new(JsString::from(text)).expect("is not empty")
}
