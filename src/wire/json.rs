//! The `json` mode: one JSON text per line (SER-1).

use bytes::{Buf, Bytes, BytesMut};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::frame::Frame;
use crate::error::SendError;

/// The largest message that is sent, in bytes: the length of Node's longest string, minus the size of one of
/// its read buffers. A longer line ends the Node process that reads it.
pub const MAX_SENT: usize = (1 << 29) - (1 << 17);

/// Splits a buffer into lines. Each byte is examined once, wherever the reads end.
#[derive(Debug, Default)]
pub struct Splitter {
    /// Bytes at the front of the buffer that are known to contain no line end.
    scanned: usize,
    /// The rest of an oversized line is being discarded.
    skipping: bool,
}

impl Splitter {
    /// The next complete line in `buffer`, if there is one. Consumed bytes are removed from the buffer.
    pub fn next_frame(&mut self, buffer: &mut BytesMut, max_message: usize) -> Option<Frame> {
        if self.skipping {
            return self.skip(buffer);
        }
        let Some(at) = memchr::memchr(b'\n', &buffer[self.scanned..]) else {
            self.scanned = buffer.len();
            if buffer.len() <= max_message {
                return None;
            }
            return Some(self.too_long(buffer.split().freeze()));
        };
        let end = self.scanned + at;
        if end > max_message {
            return Some(self.too_long(buffer.split_to(end).freeze()));
        }
        self.scanned = 0;
        let line = buffer.split_to(end).freeze();
        buffer.advance(1);
        Some(Frame::Whole(line))
    }

    fn too_long(&mut self, start: Bytes) -> Frame {
        self.scanned = 0;
        self.skipping = true;
        Frame::TooLong(start)
    }

    fn skip(&mut self, buffer: &mut BytesMut) -> Option<Frame> {
        let Some(at) = memchr::memchr(b'\n', buffer) else {
            buffer.clear();
            return None;
        };
        buffer.advance(at + 1);
        self.skipping = false;
        Some(Frame::Skipped)
    }
}

/// Checks from its first byte whether the line can be JSON. An empty line and Node's `undefined` (SER-4)
/// cannot.
pub fn may_be_json(line: &[u8]) -> bool {
    let first = line.iter().find(|b| !b.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'))
}

/// Encodes a value as a frame: its JSON text and the line end.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, SendError> {
    let mut frame = Vec::with_capacity(128);
    encode_to(&mut frame, value)?;
    Ok(frame)
}

/// Encodes a value as a frame into an existing buffer, which must be empty.
pub fn encode_to<T: Serialize + ?Sized>(frame: &mut Vec<u8>, value: &T) -> Result<(), SendError> {
    serde_json::to_writer(&mut *frame, value).map_err(|e| SendError::Encode(e.into()))?;
    finish(frame)
}

/// Makes a frame of a text from another channel, after checking that it is one JSON value. Invalid UTF-8
/// becomes U+FFFD, as in Node (SER-6).
pub fn reencode(text: &[u8]) -> Result<Vec<u8>, SendError> {
    let frame = match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(text).into_owned(),
    };
    serde_json::from_str::<IgnoredAny>(&frame).map_err(|e| SendError::Encode(e.into()))?;
    let mut frame = frame.into_bytes();
    finish(&mut frame)?;
    Ok(frame)
}

/// Writes a value without the end of its line, to be sent alone or as a part of an array.
#[cfg(feature = "calls")]
pub(crate) fn unfinished<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, SendError> {
    let mut text = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Buffers);
    value.serialize(&mut serializer).map_err(|e| SendError::Encode(e.into()))?;
    match text.len() > MAX_SENT {
        true => Err(SendError::TooLong { length: text.len(), limit: MAX_SENT }),
        false => Ok(text),
    }
}

/// Writes what serde calls bytes as a `Buffer`, in a form that is short and quickly read. (Node's own form
/// has a number for each byte.)
#[cfg(feature = "calls")]
struct Buffers;

#[cfg(feature = "calls")]
impl serde_json::ser::Formatter for Buffers {
    fn write_byte_array<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        bytes: &[u8],
    ) -> std::io::Result<()> {
        let mut text = br#"{"type":"Buffer","data":""#.to_vec();
        super::base64::encode_to(&mut text, bytes);
        text.extend_from_slice(br#""}"#);
        writer.write_all(&text)
    }
}

/// The frame of an array of such texts.
#[cfg(feature = "calls")]
pub(crate) fn together(texts: &[Vec<u8>]) -> Result<Vec<u8>, SendError> {
    let mut frame = Vec::with_capacity(texts.iter().map(|text| text.len() + 1).sum::<usize>() + 2);
    for text in texts {
        frame.push(if frame.is_empty() { b'[' } else { b',' });
        frame.extend_from_slice(text);
    }
    frame.push(b']');
    finish(&mut frame)?;
    Ok(frame)
}

/// Ends a JSON text as a frame. A raw line end inside it can only be white space between tokens, for example
/// in a pretty-printed `RawValue`. Node would end the message there (SER-11).
pub(crate) fn finish(frame: &mut Vec<u8>) -> Result<(), SendError> {
    if frame.len() > MAX_SENT {
        return Err(SendError::TooLong { length: frame.len(), limit: MAX_SENT });
    }
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'\n', &frame[from..]) {
        frame[from + at] = b' ';
        from += at + 1;
    }
    frame.push(b'\n');
    Ok(())
}

/// Decodes a value. An empty text is Node's `undefined` and reads as `null`.
pub fn decode<'a, T: Deserialize<'a>>(text: &'a [u8]) -> serde_json::Result<T> {
    serde_json::from_slice(if text.is_empty() { b"null" } else { text })
}
