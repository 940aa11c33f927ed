//! Node's internal messages: which messages are internal (INT-1), what they mean, and how they are encoded.

pub mod advanced;
pub mod json;
mod key;

use std::fmt;

use bytes::Bytes;

use super::Serialization;
use super::frame::content;

pub(crate) use key::ListKey;
pub use key::SocketKey;

/// What a handle becomes at the receiver: the `type` of a `NODE_HANDLE` ([HND-1](crate::protocol#HND-1)).
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
    /// `net.BoundSocket`: a TCP socket that is bound but does not listen. Node 26 and later.
    NetBoundSocket,
}

impl HandleType {
    /// The wire name, such as `net.Socket`.
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

    /// The type with this wire name, if there is one.
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

/// The address family of a `dgram.Socket`. Node requires it; other runtimes do not check it (HND-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DgramType {
    /// IPv4.
    Udp4,
    /// IPv6.
    Udp6,
}

/// An internal message of Node's, as far as a channel needs it.
#[derive(Debug)]
pub enum Control {
    /// A message with a descriptor. Double wrapping is already removed (HND-10).
    Handle(HandleFrame),
    /// The peer accepted our handle.
    HandleAck,
    /// Our handle arrived without a descriptor.
    HandleNack,
    /// Asks how many sockets of this key are open (SOCK-3).
    SocketGetCount(SocketKey),
    /// Asks for a notice when the last socket of this key is closed (SOCK-4).
    SocketNotifyClose(SocketKey),
    /// The answer to our question how many sockets are open.
    SocketCount(SocketKey, usize),
    /// The answer to our request for a notice when all sockets are closed.
    SocketAllClosed(SocketKey),
    /// A message between a cluster's primary and one of its workers (CLU-1).
    Cluster,
    /// Any other command that begins with `NODE_`. It is discarded.
    Other,
}

/// The content of a `NODE_HANDLE`.
#[derive(Debug)]
pub struct HandleFrame {
    /// The wire type as received, truncated if it is longer than all known types; empty if missing.
    pub wire_type: String,
    /// The user's message; empty if missing (Node's `undefined`).
    pub message: Bytes,
    /// The list that counts the socket.
    pub key: Option<SocketKey>,
    /// The addressee of the message (HND-1).
    pub addressee: Addressee,
}

/// Truncates a wire type or command to what is needed to see that it is unknown.
fn cut(name: &str) -> String {
    const KEPT: usize = 64;
    name.chars().take(KEPT).collect()
}

/// The addressee of a message that came with a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// The user.
    User,
    /// The cluster module of the other side (CLU-3).
    Cluster,
    /// A part of Node that this crate does not know.
    Nobody,
}

impl Addressee {
    fn of(cmd: Option<&str>) -> Self {
        match cmd {
            None => Addressee::User,
            Some("NODE_CLUSTER") => Addressee::Cluster,
            Some(_) => Addressee::Nobody,
        }
    }
}

/// Parses an internal message from the content of a frame; `None` for an ordinary message, and for bytes that
/// are not a message.
pub fn parse(serialization: Serialization, content: &Bytes) -> Option<Control> {
    match serialization {
        Serialization::Json => json::parse(content),
        Serialization::Advanced => advanced::parse(content),
    }
}

/// Whether the unfinished frame with this beginning is a `NODE_HANDLE`. Node writes `cmd` first.
pub fn begins_handle(serialization: Serialization, start: &[u8]) -> bool {
    match serialization {
        Serialization::Json => json::begins_handle(start),
        Serialization::Advanced => advanced::begins_handle(start),
    }
}

/// The `cmd` of a message that Node would treat as an internal message (INT-1), read from its frame.
pub fn reserved_cmd(serialization: Serialization, frame: &[u8]) -> Option<String> {
    let message = content(serialization, frame);
    match serialization {
        Serialization::Json => json::reserved_cmd(message),
        Serialization::Advanced => advanced::reserved_cmd(message),
    }
}

/// The frame of the reply that accepts a handle (HND-6).
pub fn handle_ack(serialization: Serialization) -> &'static [u8] {
    match serialization {
        Serialization::Json => json::HANDLE_ACK,
        Serialization::Advanced => advanced::HANDLE_ACK,
    }
}

/// The frame of the reply that says that there was no descriptor (HND-6).
pub fn handle_nack(serialization: Serialization) -> &'static [u8] {
    match serialization {
        Serialization::Json => json::HANDLE_NACK,
        Serialization::Advanced => advanced::HANDLE_NACK,
    }
}

/// Encodes the frame of a handle message around the frame of a user's message.
pub fn encode_handle(
    serialization: Serialization,
    wire_type: HandleType,
    frame: &[u8],
    key: Option<&SocketKey>,
    dgram_type: Option<DgramType>,
) -> Vec<u8> {
    let message = content(serialization, frame);
    match serialization {
        Serialization::Json => json::encode_handle(wire_type, message, key, dgram_type),
        Serialization::Advanced => advanced::encode_handle(wire_type, message, key, dgram_type),
    }
}

/// Encodes the question [`Control::SocketGetCount`].
pub fn encode_get_count(serialization: Serialization, key: &SocketKey) -> Vec<u8> {
    encode_socket(serialization, "NODE_SOCKET_GET_COUNT", key, None)
}

/// Encodes the answer to [`Control::SocketGetCount`].
pub fn encode_socket_count(serialization: Serialization, key: &SocketKey, count: usize) -> Vec<u8> {
    encode_socket(serialization, "NODE_SOCKET_COUNT", key, Some(count))
}

/// Encodes the request [`Control::SocketNotifyClose`].
pub fn encode_notify_close(serialization: Serialization, key: &SocketKey) -> Vec<u8> {
    encode_socket(serialization, "NODE_SOCKET_NOTIFY_CLOSE", key, None)
}

/// Encodes the answer to [`Control::SocketNotifyClose`].
pub fn encode_all_closed(serialization: Serialization, key: &SocketKey) -> Vec<u8> {
    encode_socket(serialization, "NODE_SOCKET_ALL_CLOSED", key, None)
}

fn encode_socket(serialization: Serialization, cmd: &str, key: &SocketKey, count: Option<usize>) -> Vec<u8> {
    match serialization {
        Serialization::Json => json::encode_socket(cmd, key, count),
        Serialization::Advanced => advanced::encode_socket(cmd, key, count),
    }
}
