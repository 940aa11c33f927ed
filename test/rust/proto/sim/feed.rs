//! One channel with arbitrary input: nearly valid or invalid text, with descriptors anywhere, while its
//! user behaves as usual.

use std::ops::Range;

use crossfork::proto::{Attached, Channel, Event, Outcome};
use crossfork::wire::control;
use crossfork::{HandleType, Limits, ProtocolError, Serialization};

use super::heard::{Delivered, Heard};
use super::lines::{framed, line, named_line};
use super::token::{Ledger, Token};
use super::{side, tap, transcode};

/// Small enough for scripts of a few hundred bytes to reach them.
const LIMITS: Limits = Limits::new()
    .max_message(300)
    .max_waiting_bytes(4096)
    .max_waiting_messages(64)
    .max_waiting_descriptors(8);

/// The longest text in one read.
const LONGEST_READ: usize = 1024;

/// More than the size of queued replies at which reading stops.
const REPLIES: usize = 1100 * 32;

struct Feed {
    serialization: Serialization,
    core: Channel<Token>,
    ledger: Ledger,
    heard: Heard,
    /// All that was written.
    output: Vec<u8>,
    /// The number of our own bytes to be written.
    accepted: usize,
    ended: bool,
    /// `disconnect` was called: no more messages are delivered.
    leaving: bool,
    /// A write failed: no more replies are sent.
    broken: bool,
}

/// Runs a script: the peer's text, among instructions.
pub fn run(serialization: Serialization, script: &[u8]) {
    let mut feed = Feed {
        serialization,
        core: Channel::new(serialization, LIMITS),
        ledger: Ledger::default(),
        heard: Heard::new(serialization, LIMITS.max_message),
        output: Vec::new(),
        accepted: 0,
        ended: false,
        leaving: false,
        broken: false,
    };
    let mut script = script.iter().copied();
    while let Some(operation) = script.next() {
        feed.step(operation, &mut script);
    }
    feed.finish();
}

impl Feed {
    /// An instruction is a control character, and may take further bytes of the script. Anything
    /// else is the peer's text, so that it stands in a script as it is; in the advanced mode, it is
    /// the length of a frame, whose record follows.
    fn step(&mut self, operation: u8, script: &mut impl Iterator<Item = u8>) {
        let mut next = || usize::from(script.next().unwrap_or(0));
        match operation {
            // Text in one read, with some descriptors, or with some that were dropped.
            0..=4 => {
                let length = next();
                let text: Vec<u8> = script.take(length).collect();
                self.read(&text, usize::from(operation % 4), operation == 4);
            }
            // A complete line in one read.
            5..=9 => {
                let line = line(self.serialization, next(), next());
                self.read(&line, usize::from(operation - 5) % 4, operation == 9);
            }
            // A line in parts, its descriptor with the first.
            11 | 12 => {
                let (line, size) = (line(self.serialization, next(), next()), 1 + next());
                for (at, part) in line.chunks(size).enumerate() {
                    let is_first = at == 0;
                    let dropped = operation == 12;
                    self.read(part, usize::from(is_first && !dropped), is_first && dropped);
                }
            }
            14 => self.send(&tap::message(0, next())),
            15 => self.send_handle(&tap::message(0, next())),
            16 => self.transmit(1 + next()),
            17 => self.transmit(usize::MAX),
            18 => self.drain(1 + next()),
            19 => self.drain(usize::MAX),
            20 => self.core.socket_closed(&side::key()),
            21 => self.leaving |= self.core.disconnect().is_ok(),
            22 => self.core.handle_unsendable(1),
            23 => {
                self.broken = true;
                self.core.handle_broken();
            }
            24 => drop(self.core.withdraw(next() as u64)),
            25 => self.core.handle_end(),
            26 => self.flood(next(), next()),
            27 => self.core.half_close(),
            32.. if self.serialization == Serialization::Advanced => {
                let record: Vec<u8> = script.take(usize::from(operation - 32)).collect();
                self.read(&framed(&record), 0, false);
            }
            b'\n' | 13 | 32.. => self.read(&[operation], 0, false),
            _ => {}
        }
        self.check_kept();
    }

    /// The data buffered for the peer is bounded, however much it sends and however little it reads.
    fn check_kept(&self) {
        // The next message, and the read that was to end it; answers; the names of the lists of the
        // handles that wait.
        let names = LIMITS.max_waiting_descriptors * 2 * LIMITS.max_message;
        let most = LIMITS.max_message + LONGEST_READ + LIMITS.max_waiting_bytes + names + REPLIES;
        assert!(self.core.kept_bytes() <= most, "{} bytes are kept", self.core.kept_bytes());
        let queued = self.core.queued_bytes();
        assert!(queued <= self.accepted + LIMITS.max_waiting_bytes + REPLIES, "{queued} bytes are queued");
    }

    /// The same message many times, with a new name each time. The user takes all messages, and nothing
    /// is written.
    fn flood(&mut self, kind: usize, times: usize) {
        for n in 0..times {
            self.drain(usize::MAX);
            if !self.core.wants_input() {
                return;
            }
            let line = named_line(self.serialization, kind, n);
            self.read(&line, kind % 2, false);
        }
    }

    fn read(&mut self, text: &[u8], fds: usize, truncated: bool) {
        if !self.core.wants_input() {
            self.transmit(usize::MAX);
            self.drain(usize::MAX);
            assert!(
                self.core.wants_input() || self.core.is_closed(),
                "no input is wanted although no event waits"
            );
        }
        if text.is_empty() {
            return;
        }
        let range = self.heard.read(text, self.core.is_closed());
        let fds: Vec<Token> = (0..fds).map(|_| self.open(Some(range.clone()))).collect();
        self.core.read_buffer().extend_from_slice(text);
        self.core.handle_input(text.len(), fds, truncated);
    }

    fn open(&mut self, arrival: Option<Range<usize>>) -> Token {
        self.heard.arrivals.push(arrival);
        self.ledger.open()
    }

    fn send(&mut self, message: &str) {
        let frame = transcode::frame(self.serialization, message);
        self.accepted += frame.len();
        let sent = self.core.send(frame);
        assert_eq!(sent.is_ok(), self.core.is_connected());
    }

    fn send_handle(&mut self, message: &str) {
        let message = transcode::frame(self.serialization, message);
        let frame = control::encode_handle(self.serialization, HandleType::NetSocket, &message, None, None);
        self.accepted += frame.len();
        let fd = self.open(None);
        let sent = self.core.send_handle(frame, fd);
        assert_eq!(sent.is_ok(), self.core.is_connected());
    }

    /// Writes up to this number of bytes.
    fn transmit(&mut self, mut most: usize) {
        while most > 0
            && let Some(transmit) = self.core.poll_transmit()
        {
            let bytes = transmit.slices().iter().flat_map(|slice| slice.iter().copied());
            let before = self.output.len();
            self.output.extend(bytes.take(most));
            let taken = self.output.len() - before;
            assert!(taken > 0, "an empty write");
            self.core.transmitted(taken);
            most -= taken;
        }
    }

    fn drain(&mut self, most: usize) {
        while let Some(Outcome::Acked { fd, .. } | Outcome::Lost { fd, .. }) = self.core.poll_outcome() {
            assert_eq!(self.heard.arrivals[fd.file()], None, "a received descriptor came back as a sent one");
        }
        for _ in 0..most {
            match self.core.poll_event() {
                Some(event) => self.event(event),
                None => return,
            }
        }
    }

    fn event(&mut self, event: Event<Token>) {
        assert!(!self.ended, "{event:?} behind the end");
        let (text, file) = match event {
            Event::Message { payload, handle } => {
                let file = handle.map(|Attached { fd, key, .. }| {
                    // Sockets of the list are kept open.
                    key.filter(|key| *key != side::key()).iter().for_each(|key| self.core.socket_closed(key));
                    fd.file()
                });
                (payload.into_bytes(), file)
            }
            Event::Invalid(
                ProtocolError::NotJson { line: text } | ProtocolError::NotV8 { frame: text, .. },
            ) => (text, None),
            Event::Invalid(ProtocolError::MissingDescriptor { message }) => (message.into_bytes(), None),
            Event::Invalid(error) => {
                // Every error can be displayed, without terminal control sequences.
                assert!(!error.to_string().contains(char::is_control));
                return;
            }
            Event::Cluster { .. } => panic!("unexpected cluster event"),
            Event::Disconnected { .. } => {
                self.ended = true;
                return;
            }
        };
        assert!(!self.leaving, "delivered after disconnect (LIFE-4)");
        self.heard.delivered.push(Delivered { text: text.to_vec(), file });
    }

    fn finish(mut self) {
        self.transmit(usize::MAX);
        self.drain(usize::MAX);
        let over = self.core.is_closed();
        self.core.handle_end();
        self.drain(usize::MAX);
        assert!(self.ended, "the end was not reported");
        assert_eq!(self.core.queued_bytes(), 0);
        assert_eq!(self.ledger.descriptors(), 0, "descriptors outlive the channel");
        if !self.leaving {
            let replies = self.heard.check();
            if !self.broken && !over {
                assert_eq!(self.replies(), replies, "one reply for each handle (HND-6)");
            }
        }
    }

    fn replies(&self) -> usize {
        let count = |reply: &[u8]| self.output.windows(reply.len()).filter(|window| *window == reply).count();
        count(control::handle_ack(self.serialization)) + count(control::handle_nack(self.serialization))
    }
}
