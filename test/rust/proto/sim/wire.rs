//! One direction of a Unix stream socket, with what the kernel guarantees about descriptors and
//! nothing more (HND-3).

use std::collections::VecDeque;

use super::token::Token;

/// Bytes on their way, at most `room` of them.
pub struct Wire {
    segments: VecDeque<Segment>,
    room: usize,
    /// Nobody will read any more: a write fails.
    pub broken: bool,
    /// Nobody will write any more: behind the last byte is the end.
    pub ended: bool,
}

/// What one write has put there, or a part of it.
struct Segment {
    bytes: VecDeque<u8>,
    fd: Option<Token>,
    /// A descriptor rode on this segment, taken or not: no read goes past its end in the same
    /// call that takes it.
    fence: bool,
}

/// What one read has brought.
#[derive(Default)]
pub struct Read {
    pub bytes: Vec<u8>,
    pub fds: Vec<Token>,
    /// The reader had no descriptor free.
    pub truncated: bool,
}

impl Wire {
    pub fn new(room: usize) -> Self {
        Wire { segments: VecDeque::new(), room, broken: false, ended: false }
    }

    pub fn room(&self) -> usize {
        self.room - self.segments.iter().map(|s| s.bytes.len()).sum::<usize>()
    }

    /// One write: as much as there is room for, in segments of `segment` bytes at most. The
    /// descriptor rides on the first. Gives the number of bytes taken; 0 is "would block".
    pub fn write(&mut self, bytes: &[u8], fd: Option<&Token>, segment: usize) -> usize {
        let taken = bytes.len().min(self.room());
        for (at, part) in bytes[..taken].chunks(segment).enumerate() {
            let fd = fd.filter(|_| at == 0).map(Token::dup);
            let fence = fd.is_some();
            self.segments.push_back(Segment { bytes: part.iter().copied().collect(), fd, fence });
        }
        taken
    }

    /// One read of `max` bytes at most: through plain segments, into a segment with a descriptor,
    /// and never past its end. A descriptor comes with the first byte of its segment, however
    /// little of it is read. `starved` readers lose it.
    pub fn read(&mut self, max: usize, starved: bool) -> Read {
        let mut read = Read::default();
        while read.bytes.len() < max
            && let Some(segment) = self.segments.front_mut()
        {
            if let Some(fd) = segment.fd.take() {
                read.truncated = starved;
                read.fds.extend(Some(fd).filter(|_| !starved));
            } else {
                // Touched before: now it is as any other.
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

    /// The reader is gone, and all that was on its way with it.
    pub fn break_off(&mut self) {
        self.segments.clear();
        self.broken = true;
    }
}
