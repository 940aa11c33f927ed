//! Frames on their way to the kernel, in order.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Deref;

use bytes::Bytes;

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

struct Frame {
    carries: Carries,
    bytes: Content,
}

/// What is to be written.
enum Content {
    Own(Vec<u8>),
    /// It is kept beside the handle too, which may have to be sent again.
    Shared(Bytes),
}

impl Deref for Content {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Content::Own(bytes) => bytes,
            Content::Shared(bytes) => bytes,
        }
    }
}

/// What a frame is for.
pub(super) enum Carries {
    /// A message of our caller.
    Message(Ticket),
    /// Small messages of our caller, put together: the last one's ticket, and where each ends.
    Batch(Ticket, Vec<usize>),
    /// A message with the handle in flight, whose descriptor rides on the first byte.
    Handle(Ticket),
    /// An answer to the peer of this length (SOCK-6).
    Answer(usize),
}

/// How long a batch may grow.
const BATCH: usize = 64 * 1024;

impl Outbox {
    pub(super) fn push(&mut self, carries: Carries, bytes: Vec<u8>) {
        self.queued_bytes += bytes.len();
        self.frames.push_back(Frame { carries, bytes: Content::Own(bytes) });
    }

    /// The frame of the handle in flight.
    pub(super) fn push_handle(&mut self, ticket: Ticket, frame: Bytes) {
        self.queued_bytes += frame.len();
        self.frames.push_back(Frame { carries: Carries::Handle(ticket), bytes: Content::Shared(frame) });
    }

    /// Puts a message behind the ones before it in the same piece of memory.
    pub(super) fn append(&mut self, ticket: Ticket, message: &[u8]) {
        self.queued_bytes += message.len();
        if let Some(Frame { carries: Carries::Batch(last, ends), bytes: Content::Own(bytes) }) =
            self.frames.back_mut()
            && bytes.len() + message.len() <= BATCH
        {
            bytes.extend_from_slice(message);
            ends.push(bytes.len());
            *last = ticket;
            return;
        }
        let mut bytes = Vec::with_capacity(message.len().max(1024));
        bytes.extend_from_slice(message);
        let carries = Carries::Batch(ticket, vec![bytes.len()]);
        self.frames.push_back(Frame { carries, bytes: Content::Own(bytes) });
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

    pub(super) fn reply_bytes(&self) -> usize {
        self.replies.iter().map(|reply| reply.len()).sum()
    }

    /// Fills in the slices that may go out in one system call, and says whether the descriptor
    /// rides on the first. A handle message is alone; everything else is put together as it comes.
    ///
    /// Each slice ends where a frame ends, so that no write is ever meant to end inside of one: a
    /// Node 18 that reads a part of an advanced frame's length by itself is stuck for ever (ADV-3).
    /// Where the kernel takes less, there is nothing to do but to go on.
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
            if frame.is_handle() {
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
            if frame.is_handle() && !alone {
                return false;
            }
            if !add(&frame.bytes) || frame.is_handle() {
                return frame.is_handle();
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
    pub(super) fn advance(&mut self, n: &mut usize) -> Option<Carries> {
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
                Front::Frame => return Some(self.frames.pop_front()?.carries),
            }
        }
        None
    }

    /// Takes a frame back, unless its first byte is written.
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> bool {
        let at = self
            .frames
            .iter()
            .position(|f| matches!(f.carries, Carries::Message(of) | Carries::Handle(of) if of == ticket));
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
        let begun = if self.begun() == Some(Front::Frame) { self.written } else { 0 };
        let written = std::iter::once(begun).chain(std::iter::repeat(0));
        let lost = self.frames.iter().zip(written).map(|(frame, written)| frame.lost(written)).sum();
        *self = Outbox::default();
        lost
    }
}

impl Frame {
    fn is_handle(&self) -> bool {
        matches!(self.carries, Carries::Handle(_))
    }

    /// How many messages of our caller are not whole in the first bytes of it.
    fn lost(&self, written: usize) -> usize {
        match &self.carries {
            Carries::Message(_) | Carries::Handle(_) => 1,
            Carries::Batch(_, ends) => ends.iter().filter(|end| **end > written).count(),
            Carries::Answer(_) => 0,
        }
    }
}
