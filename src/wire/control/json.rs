//! Node's internal messages in the `json` mode.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Addressee, Control, DgramType, HandleFrame, HandleType, SocketKey, cut};
use crate::wire::v8::JsString;

/// The reply that accepts a handle (HND-6).
pub const HANDLE_ACK: &[u8] = b"{\"cmd\":\"NODE_HANDLE_ACK\"}\n";
/// The reply that says that there was no descriptor (HND-6).
pub const HANDLE_NACK: &[u8] = b"{\"cmd\":\"NODE_HANDLE_NACK\"}\n";

/// Whether the line could be an internal message, without parsing it. `false` is always right. `NODE_` may be
/// written with escapes, although `JSON.stringify` does not do so.
pub fn may_be_internal(line: &[u8]) -> bool {
    line.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
        && memchr::memchr2_iter(b'_', b'\\', line).any(|at| match line[at] {
            b'_' => line[..at].ends_with(b"NODE"),
            _ => line[at + 1..].starts_with(b"u00"),
        })
}

/// Parses an internal message; `None` for an ordinary message, and for a line that is not JSON.
pub fn parse(line: &Bytes) -> Option<Control> {
    // The most frequent message, because each handle has one. It is always written like this.
    if line[..] == HANDLE_ACK[..HANDLE_ACK.len() - 1] {
        return Some(Control::HandleAck);
    }
    if !may_be_internal(line) {
        return None;
    }
    let line = lossy(line);
    let outer = Envelope::read(&line)?;
    let cmd = outer.cmd()?;
    if cmd != "NODE_HANDLE" {
        return Some(outer.command(&cmd));
    }
    // When Node retransmits a handle, it wraps the message a second time, with the type net.Native (HND-9).
    // No peer wraps a message more often.
    let inner = outer.msg.and_then(|msg| Envelope::read(msg.get().as_bytes()));
    Some(Control::Handle(match inner {
        Some(inner) if inner.cmd().as_deref() == Some("NODE_HANDLE") => inner.handle(&line),
        _ => outer.handle(&line),
    }))
}

/// Whether the unfinished line with this beginning is a `NODE_HANDLE`. Node writes `cmd` first.
pub fn begins_handle(start: &[u8]) -> bool {
    let mut envelope = Envelope::default();
    // The text is incomplete, so an error is expected. The fields that were read before it count.
    let _ = serde_json::Deserializer::from_slice(start).deserialize_map(Fields(&mut envelope));
    envelope.cmd().as_deref() == Some("NODE_HANDLE")
}

/// The `cmd` of a message that Node would treat as an internal message (INT-1).
pub fn reserved_cmd(line: &[u8]) -> Option<String> {
    if !may_be_internal(line) {
        return None;
    }
    Envelope::read(line)?.cmd().map(|cmd| cut(&cmd))
}

/// Encodes the frame of a handle message around the text of a user's message.
pub fn encode_handle(
    wire_type: HandleType,
    message: &[u8],
    key: Option<&SocketKey>,
    dgram_type: Option<DgramType>,
) -> Vec<u8> {
    let mut frame = Vec::with_capacity(message.len() + 96);
    frame.extend_from_slice(b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"");
    frame.extend_from_slice(wire_type.as_str().as_bytes());
    frame.push(b'"');
    // Node's `undefined` is omitted.
    if !message.is_empty() {
        frame.extend_from_slice(b",\"msg\":");
        frame.extend_from_slice(message);
    }
    if let Some(key) = key {
        frame.extend_from_slice(b",\"key\":\"");
        write_name(&mut frame, key);
        frame.push(b'"');
    }
    frame.extend_from_slice(match dgram_type {
        Some(DgramType::Udp4) => b",\"dgramType\":\"udp4\"}\n",
        Some(DgramType::Udp6) => b",\"dgramType\":\"udp6\"}\n",
        None => b"}\n",
    });
    frame
}

/// Encodes the frame of a message about the sockets of a list (SOCK-3, SOCK-4).
pub fn encode_socket(cmd: &str, key: &SocketKey, count: Option<usize>) -> Vec<u8> {
    let mut frame = format!("{{\"cmd\":\"{cmd}\",\"key\":\"").into_bytes();
    write_name(&mut frame, key);
    frame.push(b'"');
    if let Some(count) = count {
        frame.extend_from_slice(format!(",\"count\":{count}").as_bytes());
    }
    frame.extend_from_slice(b"}\n");
    frame
}

/// The content of a JSON string as Node writes it, with lone surrogates as escapes (SER-3).
fn write_name(frame: &mut Vec<u8>, key: &SocketKey) {
    for unit in char::decode_utf16(key.name().encode_utf16()) {
        match unit {
            Ok(c @ ('"' | '\\')) => frame.extend_from_slice(&[b'\\', c as u8]),
            Ok(c @ '\0'..'\x20') => frame.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes()),
            Ok(c) => frame.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(e) => frame.extend_from_slice(format!("\\u{:04x}", e.unpaired_surrogate()).as_bytes()),
        }
    }
}

/// Node reads invalid UTF-8 as U+FFFD (SER-6). A handle must be answered even if its message is invalid
/// UTF-8.
fn lossy(line: &Bytes) -> Bytes {
    match std::str::from_utf8(line) {
        Ok(_) => line.clone(),
        Err(_) => Bytes::from(String::from_utf8_lossy(line).into_owned()),
    }
}

/// The fields of Node's internal messages, unparsed. If a field is repeated, the last one counts, as in
/// JavaScript.
#[derive(Default)]
struct Envelope<'a> {
    cmd: Option<&'a RawValue>,
    wire_type: Option<&'a RawValue>,
    msg: Option<&'a RawValue>,
    key: Option<&'a RawValue>,
    count: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let mut envelope = Envelope::default();
        let mut reader = serde_json::Deserializer::from_slice(text);
        reader.deserialize_map(Fields(&mut envelope)).ok()?;
        reader.end().ok()?;
        Some(envelope)
    }

    /// The command, if this is an internal message.
    fn cmd(&self) -> Option<Cow<'a, str>> {
        let cmd = string(self.cmd?)?;
        (cmd.len() > "NODE_".len() && cmd.starts_with("NODE_")).then_some(cmd)
    }

    fn command(&self, cmd: &str) -> Control {
        match (cmd, self.key()) {
            ("NODE_HANDLE_ACK", _) => Control::HandleAck,
            ("NODE_HANDLE_NACK", _) => Control::HandleNack,
            ("NODE_SOCKET_GET_COUNT", Some(key)) => Control::SocketGetCount(key),
            ("NODE_SOCKET_NOTIFY_CLOSE", Some(key)) => Control::SocketNotifyClose(key),
            ("NODE_SOCKET_COUNT", Some(key)) => match self.count() {
                Some(count) => Control::SocketCount(key, count),
                None => Control::Other,
            },
            ("NODE_SOCKET_ALL_CLOSED", Some(key)) => Control::SocketAllClosed(key),
            ("NODE_CLUSTER", _) => Control::Cluster,
            _ => Control::Other,
        }
    }

    fn handle(&self, line: &Bytes) -> HandleFrame {
        let message = self.msg.map(|msg| line.slice_ref(msg.get().as_bytes())).unwrap_or_default();
        HandleFrame {
            wire_type: self.wire_type.and_then(string).map(|of| cut(&of)).unwrap_or_default(),
            addressee: Addressee::of(reserved_cmd(&message).as_deref()),
            message,
            key: self.key(),
        }
    }

    fn count(&self) -> Option<usize> {
        serde_json::from_str(self.count?.get()).ok()
    }

    fn key(&self) -> Option<SocketKey> {
        let text = unescape(self.key?)?;
        SocketKey::new(match std::str::from_utf8(&text) {
            Ok(text) => JsString::from(text),
            Err(_) => JsString::from_utf16(&utf16(&text)),
        })
    }
}

/// A JSON string. Lone surrogates occur in no name that we know. They must not hide such a name either.
fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    Some(match unescape(raw)? {
        Cow::Borrowed(text) => String::from_utf8_lossy(text),
        Cow::Owned(text) => Cow::Owned(String::from_utf8_lossy(&text).into_owned()),
    })
}

/// The content of a JSON string, in UTF-8. A lone surrogate is written as the three bytes that it would have
/// as a character.
fn unescape(raw: &RawValue) -> Option<Cow<'_, [u8]>> {
    struct Text;
    impl<'de> Visitor<'de> for Text {
        type Value = Cow<'de, [u8]>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_borrowed_bytes<E>(self, v: &'de [u8]) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(v))
        }
        fn visit_bytes<E>(self, v: &[u8]) -> Result<Self::Value, E> {
            Ok(Cow::Owned(v.to_vec()))
        }
    }
    if !raw.get().starts_with('"') {
        return None;
    }
    serde_json::Deserializer::from_str(raw.get()).deserialize_bytes(Text).ok()
}

/// Converts such a text to UTF-16.
fn utf16(mut text: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(text.len());
    loop {
        let valid = match std::str::from_utf8(text) {
            Ok(valid) => valid,
            Err(e) => std::str::from_utf8(&text[..e.valid_up_to()]).unwrap_or_default(),
        };
        units.extend(valid.encode_utf16());
        // All that remains are surrogates: ED, and two times six bits.
        let [_, high, low, rest @ ..] = &text[valid.len()..] else {
            return units;
        };
        units.push(0xD000 | u16::from(high & 0x3F) << 6 | u16::from(low & 0x3F));
        text = rest;
    }
}

struct Fields<'e, 'a>(&'e mut Envelope<'a>);

impl<'a> Visitor<'a> for Fields<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Name)? {
            match name {
                Field::Cmd => self.0.cmd = Some(map.next_value()?),
                Field::Type => self.0.wire_type = Some(map.next_value()?),
                Field::Msg => self.0.msg = Some(map.next_value()?),
                Field::Key => self.0.key = Some(map.next_value()?),
                Field::Count => self.0.count = Some(map.next_value()?),
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

enum Field {
    Cmd,
    Type,
    Msg,
    Key,
    Count,
    Other,
}

/// Reads a field's name as bytes, because a lone surrogate in another name is not an error here.
struct Name;

impl<'de> serde::de::DeserializeSeed<'de> for Name {
    type Value = Field;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Field;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_bytes<E>(self, name: &[u8]) -> Result<Field, E> {
        Ok(match name {
            b"cmd" => Field::Cmd,
            b"type" => Field::Type,
            b"msg" => Field::Msg,
            b"key" => Field::Key,
            b"count" => Field::Count,
            _ => Field::Other,
        })
    }
}
