//! Frames on their way to the kernel, in order.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::Ticket;

/// What is to be written. The replies to handles go before everything that has not begun, because
/// the peer sends nothing until it has them (HND-6, NEVER-9).
#[derive(Default)]
pub(super) struct Outbox {
    replies: VecDeque<&'static [u8]>,
    frames: VecDeque<Frame>,
    /// Bytes of the frame at the front that are written already. While it is not 0, that frame
    /// comes before any reply.
    written: usize,
    /// Which queue `written` is about.
    front: Front,
    queued_bytes: usize,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Front {
    Reply,
    #[default]
    Frame,
}

pub(super) struct Frame {
    pub(super) ticket: Option<Ticket>,
    pub(super) bytes: Vec<u8>,
    /// The descriptor of the handle in flight rides on the first byte.
    pub(super) with_handle: bool,
}

/// What a call to [`Outbox::advance`] has completed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completed {
    pub(super) ticket: Option<Ticket>,
    pub(super) with_handle: bool,
}

impl Outbox {
    pub(super) fn push(&mut self, frame: Frame) {
        self.queued_bytes += frame.bytes.len();
        self.frames.push_back(frame);
    }

    pub(super) fn push_reply(&mut self, reply: &'static [u8]) {
        self.queued_bytes += reply.len();
        self.replies.push_back(reply);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.frames.is_empty()
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    pub(super) fn replies(&self) -> usize {
        self.replies.len()
    }

    /// Fills in the slices that may go out in one system call, and says whether the descriptor
    /// rides on the first. A handle message is alone; everything else is put together as it comes.
    pub(super) fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>], used: &mut usize) -> bool {
        let mut add = |bytes: &'a [u8]| {
            slices[*used] = IoSlice::new(bytes);
            *used += 1;
            *used < slices.len()
        };
        let begun = self.begun();
        let mut frames = self.frames.iter();
        let mut skip = self.written;
        if begun == Some(Front::Frame)
            && let Some(frame) = frames.next()
        {
            // The rest of a message, handle or not: without control data (HND-2).
            add(&frame.bytes[skip..]);
            if frame.with_handle {
                return false;
            }
            skip = 0;
        }
        for reply in &self.replies {
            if !add(&reply[skip..]) {
                return false;
            }
            skip = 0;
        }
        let mut alone = begun.is_none() && self.replies.is_empty();
        for frame in frames {
            if frame.with_handle && !alone {
                return false;
            }
            if !add(&frame.bytes) || frame.with_handle {
                return frame.with_handle;
            }
            alone = false;
        }
        false
    }

    /// What has been written in part.
    fn begun(&self) -> Option<Front> {
        (self.written > 0).then_some(self.front)
    }

    /// Takes note that the next `n` bytes are written, and gives the next frame that this
    /// completes: to be called until there is none.
    pub(super) fn advance(&mut self, n: &mut usize) -> Option<Completed> {
        while *n > 0 {
            if self.written == 0 {
                self.front = if self.replies.is_empty() { Front::Frame } else { Front::Reply };
            }
            let length = match self.front {
                Front::Reply => self.replies.front()?.len(),
                Front::Frame => self.frames.front()?.bytes.len(),
            };
            let step = (*n).min(length - self.written);
            *n -= step;
            self.queued_bytes -= step;
            self.written += step;
            if self.written < length {
                return None;
            }
            self.written = 0;
            match self.front {
                Front::Reply => drop(self.replies.pop_front()),
                Front::Frame => {
                    let frame = self.frames.pop_front()?;
                    return Some(Completed { ticket: frame.ticket, with_handle: frame.with_handle });
                }
            }
        }
        None
    }

    /// Takes a frame back, unless its first byte is written.
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> bool {
        let at = self.frames.iter().position(|f| f.ticket == Some(ticket));
        match at {
            Some(0) if self.begun() == Some(Front::Frame) => false,
            Some(at) => {
                self.queued_bytes -= self.frames.remove(at).map_or(0, |f| f.bytes.len());
                true
            }
            None => false,
        }
    }

    /// Drops everything, and says how many messages of our caller were among it.
    pub(super) fn clear(&mut self) -> usize {
        let lost = self.frames.iter().filter(|f| f.ticket.is_some()).count();
        *self = Outbox::default();
        lost
    }
}
