//! Bytes to frames, and each `NODE_HANDLE` to its own descriptor.
//!
//! A descriptor rides on bytes, and the kernel says only in which read it came. What holds on
//! every Unix stream (HND-3): a read that brings a descriptor ends inside, or at the end of, the
//! write that it rode on. So a descriptor belongs to one of the messages that have bytes in that
//! read, and handle messages among them take the descriptors in order (HND-4). A descriptor
//! that none of these messages has taken when the last of them is complete is a stray. It is closed
//! there, and never reaches a later message, as it does in Node (HND-5).

use std::collections::VecDeque;

use bytes::BytesMut;

use crate::wire::Serialization;
use crate::wire::frame::{Frame, Splitter};

/// How much room a read is given.
const READ: usize = 64 * 1024;
/// A message over this size gets a buffer of its own, which is freed with it.
const LARGE: usize = 256 * 1024;

pub(super) struct Inbox<F> {
    buffer: BytesMut,
    splitter: Splitter,
    arrived: VecDeque<Arrived<F>>,
    /// Bytes received so far, over the life of the channel.
    received: u64,
}

struct Arrived<F> {
    /// `None` stands for descriptors that the kernel dropped, because this process has too many
    /// (`MSG_CTRUNC`): the message that they were for must not get another's.
    fd: Option<F>,
    /// The end of the read that brought it, counted as `received` is.
    end: u64,
}

impl<F> Inbox<F> {
    pub(super) fn new(serialization: Serialization) -> Self {
        Inbox {
            buffer: BytesMut::new(),
            splitter: Splitter::new(serialization),
            arrived: VecDeque::new(),
            received: 0,
        }
    }

    /// The buffer to read into: append to it, then call [`received`](Self::received).
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < READ / 4 {
            self.buffer.reserve(READ);
        }
        &mut self.buffer
    }

    /// Takes note of a read of `len` bytes and what came with it. Gives back how many descriptors
    /// were over the limit.
    pub(super) fn received(
        &mut self,
        len: usize,
        fds: impl IntoIterator<Item = F>,
        truncated: bool,
        max_waiting: usize,
    ) -> usize {
        self.received += len as u64;
        let end = self.received;
        let mut surplus = 0;
        for fd in fds {
            if self.arrived.len() < max_waiting {
                self.arrived.push_back(Arrived { fd: Some(fd), end });
            } else {
                surplus += 1;
            }
        }
        if truncated && self.arrived.len() < max_waiting {
            self.arrived.push_back(Arrived { fd: None, end });
        }
        surplus
    }

    /// The next frame, if one is complete.
    pub(super) fn next_frame(&mut self, max_message: usize) -> Option<Frame> {
        let frame = self.splitter.next_frame(&mut self.buffer, max_message)?;
        // What follows is copied: otherwise a small message that is kept would keep the large one too.
        if let Frame::Whole(bytes) | Frame::TooLong(bytes) = &frame
            && bytes.len() > LARGE
            && self.buffer.len() <= bytes.len()
        {
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        Some(frame)
    }

    /// The descriptor of the handle message that was just read.
    pub(super) fn take_fd(&mut self) -> Option<F> {
        self.arrived.pop_front()?.fd
    }

    /// Gives up the descriptors that no message can claim any more, and says how many. To be
    /// called when a frame has been dealt with.
    pub(super) fn drop_strays(&mut self) -> usize {
        let consumed = self.consumed();
        let mut strays = 0;
        while self.arrived.front().is_some_and(|a| a.end <= consumed) {
            strays += usize::from(self.arrived.pop_front().is_some_and(|a| a.fd.is_some()));
        }
        strays
    }

    /// Bytes that have not become messages.
    pub(super) fn unread_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes that have become messages so far.
    pub(super) fn consumed(&self) -> u64 {
        self.received - self.buffer.len() as u64
    }

    /// The end of the stream: half a message is dropped (SER-8), and so is every descriptor.
    pub(super) fn clear(&mut self) {
        self.buffer = BytesMut::new();
        self.arrived = VecDeque::new();
        self.received = 0;
    }
}
