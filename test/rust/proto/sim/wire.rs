//! One direction of a Unix stream socket, with exactly the kernel's guarantees for descriptors (HND-3).

use std::collections::VecDeque;

use super::token::Token;

/// Bytes in flight, up to `room`.
pub struct Wire {
    segments: VecDeque<Segment>,
    room: usize,
    /// The reader is gone: a write fails.
    pub broken: bool,
    /// The writer is gone: the end follows the last byte.
    pub ended: bool,
}

/// The bytes of one write, or a part of them.
struct Segment {
    bytes: VecDeque<u8>,
    fd: Option<Token>,
    /// A descriptor came with this segment, taken or not: the read that takes it stops at the segment's
    /// end.
    fence: bool,
}

/// The result of one read.
#[derive(Default)]
pub struct Read {
    pub bytes: Vec<u8>,
    pub fds: Vec<Token>,
    /// The reader had no free descriptor.
    pub truncated: bool,
}

impl Wire {
    pub fn new(room: usize) -> Self {
        Wire { segments: VecDeque::new(), room, broken: false, ended: false }
    }

    pub fn room(&self) -> usize {
        self.room - self.segments.iter().map(|s| s.bytes.len()).sum::<usize>()
    }

    /// One write: as much as there is room for, in segments of up to `segment` bytes. The descriptor
    /// comes with the first. Returns the number of bytes taken; 0 is "would block".
    pub fn write(&mut self, bytes: &[u8], fd: Option<&Token>, segment: usize) -> usize {
        let taken = bytes.len().min(self.room());
        for (at, part) in bytes[..taken].chunks(segment).enumerate() {
            let fd = fd.filter(|_| at == 0).map(Token::dup);
            let fence = fd.is_some();
            self.segments.push_back(Segment { bytes: part.iter().copied().collect(), fd, fence });
        }
        taken
    }

    /// One read of up to `max` bytes: through plain segments, into a segment with a descriptor, and never
    /// past its end. A descriptor comes with the first byte of its segment. `starved` readers lose it.
    pub fn read(&mut self, max: usize, starved: bool) -> Read {
        let mut read = Read::default();
        while read.bytes.len() < max
            && let Some(segment) = self.segments.front_mut()
        {
            if let Some(fd) = segment.fd.take() {
                read.truncated = starved;
                read.fds.extend(Some(fd).filter(|_| !starved));
            } else {
                // It was partly read before, so now it is like any other.
                segment.fence = false;
            }
            let count = segment.bytes.len().min(max - read.bytes.len());
            read.bytes.extend(segment.bytes.drain(..count));
            let fence = segment.fence;
            if segment.bytes.is_empty() {
                self.segments.pop_front();
            }
            if fence {
                break;
            }
        }
        read
    }

    /// The reader is gone, and the bytes in flight with it.
    pub fn break_off(&mut self) {
        self.segments.clear();
        self.broken = true;
    }
}
