//! Node's own messages: which they are (INT-1), what they say, and how they are written.

pub mod advanced;
pub mod json;
mod key;

use std::fmt;

use bytes::Bytes;

use super::Serialization;
use super::frame::content;

pub(crate) use key::ListKey;
pub use key::SocketKey;

/// What a handle is to become at the receiver: the `type` of a `NODE_HANDLE`
/// ([HND-1](crate::protocol#HND-1)).
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
    /// A message between a cluster's primary and a worker of its (CLU-1).
    Cluster,
    /// Anything else that begins with `NODE_`: swallowed.
    Other,
}

/// What a `NODE_HANDLE` says.
#[derive(Debug)]
pub struct HandleFrame {
    /// The wire type as it was written, cut if it is longer than any; empty if there was none.
    pub wire_type: String,
    /// The user's message; empty if there was none (Node's `undefined`).
    pub message: Bytes,
    /// The list that the socket is counted in.
    pub key: Option<SocketKey>,
    /// Who the message is for (HND-1).
    pub addressee: Addressee,
}

/// A wire type or a command as it is kept: no more than tells that it is unknown.
fn cut(name: &str) -> String {
    const KEPT: usize = 64;
    name.chars().take(KEPT).collect()
}

/// Who a message is for that came with a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// The user.
    User,
    /// The other side's part of a cluster (CLU-3).
    Cluster,
    /// Machinery of Node's that we do not know.
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

/// Reads one of Node's own messages out of what a frame holds; `None` for an ordinary one, and for
/// what is no message.
pub fn parse(serialization: Serialization, content: &Bytes) -> Option<Control> {
    match serialization {
        Serialization::Json => json::parse(content),
        Serialization::Advanced => advanced::parse(content),
    }
}

/// Whether an unfinished frame, which holds this at its beginning, is a `NODE_HANDLE`. Node writes
/// `cmd` first.
pub fn begins_handle(serialization: Serialization, start: &[u8]) -> bool {
    match serialization {
        Serialization::Json => json::begins_handle(start),
        Serialization::Advanced => advanced::begins_handle(start),
    }
}

/// The `cmd` of a message that Node would take for one of its own (INT-1), out of its frame.
pub fn reserved_cmd(serialization: Serialization, frame: &[u8]) -> Option<String> {
    let message = content(serialization, frame);
    match serialization {
        Serialization::Json => json::reserved_cmd(message),
        Serialization::Advanced => advanced::reserved_cmd(message),
    }
}

/// The frame of the reply that takes a handle over (HND-6).
pub fn handle_ack(serialization: Serialization) -> &'static [u8] {
    match serialization {
        Serialization::Json => json::HANDLE_ACK,
        Serialization::Advanced => advanced::HANDLE_ACK,
    }
}

/// The frame of the reply that there was no descriptor (HND-6).
pub fn handle_nack(serialization: Serialization) -> &'static [u8] {
    match serialization {
        Serialization::Json => json::HANDLE_NACK,
        Serialization::Advanced => advanced::HANDLE_NACK,
    }
}

/// Writes the frame of a handle message around the frame of a user's message.
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

/// The question that [`Control::SocketGetCount`] is.
pub fn encode_get_count(serialization: Serialization, key: &SocketKey) -> Vec<u8> {
    encode_socket(serialization, "NODE_SOCKET_GET_COUNT", key, None)
}

/// The answer to [`Control::SocketGetCount`].
pub fn encode_socket_count(serialization: Serialization, key: &SocketKey, count: usize) -> Vec<u8> {
    encode_socket(serialization, "NODE_SOCKET_COUNT", key, Some(count))
}

/// The request that [`Control::SocketNotifyClose`] is.
pub fn encode_notify_close(serialization: Serialization, key: &SocketKey) -> Vec<u8> {
    encode_socket(serialization, "NODE_SOCKET_NOTIFY_CLOSE", key, None)
}

/// The answer to [`Control::SocketNotifyClose`].
pub fn encode_all_closed(serialization: Serialization, key: &SocketKey) -> Vec<u8> {
    encode_socket(serialization, "NODE_SOCKET_ALL_CLOSED", key, None)
}

fn encode_socket(serialization: Serialization, cmd: &str, key: &SocketKey, count: Option<usize>) -> Vec<u8> {
    match serialization {
        Serialization::Json => json::encode_socket(cmd, key, count),
        Serialization::Advanced => advanced::encode_socket(cmd, key, count),
    }
}
