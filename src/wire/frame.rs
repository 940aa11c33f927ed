//! A stream's bytes to frames, by the channel's serialization.

use bytes::{Bytes, BytesMut};

use super::{Serialization, advanced, json};
use crate::error::ProtocolError;

/// A frame taken from the buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// What it holds: a JSON text without its line end, or a V8 record without its length.
    Whole(Bytes),
    /// The beginning of a frame over the limit; the rest is skipped, up to [`Frame::Skipped`].
    TooLong(Bytes),
    /// The end of a frame that was too long.
    Skipped,
    /// The stream is in Bun's own format, of which nothing can be read. The last frame.
    Foreign,
}

/// Cuts a buffer into frames. Every byte is looked at once, however the reads fall.
#[derive(Debug)]
pub enum Splitter {
    /// Into lines.
    Json(json::Splitter),
    /// By the length that each frame begins with.
    Advanced(advanced::Splitter),
}

impl Splitter {
    /// One for the beginning of a stream.
    pub fn new(serialization: Serialization) -> Self {
        match serialization {
            Serialization::Json => Splitter::Json(json::Splitter::default()),
            Serialization::Advanced => Splitter::Advanced(advanced::Splitter::default()),
        }
    }

    /// The next frame in `buffer`, if one is there. What it no longer needs leaves the buffer.
    pub fn next_frame(&mut self, buffer: &mut BytesMut, max_message: usize) -> Option<Frame> {
        match self {
            Splitter::Json(splitter) => splitter.next_frame(buffer, max_message),
            Splitter::Advanced(splitter) => splitter.next_frame(buffer, max_message),
        }
    }
}

/// Refuses what cannot be a message, told by its beginning alone: a message is not decoded until
/// somebody asks.
pub fn check(serialization: Serialization, frame: &Bytes) -> Result<(), ProtocolError> {
    match serialization {
        Serialization::Json if json::may_be_json(frame) => Ok(()),
        Serialization::Json => Err(ProtocolError::NotJson { line: frame.clone() }),
        Serialization::Advanced => advanced::may_be_value(frame)
            .map_err(|reason| ProtocolError::NotV8 { frame: frame.clone(), reason }),
    }
}

/// What a whole frame holds, without its framing.
pub fn content(serialization: Serialization, frame: &[u8]) -> &[u8] {
    match serialization {
        Serialization::Json => frame.strip_suffix(b"\n").unwrap_or(frame),
        Serialization::Advanced => frame.get(advanced::PREFIX..).unwrap_or_default(),
    }
}
