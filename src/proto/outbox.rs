//! Frames on their way to the kernel, in order. That of a handle is not among them: the
//! [`handoff`](super::handoff) writes it, when nothing is left here.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::Ticket;

/// What is to be written. The replies to handles go before everything that has not begun, because
/// the peer sends nothing until it has them (HND-6, NEVER-9).
#[derive(Default)]
pub(super) struct Outbox {
    replies: VecDeque<&'static [u8]>,
    frames: VecDeque<Frame>,
    begun: Begun,
    queued_bytes: usize,
}

/// What is written in part, and how many bytes of it. Its rest comes before all else.
#[derive(Clone, Copy, Default)]
enum Begun {
    #[default]
    Nothing,
    /// The first of the replies.
    Reply(usize),
    /// The first of the frames.
    Frame(usize),
}

struct Frame {
    carries: Carries,
    bytes: Vec<u8>,
}

/// What a frame is for.
pub(super) enum Carries {
    /// A message of our caller.
    Message(Ticket),
    /// Small messages of our caller, put together: the ticket of the last one, and where each ends.
    Batch(Ticket, Vec<usize>),
    /// An answer to the peer of this length (SOCK-6).
    Answer(usize),
}

/// How long a batch may grow.
const BATCH: usize = 64 * 1024;

impl Outbox {
    pub(super) fn push(&mut self, carries: Carries, bytes: Vec<u8>) {
        self.queued_bytes += bytes.len();
        self.frames.push_back(Frame { carries, bytes });
    }

    /// Puts a message behind the ones before it in the same piece of memory.
    pub(super) fn append(&mut self, ticket: Ticket, message: &[u8]) {
        self.queued_bytes += message.len();
        if let Some(Frame { carries: Carries::Batch(last, ends), bytes }) = self.frames.back_mut()
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
        self.frames.push_back(Frame { carries, bytes });
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

    /// What is not written, in order: a slice a frame, to go out in as few system calls as can be.
    ///
    /// Each slice ends where a frame ends, so that we never ask for a write that ends inside of one. A
    /// Node 18 that reads a part of an advanced frame's length by itself never recovers (ADV-3). If the
    /// kernel takes less, the rest follows.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = IoSlice<'_>> {
        let mut frames = self.frames.iter().map(|frame| &frame.bytes[..]);
        let (first, mut skip) = match self.begun {
            Begun::Nothing => (None, 0),
            Begun::Reply(written) => (None, written),
            Begun::Frame(written) => (frames.next(), written),
        };
        let order = first.into_iter().chain(self.replies.iter().copied()).chain(frames);
        order.map(move |bytes| IoSlice::new(&bytes[std::mem::take(&mut skip)..]))
    }

    /// Takes note that the next `n` bytes are written, and gives the next frame that this
    /// completes: to be called until there is none.
    pub(super) fn advance(&mut self, n: &mut usize) -> Option<Carries> {
        while *n > 0 {
            let (is_reply, written) = match self.begun {
                Begun::Nothing => (!self.replies.is_empty(), 0),
                Begun::Reply(written) => (true, written),
                Begun::Frame(written) => (false, written),
            };
            let length = match is_reply {
                true => self.replies.front()?.len(),
                false => self.frames.front()?.bytes.len(),
            };
            let step = (*n).min(length - written);
            *n -= step;
            self.queued_bytes -= step;
            self.begun = match written + step {
                all if all == length => Begun::Nothing,
                part if is_reply => Begun::Reply(part),
                part => Begun::Frame(part),
            };
            match self.begun {
                Begun::Nothing if is_reply => drop(self.replies.pop_front()),
                Begun::Nothing => return Some(self.frames.pop_front()?.carries),
                Begun::Reply(_) | Begun::Frame(_) => {}
            }
        }
        None
    }

    /// Takes a message back, unless its first byte is written.
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> bool {
        let at = self.frames.iter().position(|f| matches!(f.carries, Carries::Message(of) if of == ticket));
        match at {
            Some(0) if matches!(self.begun, Begun::Frame(_)) => false,
            Some(at) => {
                self.queued_bytes -= self.frames.remove(at).map_or(0, |f| f.bytes.len());
                true
            }
            None => false,
        }
    }

    /// Drops everything, and says how many messages of our caller were among it.
    pub(super) fn clear(&mut self) -> usize {
        let first = if let Begun::Frame(written) = self.begun { written } else { 0 };
        let written = std::iter::once(first).chain(std::iter::repeat(0));
        let lost = self.frames.iter().zip(written).map(|(frame, written)| frame.lost(written)).sum();
        *self = Outbox::default();
        lost
    }
}

impl Frame {
    /// How many messages of our caller do not end within its first `written` bytes.
    fn lost(&self, written: usize) -> usize {
        match &self.carries {
            Carries::Message(_) => 1,
            Carries::Batch(_, ends) => ends.iter().filter(|end| **end > written).count(),
            Carries::Answer(_) => 0,
        }
    }
}
