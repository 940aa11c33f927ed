//! Two connected channels under arbitrary scripts of commands, reads, writes and faults.

use crossfork::{Limits, Serialization};

use super::side::{Fate, Side, question};
use super::tap::Tap;
use super::token::Ledger;
use super::wire::Wire;

/// The message limit in scripts that have one. Some paddings exceed it.
const MAX_MESSAGE: usize = 160;

struct Pair {
    serialization: Serialization,
    sides: [Side; 2],
    /// The bytes that each side has written and the other has not read.
    wires: [Wire; 2],
    written: [Tap; 2],
    read: [Tap; 2],
    ledger: Ledger,
    segment: usize,
    max_message: usize,
}

/// Runs a script: a setting, and steps of an operation and its argument. Every script is valid. Then lets
/// both sides finish, and checks what happened to every message and descriptor.
pub fn run(setting: u16, steps: impl IntoIterator<Item = (u8, u16)>) {
    let mut pair = Pair::new(setting);
    for (operation, argument) in steps {
        pair.step(operation, argument);
    }
    pair.settle();
    pair.check();
    pair.close();
}

impl Pair {
    fn new(setting: u16) -> Self {
        let mut limits = Limits::default();
        if setting & 1 != 0 {
            limits.max_message = MAX_MESSAGE;
        }
        if setting & 2 != 0 {
            limits.max_waiting_messages = 3;
            limits.max_waiting_descriptors = 2;
        }
        let room = 1 << (5 + (setting >> 2 & 7));
        let is_advanced = setting >> 13 & 1 != 0;
        let serialization = if is_advanced { Serialization::Advanced } else { Serialization::Json };
        let tap = || Tap::new(serialization);
        Pair {
            serialization,
            sides: [Side::new(serialization, limits), Side::new(serialization, limits)],
            wires: [Wire::new(room), Wire::new(room)],
            written: [tap(), tap()],
            read: [tap(), tap()],
            ledger: Ledger::default(),
            segment: 1 + (setting >> 5 & 255) as usize,
            max_message: limits.max_message,
        }
    }

    fn step(&mut self, operation: u8, argument: u16) {
        let who = usize::from(operation & 1);
        let amount = usize::from(argument);
        let side = &mut self.sides[who];
        match operation >> 1 & 15 {
            0 => side.send(amount % 200),
            1 | 2 => side.send_handle(amount % 200, argument & 256 != 0, &self.ledger),
            3 | 4 => drop(self.transmit(who, 1 + amount % 300)),
            5..=7 => drop(self.receive(who, 1 + amount % 300)),
            8 => drop(self.drain(who, 1 + amount % 4)),
            9 => side.withdraw(amount % 6),
            10 => drop(side.close_socket()),
            11 => self.ask(who, argument & 1 != 0),
            12 => side.starved = argument & 1 != 0,
            13 => self.unsendable(who),
            // The rare operations, so that most scripts have an open channel.
            14 if argument.is_multiple_of(4) => {
                side.leaving |= side.core.disconnect().is_ok();
                self.close_if_over(who);
            }
            15 if argument.is_multiple_of(8) => self.die(who),
            _ => drop(self.leave(who)),
        }
    }

    /// One write, of which the kernel takes up to this number of bytes.
    fn transmit(&mut self, who: usize, most: usize) -> bool {
        let (side, wire) = (&mut self.sides[who], &mut self.wires[who]);
        let Some(transmit) = side.core.poll_transmit() else {
            return false;
        };
        if wire.broken {
            side.broken = true;
            side.core.handle_broken();
            self.close_if_over(who);
            return true;
        }
        let slices = transmit.slices().iter();
        let bytes: Vec<u8> = slices.flat_map(|slice| slice.iter().copied()).take(most).collect();
        assert!(!bytes.is_empty(), "an empty write");
        let has_fd = transmit.fd().is_some();
        let taken = wire.write(&bytes, transmit.fd(), self.segment);
        if taken == 0 {
            return false;
        }
        if has_fd {
            side.takes_off();
        }
        side.wrote(&self.written[who].pass(&bytes[..taken]));
        side.core.transmitted(taken);
        true
    }

    /// One read.
    fn receive(&mut self, who: usize, most: usize) -> bool {
        let (side, wire) = (&mut self.sides[who], &mut self.wires[1 - who]);
        if !side.core.wants_input() {
            return false;
        }
        let read = wire.read(most, side.starved);
        if read.bytes.is_empty() {
            let ended = wire.ended;
            if ended {
                self.end(who);
            }
            return ended;
        }
        side.reads(&self.read[who].pass(&read.bytes));
        side.seen.truncations += usize::from(read.truncated);
        side.core.read_buffer().extend_from_slice(&read.bytes);
        side.core.handle_input(read.bytes.len(), read.fds, read.truncated);
        true
    }

    fn drain(&mut self, who: usize, most: usize) -> bool {
        let [a, b] = &mut self.sides;
        let (side, peer) = if who == 0 { (a, b) } else { (b, a) };
        side.drain(&peer.sent, most)
    }

    /// Asks the peer about its sockets, as a Node parent would, between two of our messages.
    fn ask(&mut self, who: usize, when_closed: bool) {
        let question = question(self.serialization, when_closed);
        let wire = &mut self.wires[who];
        let fits = wire.room() >= question.len();
        if self.written[who].at_boundary() && !wire.broken && !wire.ended && fits {
            wire.write(&question, None, self.segment);
        }
    }

    fn unsendable(&mut self, who: usize) {
        let core = &mut self.sides[who].core;
        if core.poll_transmit().is_some_and(|transmit| transmit.fd().is_some()) {
            core.handle_unsendable(1);
        }
    }

    /// Closes the channel once all is flushed, as a driver does after `disconnect`.
    fn leave(&mut self, who: usize) -> bool {
        let side = &self.sides[who];
        if !side.leaving || side.core.is_closed() || !side.core.is_flushed() {
            return false;
        }
        while self.receive(who, usize::MAX) {}
        if self.sides[who].core.is_flushed() && !self.sides[who].core.is_closed() {
            self.end(who);
        }
        true
    }

    fn close_if_over(&mut self, who: usize) {
        if self.sides[who].core.is_closed() {
            self.end(who);
        }
    }

    fn die(&mut self, who: usize) {
        // Its state is not checked.
        self.sides[who].leaving |= self.sides[who].core.disconnect().is_ok();
        self.end(who);
    }

    fn end(&mut self, who: usize) {
        self.sides[who].core.handle_end();
        self.wires[who].ended = true;
        self.wires[1 - who].break_off();
    }

    /// Lets both sides run until nothing changes any more.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "the two sides never come to rest");
            let mut progress = false;
            for who in 0..2 {
                progress |= self.transmit(who, usize::MAX);
                progress |= self.receive(who, usize::MAX);
                progress |= self.drain(who, usize::MAX);
                progress |= self.sides[who].close_socket();
                progress |= self.leave(who);
            }
            if !progress {
                return;
            }
        }
    }

    fn check(&self) {
        for who in 0..2 {
            let (side, peer) = (&self.sides[who], &self.sides[1 - who]);
            self.check_replies(side);
            for number in &side.seen.delivered {
                assert!(peer.sent[*number].writes > 0, "{number} came from nowhere");
            }
            if side.core.is_closed() {
                assert!(side.seen.ended, "the end was not reported");
                continue;
            }
            assert!(side.core.is_flushed(), "a message waits without a reason");
            assert_eq!(side.core.queued_bytes(), 0);
            self.check_delivery(side, peer);
        }
    }

    /// One reply for each handle, unless the channel ended between the two.
    fn check_replies(&self, side: &Side) {
        let seen = &side.seen;
        if side.core.is_broken() {
            return;
        }
        assert_eq!(seen.acks_written + seen.nacks_written, seen.handles_read, "replies to handles (HND-6)");
        assert_eq!(seen.nacks_written, seen.truncations, "refused a descriptor that had arrived");
        assert!(side.leaving || seen.answered == seen.asked, "{:?} of {:?}", seen.answered, seen.asked);
    }

    /// Messages accepted by an open side, and not lost by a fault, have arrived at an open peer.
    fn check_delivery(&self, side: &Side, peer: &Side) {
        let mut delivered = peer.seen.delivered.iter().peekable();
        let mut too_long = 0;
        for (number, sent) in side.sent.iter().enumerate() {
            let is_long = sent.length > self.max_message;
            too_long += if is_long { sent.writes } else { 0 };
            let arrived = delivered.next_if(|next| **next == number).is_some();
            let expected = match sent.fate {
                Fate::Open | Fate::Acked => !is_long,
                Fate::Refused | Fate::Withdrawn | Fate::Unsendable => false,
                Fate::Disconnected => panic!("message {number} is lost on an open channel"),
            };
            assert!(arrived == expected, "message {number}: {:?}, arrived: {arrived}", sent.fate);
        }
        assert_eq!(peer.seen.too_long, too_long, "reports of oversized messages");
        let nacks: usize = side.sent.iter().filter(|s| s.length <= self.max_message).map(|s| s.nacks).sum();
        assert_eq!(peer.seen.missing, nacks, "reports of missing descriptors");
    }

    /// No channel keeps a descriptor after its end, or an unused one before it.
    fn close(mut self) {
        let kept: usize = self.sides.iter().map(Side::sockets).sum();
        assert_eq!(self.ledger.descriptors(), kept, "unused descriptors are kept");
        for who in 0..2 {
            self.end(who);
            self.drain(who, usize::MAX);
            while self.sides[who].close_socket() {}
        }
        assert_eq!(self.ledger.descriptors(), 0, "descriptors outlive the channel");
    }
}
