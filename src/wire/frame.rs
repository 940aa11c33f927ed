//! Splits a stream of bytes into frames, in the channel's serialization.

use bytes::{Bytes, BytesMut};

use super::{Serialization, advanced, json};
use crate::error::ProtocolError;

/// A frame taken from the buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// The content: a JSON text without its line end, or a V8 record without its length.
    Whole(Bytes),
    /// The beginning of a frame over the limit. The rest is discarded, up to [`Frame::Skipped`].
    TooLong(Bytes),
    /// The end of a frame that was over the limit.
    Skipped,
    /// The stream is in Bun's own format, which this crate cannot read. No frame follows.
    Foreign,
}

/// Splits a buffer into frames. Each byte is examined once, wherever the reads end.
#[derive(Debug)]
pub enum Splitter {
    /// At line ends.
    Json(json::Splitter),
    /// By the length prefix of each frame.
    Advanced(advanced::Splitter),
}

impl Splitter {
    /// A splitter at the beginning of a stream.
    pub fn new(serialization: Serialization) -> Self {
        match serialization {
            Serialization::Json => Splitter::Json(json::Splitter::default()),
            Serialization::Advanced => Splitter::Advanced(advanced::Splitter::default()),
        }
    }

    /// The next complete frame in `buffer`, if there is one. Consumed bytes are removed from the buffer.
    pub fn next_frame(&mut self, buffer: &mut BytesMut, max_message: usize) -> Option<Frame> {
        match self {
            Splitter::Json(splitter) => splitter.next_frame(buffer, max_message),
            Splitter::Advanced(splitter) => splitter.next_frame(buffer, max_message),
        }
    }
}

/// Rejects a frame whose beginning shows that it is not a message. A message is decoded only when the user
/// asks for its value.
pub fn check(serialization: Serialization, frame: &Bytes) -> Result<(), ProtocolError> {
    match serialization {
        Serialization::Json if json::may_be_json(frame) => Ok(()),
        Serialization::Json => Err(ProtocolError::NotJson { line: frame.clone() }),
        Serialization::Advanced => advanced::may_be_value(frame)
            .map_err(|reason| ProtocolError::NotV8 { frame: frame.clone(), reason }),
    }
}

/// The content of a complete frame, without its framing.
pub fn content(serialization: Serialization, frame: &[u8]) -> &[u8] {
    match serialization {
        Serialization::Json => frame.strip_suffix(b"\n").unwrap_or(frame),
        Serialization::Advanced => frame.get(advanced::PREFIX..).unwrap_or_default(),
    }
}
