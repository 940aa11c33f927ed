//! The `json` mode: one JSON text a line (SER-1).

use bytes::{Buf, Bytes, BytesMut};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::frame::Frame;
use crate::error::SendError;

/// The longest message that is sent, in bytes: what Node's longest string holds, less one of its
/// read buffers. A longer line ends the Node process that reads it.
pub const MAX_SENT: usize = (1 << 29) - (1 << 17);

/// Cuts a buffer into lines. Every byte is looked at once, however the reads fall.
#[derive(Debug, Default)]
pub struct Splitter {
    /// Bytes at the front of the buffer that are known to hold no line end.
    scanned: usize,
    /// The rest of a line that was too long is being thrown away.
    skipping: bool,
}

impl Splitter {
    /// The next line in `buffer`, if one is there. What it no longer needs leaves the buffer.
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

/// Whether the line can be JSON at all, told by its first byte: an empty line and Node's
/// `undefined` (SER-4) cannot.
pub fn may_be_json(line: &[u8]) -> bool {
    let first = line.iter().find(|b| !b.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'))
}

/// Writes a value as a frame: its JSON text and the line end.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, SendError> {
    let mut frame = Vec::with_capacity(128);
    encode_to(&mut frame, value)?;
    Ok(frame)
}

/// Writes a value as a frame into memory that is there. It must be empty.
pub fn encode_to<T: Serialize + ?Sized>(frame: &mut Vec<u8>, value: &T) -> Result<(), SendError> {
    serde_json::to_writer(&mut *frame, value).map_err(|e| SendError::Encode(e.into()))?;
    finish(frame)
}

/// Makes a frame of a text that came from elsewhere, after making sure that it is one JSON value.
/// Invalid UTF-8 becomes U+FFFD, as in Node (SER-6).
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
    serde_json::to_writer(&mut text, value).map_err(|e| SendError::Encode(e.into()))?;
    match text.len() > MAX_SENT {
        true => Err(SendError::TooLong { length: text.len(), limit: MAX_SENT }),
        false => Ok(text),
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

/// Ends a JSON text as a frame. A raw line end inside can only be white space between tokens, as
/// a pretty-printed `RawValue` has it; to Node it would end the message (SER-11).
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

/// Reads a value. Nothing at all is what Node calls `undefined`, and reads as `null`.
pub fn decode<'a, T: Deserialize<'a>>(text: &'a [u8]) -> serde_json::Result<T> {
    serde_json::from_slice(if text.is_empty() { b"null" } else { text })
}
