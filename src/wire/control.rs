//! Node's own messages: which they are (INT-1), what they say, and how they are written.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The reply that takes a handle over (HND-6).
pub const HANDLE_ACK: &[u8] = b"{\"cmd\":\"NODE_HANDLE_ACK\"}\n";
/// The reply that there was no descriptor (HND-6).
pub const HANDLE_NACK: &[u8] = b"{\"cmd\":\"NODE_HANDLE_NACK\"}\n";

/// What a handle is to become at the receiver: the `type` of a `NODE_HANDLE` (HND-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandleType {
    /// `net.Socket`: a connection over TCP or a Unix socket.
    NetSocket,
    /// `net.Server`: a listening socket.
    NetServer,
    /// `net.Native`: any stream socket or FIFO, which JavaScript sees as a raw handle.
    NetNative,
    /// `dgram.Socket`: a bound UDP socket.
    DgramSocket,
    /// `dgram.Native`: a UDP socket, which JavaScript sees as a raw handle.
    DgramNative,
    /// `net.BoundSocket`: a TCP socket that is bound and does not listen. Node 26 and later.
    NetBoundSocket,
}

impl HandleType {
    /// The name on the wire, such as `net.Socket`.
    pub fn as_str(self) -> &'static str {
        match self {
            HandleType::NetSocket => "net.Socket",
            HandleType::NetServer => "net.Server",
            HandleType::NetNative => "net.Native",
            HandleType::DgramSocket => "dgram.Socket",
            HandleType::DgramNative => "dgram.Native",
            HandleType::NetBoundSocket => "net.BoundSocket",
        }
    }

    /// The type of this name on the wire, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            HandleType::NetSocket,
            HandleType::NetServer,
            HandleType::NetNative,
            HandleType::DgramSocket,
            HandleType::DgramNative,
            HandleType::NetBoundSocket,
        ]
        .into_iter()
        .find(|t| t.as_str() == name)
    }
}

impl fmt::Display for HandleType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which family a `dgram.Socket` is of: mandatory for Node, and checked by nobody else (HND-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DgramType {
    /// IPv4.
    Udp4,
    /// IPv6.
    Udp6,
}

/// The name that the owner of a server gave it (SOCK-1). Opaque: it is kept as the JSON text that
/// came, quotes included, and goes back as that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SocketKey(Bytes);

impl SocketKey {
    /// A key of ours, unlike all others of this process. The peer gives it back as it is.
    pub fn unique() -> SocketKey {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        SocketKey(Bytes::from(format!("\"crossfork:{}\"", NEXT.fetch_add(1, Ordering::Relaxed))))
    }

    /// The same key in memory of its own, to be kept longer than the message that it came in.
    pub fn detached(&self) -> SocketKey {
        SocketKey(Bytes::copy_from_slice(&self.0))
    }
}

/// One of Node's own messages, as it concerns a channel.
#[derive(Debug)]
pub enum Control {
    /// A message with a descriptor. Double-wrapped ones are unwrapped already (HND-10).
    Handle(HandleFrame),
    /// Our handle was taken.
    HandleAck,
    /// Our handle came without a descriptor.
    HandleNack,
    /// How many sockets of this key are open? (SOCK-3)
    SocketGetCount(SocketKey),
    /// Tell when the last socket of this key is closed. (SOCK-4)
    SocketNotifyClose(SocketKey),
    /// The answer to our question how many are open.
    SocketCount(SocketKey, usize),
    /// The answer to our request to be told when none is open.
    SocketAllClosed(SocketKey),
    /// Anything else that begins with `NODE_`: swallowed.
    Other,
}

/// What a `NODE_HANDLE` says.
#[derive(Debug)]
pub struct HandleFrame {
    /// The wire type as it was written; empty if there was none.
    pub wire_type: String,
    /// The user's message; empty if there was none (Node's `undefined`).
    pub message: Bytes,
    /// The list that the socket is counted in.
    pub key: Option<SocketKey>,
    /// The message is itself one of Node's own, and not for the user (HND-1).
    pub internal: bool,
}

/// Whether the line could be one of Node's own: told without parsing, and never wrong when it
/// says no. `NODE_` may be hidden in escapes, which `JSON.stringify` does not write.
pub fn may_be_internal(line: &[u8]) -> bool {
    line.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
        && memchr::memchr2_iter(b'_', b'\\', line).any(|at| match line[at] {
            b'_' => line[..at].ends_with(b"NODE"),
            _ => line[at + 1..].starts_with(b"u00"),
        })
}

/// Reads one of Node's own messages; `None` for an ordinary one, and for what is not JSON.
pub fn parse(line: &Bytes) -> Option<Control> {
    if !may_be_internal(line) {
        return None;
    }
    let line = lossy(line);
    let outer = Envelope::read(&line)?;
    let cmd = outer.cmd()?;
    if cmd != "NODE_HANDLE" {
        return Some(outer.command(&cmd, &line));
    }
    // A retransmission by Node wraps the message once more, under the type net.Native (HND-9);
    // deeper than that nobody wraps.
    let inner = outer.msg.and_then(|msg| Envelope::read(msg.get().as_bytes()));
    Some(Control::Handle(match inner {
        Some(inner) if inner.cmd().as_deref() == Some("NODE_HANDLE") => inner.handle(&line),
        _ => outer.handle(&line),
    }))
}

/// Whether an unfinished line, of which this is the beginning, is a `NODE_HANDLE`. Node writes
/// `cmd` first.
pub fn begins_handle(start: &[u8]) -> bool {
    let mut envelope = Envelope::default();
    // An error is expected, for the text ends too early: what was read until then counts.
    let _ = serde_json::Deserializer::from_slice(start).deserialize_map(Fields(&mut envelope));
    envelope.cmd().as_deref() == Some("NODE_HANDLE")
}

/// The `cmd` of a message that Node would take for one of its own (INT-1).
pub fn reserved_cmd(line: &[u8]) -> Option<String> {
    if !may_be_internal(line) {
        return None;
    }
    Envelope::read(line)?.cmd().map(Cow::into_owned)
}

/// Writes the frame of a handle message around a user's message, both with their line ends.
pub fn encode_handle(
    wire_type: HandleType,
    message: &[u8],
    key: Option<&SocketKey>,
    dgram_type: Option<DgramType>,
) -> Vec<u8> {
    let message = message.strip_suffix(b"\n").unwrap_or(message);
    let mut frame = Vec::with_capacity(message.len() + 96);
    frame.extend_from_slice(b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"");
    frame.extend_from_slice(wire_type.as_str().as_bytes());
    frame.extend_from_slice(b"\",\"msg\":");
    frame.extend_from_slice(message);
    if let Some(SocketKey(key)) = key {
        frame.extend_from_slice(b",\"key\":");
        frame.extend_from_slice(key);
    }
    frame.extend_from_slice(match dgram_type {
        Some(DgramType::Udp4) => b",\"dgramType\":\"udp4\"}\n",
        Some(DgramType::Udp6) => b",\"dgramType\":\"udp6\"}\n",
        None => b"}\n",
    });
    frame
}

/// The question that [`Control::SocketGetCount`] is.
pub fn encode_get_count(key: &SocketKey) -> Vec<u8> {
    encode_socket("NODE_SOCKET_GET_COUNT", key, None)
}

/// The answer to [`Control::SocketGetCount`].
pub fn encode_socket_count(key: &SocketKey, count: usize) -> Vec<u8> {
    encode_socket("NODE_SOCKET_COUNT", key, Some(count))
}

/// The request that [`Control::SocketNotifyClose`] is.
pub fn encode_notify_close(key: &SocketKey) -> Vec<u8> {
    encode_socket("NODE_SOCKET_NOTIFY_CLOSE", key, None)
}

/// The answer to [`Control::SocketNotifyClose`].
pub fn encode_all_closed(key: &SocketKey) -> Vec<u8> {
    encode_socket("NODE_SOCKET_ALL_CLOSED", key, None)
}

fn encode_socket(cmd: &str, SocketKey(key): &SocketKey, count: Option<usize>) -> Vec<u8> {
    let mut frame = format!("{{\"cmd\":\"{cmd}\",\"key\":").into_bytes();
    frame.extend_from_slice(key);
    if let Some(count) = count {
        frame.extend_from_slice(format!(",\"count\":{count}").as_bytes());
    }
    frame.extend_from_slice(b"}\n");
    frame
}

/// Node reads invalid UTF-8 as U+FFFD (SER-6), and a handle must be answered whatever its message.
fn lossy(line: &Bytes) -> Bytes {
    match std::str::from_utf8(line) {
        Ok(_) => line.clone(),
        Err(_) => Bytes::from(String::from_utf8_lossy(line).into_owned()),
    }
}

/// The fields of Node's own messages, unparsed. The last of several counts, as in JavaScript.
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

    /// The command, if this is one of Node's own messages.
    fn cmd(&self) -> Option<Cow<'a, str>> {
        let cmd = string(self.cmd?)?;
        (cmd.len() > "NODE_".len() && cmd.starts_with("NODE_")).then_some(cmd)
    }

    fn command(&self, cmd: &str, line: &Bytes) -> Control {
        match (cmd, self.key(line)) {
            ("NODE_HANDLE_ACK", _) => Control::HandleAck,
            ("NODE_HANDLE_NACK", _) => Control::HandleNack,
            ("NODE_SOCKET_GET_COUNT", Some(key)) => Control::SocketGetCount(key),
            ("NODE_SOCKET_NOTIFY_CLOSE", Some(key)) => Control::SocketNotifyClose(key),
            ("NODE_SOCKET_COUNT", Some(key)) => match self.count() {
                Some(count) => Control::SocketCount(key, count),
                None => Control::Other,
            },
            ("NODE_SOCKET_ALL_CLOSED", Some(key)) => Control::SocketAllClosed(key),
            _ => Control::Other,
        }
    }

    fn handle(&self, line: &Bytes) -> HandleFrame {
        let message = self.msg.map(|msg| line.slice_ref(msg.get().as_bytes())).unwrap_or_default();
        HandleFrame {
            wire_type: self.wire_type.and_then(string).map(Cow::into_owned).unwrap_or_default(),
            internal: reserved_cmd(&message).is_some(),
            message,
            key: self.key(line),
        }
    }

    fn count(&self) -> Option<usize> {
        serde_json::from_str(self.count?.get()).ok()
    }

    /// Node counts a socket only under a key that JavaScript calls true.
    fn key(&self, line: &Bytes) -> Option<SocketKey> {
        let text = self.key?.get();
        (text.starts_with('"') && text != "\"\"").then(|| SocketKey(line.slice_ref(text.as_bytes())))
    }
}

/// A JSON string with lone surrogates kept apart: they are no part of any name that we know, and
/// must not hide one.
fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    struct Text;
    impl<'de> Visitor<'de> for Text {
        type Value = Cow<'de, str>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_borrowed_bytes<E>(self, v: &'de [u8]) -> Result<Self::Value, E> {
            Ok(String::from_utf8_lossy(v))
        }
        fn visit_bytes<E>(self, v: &[u8]) -> Result<Self::Value, E> {
            Ok(Cow::Owned(String::from_utf8_lossy(v).into_owned()))
        }
    }
    if !raw.get().starts_with('"') {
        return None;
    }
    serde_json::Deserializer::from_str(raw.get()).deserialize_bytes(Text).ok()
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

/// Reads a field's name as bytes, because a lone surrogate in some other name is no error here.
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
