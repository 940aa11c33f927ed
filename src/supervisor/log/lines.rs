//! Cuts a stream of bytes into lines.

/// A longer line is cut into several.
pub const LONGEST_LINE: usize = 64 * 1024;

/// What has come of a line whose end has not.
#[derive(Debug, Default)]
pub struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Gives each line that is complete now, with its end; and without one, what is too long to be kept.
    pub fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, is_complete) = match piece {
                [text @ .., b'\n'] => (text, true),
                text => (text, false),
            };
            self.add(text, &mut line);
            if is_complete {
                self.rest.push(b'\n');
                line(&self.rest);
                self.rest.clear();
            }
        }
    }

    /// Gives the last line, if it has no end.
    pub fn end(&mut self, mut line: impl FnMut(&[u8])) {
        if !self.rest.is_empty() {
            line(&self.rest);
            self.rest.clear();
        }
    }

    /// What is to be cut is cut here, never to an empty line.
    fn add(&mut self, bytes: &[u8], line: &mut impl FnMut(&[u8])) {
        self.rest.extend_from_slice(bytes);
        while self.rest.len() > LONGEST_LINE {
            let at = boundary(&self.rest, LONGEST_LINE);
            line(&self.rest[..at]);
            self.rest.drain(..at);
        }
    }
}

/// The last place up to `most` that is not inside of a UTF-8 character, if these are such.
fn boundary(bytes: &[u8], most: usize) -> usize {
    let inside = |at: &usize| bytes[*at] & 0b1100_0000 == 0b1000_0000;
    (most - 3..=most).rev().find(|at| !inside(at)).unwrap_or(most)
}
