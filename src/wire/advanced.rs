//! The `advanced` mode: each frame is a length and a value in V8's format (ADV-1).

use bytes::{Buf, Bytes, BytesMut};
use serde::Serialize;

use super::frame::Frame;
use super::v8::{self, Options, tag};
use crate::error::{SendError, V8Error};

/// The size of a frame's length prefix in bytes. The length is big-endian and does not count itself.
pub const PREFIX: usize = 4;

/// The largest message that is sent, in bytes without the length prefix. Node 18 and 20 read the length as a
/// signed number (ADV-3), and the message of a handle needs room for its envelope.
pub const MAX_SENT: usize = (1 << 31) - (1 << 17);

/// Node's `undefined`. An empty record reads as this value.
pub(crate) const UNDEFINED: &[u8] = &[0xFF, 0x0F, b'_'];

/// Splits a buffer into frames.
#[derive(Debug, Default)]
pub struct Splitter {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// No bytes have arrived yet, so the peer may be Bun.
    #[default]
    Start,
    Frames,
    /// This many bytes of an oversized frame are still to be discarded.
    Skipping(usize),
    /// The stream is in Bun's format.
    Foreign,
}

impl Splitter {
    /// The next complete frame in `buffer`, if there is one. Consumed bytes are removed from the buffer. A
    /// length that the peer announces reserves no memory.
    pub fn next_frame(&mut self, buffer: &mut BytesMut, max_message: usize) -> Option<Frame> {
        match &mut self.state {
            State::Frames => {}
            State::Start => {
                self.state = if is_buns(buffer)? { State::Foreign } else { State::Frames };
                if let State::Foreign = self.state {
                    buffer.clear();
                    return Some(Frame::Foreign);
                }
            }
            State::Skipping(left) => {
                let step = buffer.len().min(*left);
                buffer.advance(step);
                *left -= step;
                if *left > 0 {
                    return None;
                }
                self.state = State::Frames;
                return Some(Frame::Skipped);
            }
            State::Foreign => {
                buffer.clear();
                return None;
            }
        }
        let length = u32::from_be_bytes(*buffer.first_chunk::<PREFIX>()?) as usize;
        let come = buffer.len() - PREFIX;
        // The same rule as for a line: once more than the limit has arrived, its beginning is known.
        if length > max_message && come > max_message {
            buffer.advance(PREFIX);
            let start = buffer.split_to(come.min(length)).freeze();
            self.state = State::Skipping(length - start.len());
            return Some(Frame::TooLong(start));
        }
        if length > come {
            return None;
        }
        buffer.advance(PREFIX);
        Some(Frame::Whole(buffer.split_to(length).freeze()))
    }
}

/// Whether a stream with this beginning is in Bun's format: a type from 1 to 5 and a little-endian length. A
/// frame of Node's that begins with such a byte is over 16 MiB, and its fifth byte is FF. `None` while this
/// cannot be decided.
fn is_buns(start: &[u8]) -> Option<bool> {
    match start.first()? {
        1..=5 => start.get(PREFIX).map(|fifth| *fifth != 0xFF),
        _ => Some(false),
    }
}

/// Checks from its beginning whether the record can be a value: it needs the header of a known version and at
/// least one byte after it.
pub fn may_be_value(record: &[u8]) -> Result<(), V8Error> {
    match record {
        [0xFF, 15, _, ..] => Ok(()),
        _ => v8::check(record),
    }
}

/// Encodes a value as a frame: its length and its record.
pub fn encode<T: Serialize + ?Sized>(value: &T, options: &Options) -> Result<Vec<u8>, SendError> {
    let mut frame = Vec::with_capacity(128);
    encode_to(&mut frame, value, options)?;
    Ok(frame)
}

/// A frame without its length, to be sent alone or as a part of another.
#[cfg(feature = "calls")]
pub struct Unfinished {
    frame: Vec<u8>,
    /// It can become a part of another.
    pub(crate) is_movable: bool,
}

#[cfg(feature = "calls")]
impl Unfinished {
    /// Writes a value.
    pub(crate) fn new<T: Serialize + ?Sized>(value: &T, options: &Options) -> Result<Self, SendError> {
        let mut frame = Vec::with_capacity(256);
        frame.extend_from_slice(&[0; PREFIX]);
        let written = v8::to_writer(&mut frame, value, options).map_err(|e| SendError::Encode(e.into()))?;
        check_length(&frame)?;
        Ok(Unfinished { frame, is_movable: !written.has_references })
    }

    pub(crate) fn len(&self) -> usize {
        self.frame.len()
    }

    /// The frame of this value alone.
    pub(crate) fn alone(self) -> Vec<u8> {
        let mut frame = self.frame;
        finish(&mut frame);
        frame
    }

    /// The frame of an array of such values.
    pub(crate) fn together(parts: &[Unfinished]) -> Result<Vec<u8>, SendError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut frame = Vec::with_capacity(PREFIX + HEADER.len() + length + 16);
        frame.extend_from_slice(&[0; PREFIX]);
        frame.extend_from_slice(HEADER);
        frame.push(tag::DENSE_ARRAY);
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        v8::writer::varint(&mut frame, count);
        for part in parts {
            // Two-byte characters stay at even places (ADV-5).
            if frame.len() % 2 == 1 {
                frame.push(tag::PADDING);
            }
            frame.extend_from_slice(&part.frame[PREFIX + HEADER.len()..]);
        }
        frame.extend_from_slice(&[tag::DENSE_ARRAY_END, 0]);
        v8::writer::varint(&mut frame, count);
        check_length(&frame)?;
        finish(&mut frame);
        Ok(frame)
    }
}

/// Encodes a value as a frame into an existing buffer, which must be empty.
pub fn encode_to<T: Serialize + ?Sized>(
    frame: &mut Vec<u8>,
    value: &T,
    options: &Options,
) -> Result<(), SendError> {
    // V8 aligns by the position in the frame, which includes the length (ADV-5).
    frame.extend_from_slice(&[0; PREFIX]);
    v8::to_writer(frame, value, options).map_err(|e| SendError::Encode(e.into()))?;
    check_length(frame)?;
    finish(frame);
    Ok(())
}

/// Makes a frame of a record for the peer that wrote it, after checking that the record is complete.
pub fn frame_of(record: &[u8]) -> Result<Vec<u8>, SendError> {
    v8::check(record).map_err(|e| SendError::Encode(e.into()))?;
    around(record)
}

/// Makes a frame of a record from another channel, in a form that the peer can read.
pub fn reencode(record: &Bytes, options: &Options) -> Result<Vec<u8>, SendError> {
    let value = v8::Value::decode_bytes(record).map_err(|e| SendError::Encode(e.into()))?;
    encode(&value, options)
}

fn around(record: &[u8]) -> Result<Vec<u8>, SendError> {
    let mut frame = Vec::with_capacity(PREFIX + record.len() + ALIGNED);
    frame.extend_from_slice(&[0; PREFIX]);
    frame.extend_from_slice(record);
    check_length(&frame)?;
    finish(&mut frame);
    Ok(frame)
}

/// The size of each frame that we send is a multiple of this number of bytes.
const ALIGNED: usize = 4;

/// The header of each record that V8 and this crate write. Another peer may write a longer one.
const HEADER: &[u8] = &[0xFF, 0x0F];

/// Fills in the length of a frame that has space for it at its beginning, and pads the record.
///
/// Node 18 never recovers if one of its reads ends inside a length (ADV-3). A read ends where the available
/// bytes end, or after 64 KiB. If the size of each frame is a multiple of four bytes, both positions are
/// multiples of four, and no read ends inside the four bytes of a length. The padding goes in front of a tag,
/// where V8 itself writes padding (ADV-5).
pub(crate) fn finish(frame: &mut Vec<u8>) {
    let end = frame.len();
    let padding = end.next_multiple_of(ALIGNED) - end;
    if padding > 0 && frame[PREFIX..].starts_with(HEADER) {
        let at = last_tag(frame).unwrap_or(PREFIX + HEADER.len());
        // Growing to twice the capacity for three bytes would cost more than moving all of them.
        frame.reserve_exact(padding);
        frame.resize(end + padding, 0);
        frame.copy_within(at..end, at + padding);
        frame[at..at + padding].fill(0);
    }
    let length = (frame.len() - PREFIX) as u32;
    frame[..PREFIX].copy_from_slice(&length.to_be_bytes());
}

/// The position of the tag that closes the value, if the value has one near its end. One or two counts follow
/// it. All bytes of a count but the last have their highest bit set.
fn last_tag(frame: &[u8]) -> Option<usize> {
    let counts = match *frame.get(PREFIX + HEADER.len()..)? {
        [tag::OBJECT | tag::MAP | tag::SET, ..] => 1,
        [tag::HOST_OBJECT, kind, ..] if u32::from(kind) == tag::HOST_PLAIN => 1,
        [tag::DENSE_ARRAY | tag::SPARSE_ARRAY, ..] => 2,
        _ => return None,
    };
    let mut at = frame.len();
    for _ in 0..counts {
        at = frame[..at - 1].iter().rposition(|byte| *byte < 0x80)? + 1;
    }
    at.checked_sub(1)
}

fn check_length(frame: &[u8]) -> Result<(), SendError> {
    prefix(frame.len() - PREFIX).map(drop)
}

/// The length prefix for a frame.
pub fn prefix(length: usize) -> Result<[u8; PREFIX], SendError> {
    match u32::try_from(length) {
        Ok(announced) if length <= MAX_SENT => Ok(announced.to_be_bytes()),
        _ => Err(SendError::TooLong { length, limit: MAX_SENT }),
    }
}
