//! The `advanced` mode: a length, and a value as V8 writes it (ADV-1).

use bytes::{Buf, Bytes, BytesMut};
use serde::Serialize;

use super::frame::Frame;
use super::v8::{self, Options, tag};
use crate::error::{SendError, V8Error};

/// How many bytes a frame's length takes: it is big-endian and does not count itself.
pub const PREFIX: usize = 4;

/// The longest message that is sent, in bytes without the length. Node 18 and 20 read the length as a
/// signed number (ADV-3), and a handle's message needs room for its envelope.
pub const MAX_SENT: usize = (1 << 31) - (1 << 17);

/// Nothing at all is what Node calls `undefined`, and reads as that.
pub(crate) const UNDEFINED: &[u8] = &[0xFF, 0x0F, b'_'];

/// Cuts a buffer into frames.
#[derive(Debug, Default)]
pub struct Splitter {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// Nothing has come: it may still be Bun's.
    #[default]
    Start,
    Frames,
    /// So much of a frame that was too long is still to be thrown away.
    Skipping(usize),
    /// It is Bun's.
    Foreign,
}

impl Splitter {
    /// The next frame in `buffer`, if one is there. What it no longer needs leaves the buffer, and
    /// nothing is set aside for what has only been announced.
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
        // As for a line: when more than the limit is there, its beginning is known.
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

/// Whether a stream that begins like this is Bun's: a type from 1 to 5 and a little-endian length.
/// A frame of Node's that begins with such a byte is over 16 MiB, and its fifth is FF. `None` until
/// that can be told.
fn is_buns(start: &[u8]) -> Option<bool> {
    match start.first()? {
        1..=5 => start.get(PREFIX).map(|fifth| *fifth != 0xFF),
        _ => Some(false),
    }
}

/// Whether the record can be a value at all, told by its beginning: the header of a version that
/// is known, and something behind it.
pub fn may_be_value(record: &[u8]) -> Result<(), V8Error> {
    match record {
        [0xFF, 15, _, ..] => Ok(()),
        _ => v8::check(record),
    }
}

/// Writes a value as a frame: its length and its record.
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

/// Writes a value as a frame into memory that is there. It must be empty.
pub fn encode_to<T: Serialize + ?Sized>(
    frame: &mut Vec<u8>,
    value: &T,
    options: &Options,
) -> Result<(), SendError> {
    // V8 aligns what it writes by the place in the frame, its length included (ADV-5).
    frame.extend_from_slice(&[0; PREFIX]);
    v8::to_writer(frame, value, options).map_err(|e| SendError::Encode(e.into()))?;
    check_length(frame)?;
    finish(frame);
    Ok(())
}

/// Makes a frame of a record for the peer that wrote it, after making sure that it is whole.
pub fn frame_of(record: &[u8]) -> Result<Vec<u8>, SendError> {
    v8::check(record).map_err(|e| SendError::Encode(e.into()))?;
    around(record)
}

/// Makes a frame of a record that came from elsewhere, in a form that the peer can read.
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

/// Every frame of ours takes a multiple of so many bytes.
const ALIGNED: usize = 4;

/// The header of every record that V8 and we write. A peer may have written it longer.
const HEADER: &[u8] = &[0xFF, 0x0F];

/// Fills in the length of a frame that has room for it at its beginning, and pads the record.
///
/// A Node 18 never recovers if a read of its ends inside of a length (ADV-3). Its reads end
/// where the bytes that are there end, or after 64 KiB. Both are multiples of four bytes if every
/// frame is one, and then no read ever ends inside of the four bytes of a length. The padding is in
/// front of a tag, where V8 itself puts some (ADV-5).
pub(crate) fn finish(frame: &mut Vec<u8>) {
    let end = frame.len();
    let padding = end.next_multiple_of(ALIGNED) - end;
    if padding > 0 && frame[PREFIX..].starts_with(HEADER) {
        let at = last_tag(frame).unwrap_or(PREFIX + HEADER.len());
        // Twice the memory for three bytes would cost more than to move all of it.
        frame.reserve_exact(padding);
        frame.resize(end + padding, 0);
        frame.copy_within(at..end, at + padding);
        frame[at..at + padding].fill(0);
    }
    let length = (frame.len() - PREFIX) as u32;
    frame[..PREFIX].copy_from_slice(&length.to_be_bytes());
}

/// The tag with which the value ends, if it is one that does: what follows it is short. Behind it
/// there are one count, or two, in bytes of which all but the last have their highest bit set.
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

/// The length that a frame begins with.
pub fn prefix(length: usize) -> Result<[u8; PREFIX], SendError> {
    match u32::try_from(length) {
        Ok(announced) if length <= MAX_SENT => Ok(announced.to_be_bytes()),
        _ => Err(SendError::TooLong { length, limit: MAX_SENT }),
    }
}
