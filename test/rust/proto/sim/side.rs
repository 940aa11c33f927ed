//! One channel with its user, and what the user knows: every message sent, every message received, and
//! what must hold between the two.

use crossfork::proto::{Channel, Event, LossReason, Outcome, Ticket};
use crossfork::v8::JsString;
use crossfork::wire::control::{self, SocketKey};
use crossfork::wire::frame::content;
use crossfork::{HandleType, Limits, ProtocolError, SendError, Serialization};

use super::tap::{self, Kind};
use super::token::{Ledger, Token};
use super::transcode;

pub struct Side {
    serialization: Serialization,
    pub core: Channel<Token>,
    pub sent: Vec<Sent>,
    pub seen: Seen,
    /// Descriptors that the user received and keeps; counted ones have a key.
    sockets: Vec<(Token, Option<SocketKey>)>,
    /// The user called `disconnect`.
    pub leaving: bool,
    /// The process has no free descriptor.
    pub starved: bool,
    /// A write failed.
    pub broken: bool,
    /// The number of the handle that was written and not answered yet.
    in_flight: Option<usize>,
}

/// A message that the channel accepted.
pub struct Sent {
    ticket: Ticket,
    file: Option<usize>,
    /// Its size on the wire, without its framing.
    pub length: usize,
    /// How often it was written completely, and how often it was refused.
    pub writes: usize,
    pub nacks: usize,
    pub fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Open,
    Acked,
    Refused,
    Withdrawn,
    Unsendable,
    Disconnected,
}

/// What this side has received and answered.
#[derive(Default)]
pub struct Seen {
    /// Numbers of the peer's messages, as they were delivered.
    pub delivered: Vec<usize>,
    pub too_long: usize,
    pub missing: usize,
    pub ended: bool,
    pub handles_read: usize,
    pub acks_written: usize,
    pub nacks_written: usize,
    pub truncations: usize,
    pub asked: [usize; 2],
    pub answered: [usize; 2],
}

impl Side {
    pub fn new(serialization: Serialization, limits: Limits) -> Self {
        Side {
            serialization,
            core: Channel::new(serialization, limits),
            sent: Vec::new(),
            seen: Seen::default(),
            sockets: Vec::new(),
            leaving: false,
            starved: false,
            broken: false,
            in_flight: None,
        }
    }

    pub fn send(&mut self, pad: usize) {
        let frame = transcode::frame(self.serialization, &tap::message(self.sent.len(), pad));
        let length = content(self.serialization, &frame).len();
        match self.core.send(frame) {
            Ok(ticket) => self.accepted(ticket, None, length),
            Err(SendError::Closed | SendError::ClosedByUs) => assert!(!self.core.is_connected()),
            Err(other) => panic!("{other}"),
        }
    }

    pub fn send_handle(&mut self, pad: usize, counted: bool, ledger: &Ledger) {
        let message = transcode::frame(self.serialization, &tap::message(self.sent.len(), pad));
        let key = counted.then(key);
        let frame =
            control::encode_handle(self.serialization, HandleType::NetSocket, &message, key.as_ref(), None);
        let (fd, length) = (ledger.open(), content(self.serialization, &frame).len());
        let file = fd.file();
        match self.core.send_handle(frame, fd) {
            Ok(ticket) => self.accepted(ticket, Some(file), length),
            Err((SendError::Closed | SendError::ClosedByUs, fd)) => {
                assert!(!self.core.is_connected() && fd.file() == file)
            }
            Err((other, _)) => panic!("{other}"),
        }
    }

    fn accepted(&mut self, ticket: Ticket, file: Option<usize>, length: usize) {
        self.sent.push(Sent { ticket, file, length, writes: 0, nacks: 0, fate: Fate::Open });
    }

    /// Withdraws one of the last messages.
    pub fn withdraw(&mut self, back: usize) {
        let Some(at) = self.sent.len().checked_sub(back + 1) else {
            return;
        };
        let sent = &mut self.sent[at];
        let Some(fd) = self.core.withdraw(sent.ticket) else {
            return;
        };
        assert_eq!(fd.map(|fd| fd.file()), sent.file, "another's descriptor came back");
        assert_eq!((sent.fate, sent.writes), (Fate::Open, sent.nacks), "message {at} was in flight");
        sent.fate = Fate::Withdrawn;
    }

    /// Closes the socket that was received first.
    pub fn close_socket(&mut self) -> bool {
        if self.sockets.is_empty() {
            return false;
        }
        let (fd, key) = self.sockets.remove(0);
        drop(fd);
        if let Some(key) = key {
            self.core.socket_closed(&key);
        }
        true
    }

    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// The kernel took the first bytes of a handle message.
    pub fn takes_off(&mut self) {
        assert_eq!(self.in_flight, None, "a second handle is in flight (HND-7)");
    }

    pub fn wrote(&mut self, lines: &[Kind]) {
        for line in lines {
            match *line {
                Kind::Plain(number) => self.sent[number].writes += 1,
                Kind::Handle(number) => {
                    self.sent[number].writes += 1;
                    self.in_flight = Some(number);
                }
                Kind::Ack => self.seen.acks_written += 1,
                Kind::Nack => self.seen.nacks_written += 1,
                Kind::Count => self.seen.answered[0] += 1,
                Kind::AllClosed => self.seen.answered[1] += 1,
                Kind::AskCount | Kind::AskClosed => panic!("a channel asked for sockets"),
            }
        }
        let replies = self.seen.acks_written + self.seen.nacks_written;
        assert!(replies <= self.seen.handles_read, "an unexpected reply (HND-12)");
    }

    /// Call this before the channel gets these lines.
    pub fn reads(&mut self, lines: &[Kind]) {
        for line in lines {
            match line {
                Kind::Handle(_) => self.seen.handles_read += 1,
                Kind::Ack | Kind::Nack => {
                    let number = self.in_flight.take().expect("a handle is in flight");
                    self.sent[number].nacks += usize::from(*line == Kind::Nack);
                }
                Kind::AskCount => self.seen.asked[0] += 1,
                Kind::AskClosed => self.seen.asked[1] += 1,
                Kind::Plain(_) | Kind::Count | Kind::AllClosed => {}
            }
        }
    }

    /// Records the outcomes of handles, and then this number of events.
    pub fn drain(&mut self, peer: &[Sent], most: usize) -> bool {
        let mut progress = false;
        while let Some(outcome) = self.core.poll_outcome() {
            self.outcome(outcome);
            progress = true;
        }
        for _ in 0..most {
            let Some(event) = self.core.poll_event() else {
                break;
            };
            self.event(event, peer);
            progress = true;
        }
        progress
    }

    fn outcome(&mut self, outcome: Outcome<Token>) {
        let (ticket, fd, fate) = match outcome {
            Outcome::Acked { ticket, fd } => (ticket, fd, Fate::Acked),
            Outcome::Lost { ticket, fd, reason } => match reason {
                LossReason::Refused { transmissions: 4 } => (ticket, fd, Fate::Refused),
                LossReason::System { errno: 1 } => (ticket, fd, Fate::Unsendable),
                LossReason::Disconnected => (ticket, fd, Fate::Disconnected),
                other => panic!("{other:?}"),
            },
            Outcome::Answered { .. } | Outcome::Unanswered { .. } => panic!("nobody asked"),
        };
        let sent = self.sent.iter_mut().find(|sent| sent.ticket == ticket).expect("a ticket of ours");
        assert_eq!(sent.fate, Fate::Open, "a second outcome: {fate:?}");
        assert_eq!(sent.file, Some(fd.file()), "another's descriptor came back");
        let replies = (sent.writes, sent.nacks);
        match fate {
            Fate::Acked => assert_eq!(sent.writes, sent.nacks + 1, "acknowledged without being sent"),
            Fate::Refused => assert_eq!(replies, (4, 4), "given up too early or too late (HND-9)"),
            Fate::Disconnected => assert!(self.broken || self.core.is_closed()),
            _ => {}
        }
        sent.fate = fate;
    }

    fn event(&mut self, event: Event<Token>, peer: &[Sent]) {
        assert!(!self.seen.ended, "{event:?} behind the end");
        match event {
            Event::Message { payload, handle } => {
                assert!(!self.leaving, "delivered after disconnect (LIFE-4)");
                let number = tap::number(&transcode::text(self.serialization, payload.as_bytes()));
                let last = self.seen.delivered.last();
                assert!(last.is_none_or(|last| *last < number), "{number} is behind {last:?}");
                let file = handle.as_ref().map(|handle| handle.fd.file());
                assert_eq!(file, peer[number].file, "message {number} has another's descriptor");
                self.seen.delivered.push(number);
                self.sockets.extend(handle.map(|handle| (handle.fd, handle.key)));
            }
            Event::Invalid(ProtocolError::TooLong { .. }) => self.seen.too_long += 1,
            Event::Invalid(ProtocolError::MissingDescriptor { .. }) => self.seen.missing += 1,
            Event::Invalid(other) => panic!("{other}"),
            Event::Cluster { .. } => panic!("unexpected cluster event"),
            Event::Disconnected { lost } => {
                self.seen.ended = true;
                self.check_lost(lost);
            }
        }
    }

    /// A refused handle that was not resent yet may or may not count as written.
    fn check_lost(&self, lost: usize) {
        let open = |sent: &&Sent| matches!(sent.fate, Fate::Open | Fate::Disconnected);
        let never = self.sent.iter().filter(open).filter(|sent| sent.writes == 0).count();
        let refused = self.sent.iter().filter(open).filter(|sent| sent.writes <= sent.nacks).count();
        assert!((never..=refused).contains(&lost), "{lost} lost, not {never} to {refused}");
    }
}

/// The one list that counted sockets are in.
pub fn key() -> SocketKey {
    SocketKey::new(JsString::from("4:127.0.0.1:0")).expect("is not empty")
}

/// A question about that list, as a Node parent asks it.
pub fn question(serialization: Serialization, when_closed: bool) -> Vec<u8> {
    match when_closed {
        true => control::encode_notify_close(serialization, &key()),
        false => control::encode_get_count(serialization, &key()),
    }
}
