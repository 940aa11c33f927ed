//! A link's socket, and whether it is worth a system call.
//!
//! ```text
//!                    a read finds less than it has room for
//!    input:  Ready --------------------------------------------> Exhausted
//!              ^                                                     |
//!              +------- news from the kernel, or a full read --------+
//!
//!                    a write is refused
//!    output: Ready --------------------------> Exhausted
//!              ^                                   |
//!              +---- all there is is written ------+
//! ```

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use bytes::BytesMut;

use super::Step;
use crate::proto::Transmit;
use crate::sys::scm::{self, Packet};

pub(super) struct LinkSocket {
    stream: Arc<UnixStream>,
    input: Readiness,
    output: Readiness,
    /// How many bytes have been read.
    received: u64,
    /// The descriptors of the last read.
    pub(super) fds: Vec<OwnedFd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    /// A call may find something, or room for something.
    Ready,
    /// Only news from the kernel can change that it does not.
    Exhausted,
}

/// What a read has found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Bytes. Their descriptors are in `fds`, except some if `truncated`.
    Bytes { len: usize, truncated: bool },
    /// The end of the stream.
    End,
    /// Nothing for now.
    Nothing,
}

impl LinkSocket {
    pub(super) fn new(socket: OwnedFd) -> Self {
        LinkSocket {
            stream: Arc::new(UnixStream::from(socket)),
            input: Readiness::Ready,
            output: Readiness::Ready,
            received: 0,
            fds: Vec::new(),
        }
    }

    pub(super) fn stream(&self) -> &Arc<UnixStream> {
        &self.stream
    }

    /// How many bytes have been read until now.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Reads once, into the free room of the buffer.
    pub(super) fn read(&mut self, buffer: &mut BytesMut) -> io::Result<Read> {
        let room = buffer.capacity() - buffer.len();
        match scm::recv(self.stream.as_fd(), buffer, &mut self.fds) {
            Ok(scm::Received { len: 0, .. }) => {
                self.fds.clear();
                Ok(Read::End)
            }
            Ok(scm::Received { len, truncated }) => {
                // A read that brings a descriptor ends with it, however much there is (HND-3).
                let is_last = len < room && self.fds.is_empty() && !truncated;
                self.input = if is_last { Readiness::Exhausted } else { Readiness::Ready };
                self.received += len as u64;
                Ok(Read::Bytes { len, truncated })
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.input = Readiness::Exhausted;
                Ok(Read::Nothing)
            }
            Err(e) => Err(e),
        }
    }

    /// There is news from the kernel: something may be read.
    pub(super) fn readable(&mut self) {
        self.input = Readiness::Ready;
    }

    /// Whether a read may find something.
    pub(super) fn may_have_input(&self) -> bool {
        self.input == Readiness::Ready
    }

    /// Writes once.
    pub(super) fn write(&self, transmit: &Transmit<'_, OwnedFd>) -> io::Result<usize> {
        scm::send(self.stream.as_fd(), transmit.slices(), transmit.fd().map(|fd| fd.as_fd()))
    }

    /// All there was is written, or the kernel takes no more.
    pub(super) fn written(&mut self, step: Step) {
        self.output = match step {
            Step::Progress => Readiness::Ready,
            Step::Blocked => Readiness::Exhausted,
        };
    }

    /// Whether the kernel takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.output == Readiness::Exhausted
    }

    /// Tells the peer that no more is written.
    pub(super) fn shut_down_output(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Ends the connection, and leaves nothing unread.
    pub(super) fn shut_down(&mut self) {
        // Not just closed: other threads may be waiting on it, and a process that inherited the
        // other half of our descriptor would keep it open.
        let _ = self.stream.shutdown(Shutdown::Both);
        // To close a socket with data unread is a reset (LIFE-2), after which a Deno process never
        // emits 'disconnect'. Now that it is shut down nothing more comes in, and no read waits.
        let mut bytes = [0; 16 * 1024];
        while let Ok(Packet { len: 1.., .. }) =
            scm::recv_packet(self.stream.as_fd(), &mut bytes, &mut self.fds, false)
        {
            self.fds.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::Readiness::{Exhausted, Ready};
    use super::*;

    const ROOM: usize = 8;

    /// Each row: what the peer has written, what a read then finds, and the state after it, whatever
    /// it was before.
    #[test]
    fn what_a_read_finds_tells_whether_another_is_worth_it() {
        let rows = [
            (0, Read::Nothing, Exhausted),
            (3, Read::Bytes { len: 3, truncated: false }, Exhausted),
            (ROOM, Read::Bytes { len: ROOM, truncated: false }, Ready),
        ];
        for (written, found, after) in rows {
            for before in [Ready, Exhausted] {
                let (ours, mut peer) = UnixStream::pair().unwrap();
                let mut socket = LinkSocket::new(ours.into());
                socket.input = before;
                peer.write_all(&[b'1'; ROOM][..written]).unwrap();
                let mut buffer = BytesMut::with_capacity(ROOM);
                assert_eq!(socket.read(&mut buffer).unwrap(), found, "{written} bytes");
                assert_eq!(socket.input, after, "{before:?} and {written} bytes");
                socket.readable();
                assert_eq!(socket.input, Ready);
            }
        }
    }

    #[test]
    fn what_a_write_comes_to_tells_whether_another_is_worth_it() {
        let (ours, _peer) = UnixStream::pair().unwrap();
        let mut socket = LinkSocket::new(ours.into());
        for (step, is_full) in [(Step::Blocked, true), (Step::Blocked, true), (Step::Progress, false)] {
            socket.written(step);
            assert_eq!(socket.is_full(), is_full, "{step:?}");
        }
    }
}
