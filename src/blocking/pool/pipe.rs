//! [`Pipe`]: a stream of a worker's process.

use std::io::{self, Read};

/// A stream of the process, and whether it can be read now.
pub(super) struct Pipe<R> {
    pub(super) pipe: Option<R>,
    pub(super) is_readable: bool,
}

impl<R: Read> Pipe<R> {
    pub(super) fn new(pipe: Option<R>) -> Self {
        Pipe { pipe, is_readable: false }
    }

    /// Reads once what is there.
    pub(super) fn read(&mut self, take: impl FnOnce(&[u8])) {
        let Some(pipe) = self.pipe.as_mut().filter(|_| self.is_readable) else {
            return;
        };
        self.is_readable = false;
        let mut buffer = [0; 16 * 1024];
        match pipe.read(&mut buffer) {
            Ok(n @ 1..) => take(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => self.pipe = None,
        }
    }
}
