//! Cuts a stream of bytes into lines.

/// By default a longer line is cut into several.
pub const LONGEST_LINE: usize = 1 << 20;

/// What is a limit for lines: room for some characters, at least.
pub const LIMITS: std::ops::RangeInclusive<usize> = 1024..=64 << 20;

/// What has come of a line whose end has not.
#[derive(Debug)]
pub struct Lines {
    limit: usize,
    rest: Vec<u8>,
    /// How many pieces of this line were given already.
    pieces: u64,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// All of it.
    Whole,
    /// A part of a line that is too long: its number, from 1, and whether it is the last.
    Part {
        /// The first is 1.
        number: u64,
        /// No other follows.
        is_last: bool,
    },
}

impl Lines {
    /// With the length at which a line is cut: at the limits, if it is beyond [`LIMITS`].
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(*LIMITS.start(), *LIMITS.end());
        Lines { limit, rest: Vec::new(), pieces: 0 }
    }

    /// Gives each line that is complete now, with its end; and without one, what is too long to be kept.
    pub fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8], Piece)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, is_complete) = match piece {
                [text @ .., b'\n'] => (text, true),
                text => (text, false),
            };
            self.add(text, &mut line);
            if is_complete {
                self.rest.push(b'\n');
                self.end(&mut line);
            }
        }
    }

    /// Gives the last line, if it has no end.
    pub fn end(&mut self, mut line: impl FnMut(&[u8], Piece)) {
        if !self.rest.is_empty() || self.pieces > 0 {
            let piece = match self.pieces {
                0 => Piece::Whole,
                before => Piece::Part { number: before + 1, is_last: true },
            };
            line(&self.rest, piece);
            self.rest.clear();
            // A line that was long once is no reason to keep its memory.
            self.rest.shrink_to(64 * 1024);
            self.pieces = 0;
        }
    }

    /// What is to be cut is cut here, never to an empty line.
    fn add(&mut self, bytes: &[u8], line: &mut impl FnMut(&[u8], Piece)) {
        self.rest.extend_from_slice(bytes);
        while self.rest.len() > self.limit {
            let at = boundary(&self.rest, self.limit);
            self.pieces += 1;
            line(&self.rest[..at], Piece::Part { number: self.pieces, is_last: false });
            self.rest.drain(..at);
        }
    }
}

/// The last place up to `most` that is not inside of a UTF-8 character, if these are such.
fn boundary(bytes: &[u8], most: usize) -> usize {
    let inside = |at: &usize| bytes[*at] & 0b1100_0000 == 0b1000_0000;
    (most - 3..=most).rev().find(|at| !inside(at)).unwrap_or(most)
}
