//! Node's internal messages in the `advanced` mode: the same messages as in `json`, encoded by V8 (ADV-10).

use std::ops::Range;

use bytes::Bytes;

use super::{Addressee, Control, DgramType, HandleFrame, HandleType, SocketKey, cut};
use crate::error::V8Error;
use crate::wire::advanced;
use crate::wire::v8::reader::{Reader, Text};
use crate::wire::v8::walk::{self, Key};
use crate::wire::v8::writer::{Writer, varint};
use crate::wire::v8::{Options, tag};

/// The reply that accepts a handle (HND-6).
pub const HANDLE_ACK: &[u8] = b"\0\0\0\x1c\xff\x0f\0o\"\x03cmd\"\x0fNODE_HANDLE_ACK{\x01";
/// The reply that says that there was no descriptor (HND-6).
pub const HANDLE_NACK: &[u8] = b"\0\0\0\x1c\xff\x0fo\"\x03cmd\"\x10NODE_HANDLE_NACK{\x01";

/// Longer records are walked property by property. Large records are mostly bytes, and skipping these is
/// faster than searching them.
const SEARCHED: usize = 256 * 1024;

/// Whether the record could be an internal message. `false` is always right.
pub fn may_be_internal(record: &[u8]) -> bool {
    let Ok(mut reader) = Reader::new(record) else {
        return false;
    };
    let utf16 = b"N\0O\0D\0E\0_\0";
    Container::begin(&mut reader).is_ok_and(|container| container.is_some_and(|of| of.has_properties(record)))
        && (record.len() > SEARCHED
            || memchr::memmem::find(record, b"NODE_").is_some()
            || memchr::memmem::find(record, utf16).is_some())
}

/// Parses an internal message; `None` for an ordinary message, and for bytes that are not a record.
pub fn parse(record: &Bytes) -> Option<Control> {
    if !may_be_internal(record) {
        return None;
    }
    let outer = Envelope::read(record)?;
    let cmd = outer.cmd()?;
    if cmd != "NODE_HANDLE" {
        return Some(outer.command(&cmd));
    }
    let message = outer.message(record);
    // When Node retransmits a handle, it wraps the message a second time, with the type net.Native (HND-9).
    // No peer wraps a message more often.
    let inner = Envelope::read(&message).filter(|inner| inner.cmd().as_deref() == Some("NODE_HANDLE"));
    Some(Control::Handle(match inner {
        Some(inner) => inner.handle(inner.message(&message)),
        None => outer.handle(message),
    }))
}

/// Whether the unfinished record with this beginning is a `NODE_HANDLE`.
pub fn begins_handle(start: &[u8]) -> bool {
    let mut envelope = Envelope::default();
    // The record is incomplete, so an error is expected. The fields that were read before it count.
    let _ = envelope.fill(start);
    envelope.cmd().as_deref() == Some("NODE_HANDLE")
}

/// The `cmd` of a message that Node would treat as an internal message (INT-1).
pub fn reserved_cmd(record: &[u8]) -> Option<String> {
    if !may_be_internal(record) {
        return None;
    }
    Envelope::read(record)?.cmd().map(|cmd| cut(&cmd))
}

/// Encodes the frame of a handle message around a user's record.
pub fn encode_handle(
    wire_type: HandleType,
    record: &[u8],
    key: Option<&SocketKey>,
    dgram_type: Option<DgramType>,
) -> Vec<u8> {
    let dgram_type = dgram_type.map(|of| match of {
        DgramType::Udp4 => "udp4",
        DgramType::Udp6 => "udp6",
    });
    encode("NODE_HANDLE", record.len(), |frame| {
        frame.text("type", wire_type.as_str());
        // Node's `undefined` is omitted.
        if !record.is_empty() {
            frame.record("msg", record);
        }
        if let Some(key) = key {
            frame.key(key);
        }
        if let Some(dgram_type) = dgram_type {
            frame.text("dgramType", dgram_type);
        }
    })
}

/// Encodes the frame of a message about sockets (SOCK-3, SOCK-4).
pub fn encode_socket(cmd: &str, key: &SocketKey, count: Option<usize>) -> Vec<u8> {
    encode(cmd, 0, |frame| {
        frame.key(key);
        if let Some(count) = count {
            frame.count(count);
        }
    })
}

/// A frame under construction: an object, property by property.
struct Frame {
    writer: Writer,
    properties: u32,
}

fn encode(cmd: &str, room: usize, fill: impl FnOnce(&mut Frame)) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(room + 96);
    bytes.extend_from_slice(&[0; 4]);
    let mut frame = Frame { writer: Writer::new(bytes, Options::new()), properties: 0 };
    frame.writer.tag(tag::OBJECT);
    frame.text("cmd", cmd);
    fill(&mut frame);
    frame.writer.tag(tag::OBJECT_END);
    frame.writer.varint(frame.properties);
    let mut bytes = frame.writer.into_inner();
    advanced::finish(&mut bytes);
    bytes
}

impl Frame {
    fn name(&mut self, name: &str) {
        self.properties += 1;
        // Only a name that is too long is refused; these are short.
        let _ = self.writer.str(name);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        let _ = self.writer.str(text);
    }

    fn key(&mut self, key: &SocketKey) {
        self.name("key");
        // The key is ours or came in a message, so it is not too long either.
        let _ = self.writer.js(key.name());
    }

    fn count(&mut self, count: usize) {
        self.name("count");
        self.writer.number(count as f64);
    }

    /// Embeds the value of a record. Its objects count from 1 now, because the outer object is number 0
    /// (ADV-6).
    fn record(&mut self, name: &str, record: &[u8]) {
        self.name(name);
        let value = value_of(record);
        let survey = match walk::may_refer(record) {
            true => walk::survey(record).ok(),
            false => None,
        };
        match survey {
            Some(survey) => survey.copy(record, value, |id| id + 1, &mut self.writer.out),
            None => self.writer.out.extend_from_slice(&record[value]),
        }
    }
}

/// The range of the value in a record.
fn value_of(record: &[u8]) -> Range<usize> {
    Reader::new(record).map_or(0, |reader| reader.at())..record.len()
}

/// A value that has properties. In this mode it can also be an array or a native object (ADV-6, ADV-9), and
/// Node accepts a `cmd` in these too.
struct Container {
    /// The number of elements before the properties.
    elements: usize,
    end: u8,
    /// What follows the number of properties, if anything does.
    length: Option<usize>,
}

impl Container {
    fn begin(reader: &mut Reader<'_>) -> Result<Option<Container>, V8Error> {
        Ok(Some(match reader.tag()? {
            tag::OBJECT => Container { elements: 0, end: tag::OBJECT_END, length: None },
            tag::DENSE_ARRAY => {
                let elements = walk::dense_length(reader)?;
                Container { elements, end: tag::DENSE_ARRAY_END, length: Some(elements) }
            }
            tag::SPARSE_ARRAY => {
                let length = Some(reader.varint()? as usize);
                Container { elements: 0, end: tag::SPARSE_ARRAY_END, length }
            }
            tag::HOST_OBJECT if reader.varint()? == tag::HOST_PLAIN && reader.eat(tag::OBJECT)? => {
                Container { elements: 0, end: tag::OBJECT_END, length: None }
            }
            _ => return Ok(None),
        }))
    }

    /// An ordinary array ends with a property count of zero. No other value ends with these bytes.
    fn has_properties(&self, record: &[u8]) -> bool {
        if self.end != tag::DENSE_ARRAY_END {
            return true;
        }
        let mut none = vec![self.end, 0];
        varint(&mut none, self.elements as u32);
        !record.ends_with(&none)
    }
}

/// The fields of Node's internal messages. If a field is repeated, the last one counts, as in JavaScript.
#[derive(Default)]
struct Envelope<'a> {
    cmd: Option<Text<'a>>,
    wire_type: Option<Text<'a>>,
    /// Its position.
    msg: Option<Range<usize>>,
    key: Option<Text<'a>>,
    count: Option<f64>,
}

impl<'a> Envelope<'a> {
    fn read(record: &'a [u8]) -> Option<Self> {
        let mut envelope = Envelope::default();
        envelope.fill(record).ok()?;
        Some(envelope)
    }

    fn fill(&mut self, record: &'a [u8]) -> Result<(), V8Error> {
        let mut reader = Reader::new(record)?;
        let Some(container) = Container::begin(&mut reader)? else {
            return Ok(());
        };
        for _ in 0..container.elements {
            if !reader.eat(tag::HOLE)? {
                walk::skip(&mut reader)?;
            }
        }
        let mut count = 0;
        while !reader.eat(container.end)? {
            count += 1;
            let key = walk::key(&mut reader)?;
            let start = reader.clone();
            walk::skip(&mut reader)?;
            let Key::Text(key) = key else {
                continue;
            };
            let text = |mut at: Reader<'a>| at.string().ok();
            if key.is("cmd") {
                self.cmd = text(start);
            } else if key.is("type") {
                self.wire_type = text(start);
            } else if key.is("msg") {
                self.msg = Some(start.at()..reader.at());
            } else if key.is("key") {
                self.key = text(start);
            } else if key.is("count") {
                self.count = number(start);
            }
        }
        reader.count(count)?;
        if let Some(length) = container.length {
            reader.count(length)?;
        }
        reader.end()
    }

    /// The command, if this is an internal message.
    fn cmd(&self) -> Option<String> {
        let cmd = self.cmd.filter(|cmd| cmd.starts_with("NODE_") && !cmd.is("NODE_"))?;
        Some(cmd.to_js().to_string_lossy().into_owned())
    }

    fn command(&self, cmd: &str) -> Control {
        match (cmd, self.key()) {
            ("NODE_HANDLE_ACK", _) => Control::HandleAck,
            ("NODE_HANDLE_NACK", _) => Control::HandleNack,
            ("NODE_SOCKET_GET_COUNT", Some(key)) => Control::SocketGetCount(key),
            ("NODE_SOCKET_NOTIFY_CLOSE", Some(key)) => Control::SocketNotifyClose(key),
            ("NODE_SOCKET_COUNT", Some(key)) => match self.count {
                Some(count) if count >= 0.0 && count.fract() == 0.0 => {
                    Control::SocketCount(key, count as usize)
                }
                _ => Control::Other,
            },
            ("NODE_SOCKET_ALL_CLOSED", Some(key)) => Control::SocketAllClosed(key),
            ("NODE_CLUSTER", _) => Control::Cluster,
            _ => Control::Other,
        }
    }

    /// The user's message as a record of its own, in which objects count from 0. Empty if there was no
    /// message, or if it was `undefined`.
    fn message(&self, record: &[u8]) -> Bytes {
        let Some(place) = self.msg.clone().filter(|place| record[place.clone()] != [tag::UNDEFINED]) else {
            return Bytes::new();
        };
        let mut message = Vec::with_capacity(place.len() + 2);
        message.extend_from_slice(&record[..value_of(record).start]);
        let survey = match walk::may_refer(&record[place.clone()]) {
            true => walk::survey(record).ok(),
            false => None,
        };
        match survey {
            Some(survey) => {
                let first = survey.id_at(place.start);
                survey.copy(record, place, |id| id.checked_sub(first).unwrap_or(u32::MAX), &mut message);
            }
            None => message.extend_from_slice(&record[place]),
        }
        message.into()
    }

    fn handle(&self, message: Bytes) -> HandleFrame {
        HandleFrame {
            wire_type: self.wire_type.map(|of| cut(&of.to_js().to_string_lossy())).unwrap_or_default(),
            addressee: Addressee::of(reserved_cmd(&message).as_deref()),
            message,
            key: self.key(),
        }
    }

    fn key(&self) -> Option<SocketKey> {
        SocketKey::new(self.key?.to_js())
    }
}

fn number(mut at: Reader<'_>) -> Option<f64> {
    match at.tag().ok()? {
        tag::INT32 => at.int32().ok().map(f64::from),
        tag::UINT32 => at.varint().ok().map(f64::from),
        tag::DOUBLE => at.double().ok(),
        _ => None,
    }
}
