//! The channel: one machine for either role and either driver.
//!
//! Four groups of methods. **Input**: [`read_buffer`](Channel::read_buffer) and
//! [`handle_input`](Channel::handle_input), [`handle_end`](Channel::handle_end),
//! [`handle_broken`](Channel::handle_broken). **Commands**: [`send`](Channel::send),
//! [`send_handle`](Channel::send_handle), [`withdraw`](Channel::withdraw),
//! [`socket_closed`](Channel::socket_closed), [`disconnect`](Channel::disconnect),
//! [`half_close`](Channel::half_close). **To be written**: [`poll_transmit`](Channel::poll_transmit) and then
//! [`transmitted`](Channel::transmitted). **What happened**: [`poll_event`](Channel::poll_event),
//! [`poll_outcome`](Channel::poll_outcome).
//!
//! They may be called in any order; after any input or command there may be something to write
//! and something that happened.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::cluster::worker::Carried;
use super::event::{Attached, Event, LossReason, Outcome, Transmit};
use super::handoff::{Handoff, Held, Outgoing, Replied, Sent, TRANSMISSIONS, Ticket};
use super::inbox::Inbox;
use super::outbox::{Carries, Outbox};
use super::sockets::{Notify, Question, Questions, Sockets};
use crate::error::{ProtocolError, SendError};
use crate::limits::Limits;
use crate::message::Payload;
use crate::wire::control::{self, Addressee, Control, HandleFrame, SocketKey};
use crate::wire::frame::{self, Frame};
use crate::wire::{self, Serialization};

/// How many replies and answers may wait for a peer that does not read before we stop reading
/// from it, or leave answers out. Replies are short, and the bytes of answers are limited too.
const MAX_WAITING_REPLIES: usize = 1024;

/// For how many events room is kept when all are taken: a burst leaves nothing behind.
const ROOM: usize = 1024;

/// A channel, generic over the descriptor type `F`.
pub struct Channel<F> {
    serialization: Serialization,
    state: State,
    inbox: Inbox<F>,
    outbox: Outbox,
    handoff: Handoff<F>,
    sockets: Sockets,
    questions: Questions,
    events: VecDeque<(Event<F>, Cost)>,
    /// What becomes of the cluster's messages.
    cluster: Cluster<F>,
    /// Where in the stream the last event's cost was counted.
    counted: u64,
    waiting_bytes: usize,
    waiting_fds: usize,
    outcomes: VecDeque<Outcome<F>>,
    /// The last message of our caller that the kernel has all of.
    written: Ticket,
    /// Messages that were accepted and never written.
    lost: usize,
    /// The reply to a handle whose message is too long, due at the end of it.
    owed: Option<&'static [u8]>,
    /// Answers to the peer's questions that have not been written (SOCK-6), and their bytes.
    answers: usize,
    answer_bytes: usize,
    next_ticket: Ticket,
    /// The end of the channel is.
    is_ours: bool,
    limits: Limits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// `disconnect` was called: what was accepted is still written, nothing more is delivered.
    Disconnecting,
    /// All of that is written, and the peer was told that no more comes. It may not know yet, and
    /// what it writes meanwhile is read.
    HalfClosed,
    /// The peer reads no more; what it wrote before is still delivered (LIFE-4).
    Broken,
    Closed,
}

/// What becomes of messages of a cluster.
enum Cluster<F> {
    /// They are swallowed: this channel is in none.
    Ignored,
    /// They are events among the others, in their order.
    InOrder,
    /// They wait by themselves, so that no message that waits for the user holds them up.
    Apart(VecDeque<(Payload, Carried<Attached<F>>)>),
}

/// Which part of a cluster is at this end of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterRole {
    /// Its messages are events in their order: [`Event::Cluster`].
    Primary,
    /// Its messages come from [`poll_cluster`](Channel::poll_cluster), which is to be called after
    /// each input.
    Worker,
}

/// What an event makes us keep, by which the limits are reckoned.
#[derive(Clone, Copy)]
struct Cost {
    /// The part of the stream since the event before it: its payload may share memory with all
    /// of that.
    bytes: usize,
    fds: usize,
}

/// Input.
impl<F> Channel<F> {
    /// A channel on which nothing has happened, and whose messages are written like this.
    pub fn new(serialization: Serialization, limits: Limits) -> Self {
        Channel {
            serialization,
            state: State::Open,
            inbox: Inbox::new(serialization),
            outbox: Outbox::default(),
            handoff: Handoff::Ready,
            sockets: Sockets::default(),
            questions: Questions::default(),
            events: VecDeque::new(),
            cluster: Cluster::Ignored,
            counted: 0,
            waiting_bytes: 0,
            waiting_fds: 0,
            outcomes: VecDeque::new(),
            written: 0,
            lost: 0,
            owed: None,
            answers: 0,
            answer_bytes: 0,
            next_ticket: 0,
            is_ours: false,
            limits,
        }
    }

    /// Whether input is wanted now. It is not while as much as the limits allow waits to be
    /// received, or the peer does not read our replies.
    pub fn wants_input(&self) -> bool {
        self.state != State::Closed && !self.is_full() && self.outbox.replies() < MAX_WAITING_REPLIES
    }

    /// Whether as much as the limits allow waits to be received.
    pub fn is_full(&self) -> bool {
        self.events.len() >= self.limits.max_waiting_messages
            || self.waiting_bytes >= self.limits.max_waiting_bytes
            || self.waiting_fds >= self.limits.max_waiting_descriptors
    }

    /// Whether the peer is to acknowledge a handle, before which nothing else is written (HND-7).
    pub fn awaits_reply(&self) -> bool {
        matches!(self.handoff, Handoff::AwaitingAck(_))
    }

    /// The buffer to read into: bytes are appended to it, and then told by
    /// [`handle_input`](Self::handle_input).
    pub fn read_buffer(&mut self) -> &mut BytesMut {
        self.inbox.buffer()
    }

    /// One read: `len` bytes were appended to the read buffer, these descriptors came with them,
    /// and the kernel dropped some if `truncated` (`MSG_CTRUNC`).
    pub fn handle_input(&mut self, len: usize, fds: impl IntoIterator<Item = F>, truncated: bool) {
        if self.state == State::Closed {
            return self.inbox.clear();
        }
        let max_fds = self.limits.max_waiting_descriptors;
        let surplus = self.inbox.received(len, fds, truncated, max_fds);
        self.strays(surplus);
        while let Some(frame) = self.inbox.next_frame(self.limits.max_message) {
            match frame {
                Frame::Whole(content) => self.handle_frame(content),
                Frame::TooLong(start) => self.handle_too_long(&start),
                Frame::Skipped => {
                    if let Some(reply) = self.owed.take() {
                        self.reply(reply);
                    }
                }
                Frame::Foreign => {
                    self.invalid(ProtocolError::BunFormat);
                    return self.handle_end();
                }
            }
            let strays = self.inbox.drop_strays();
            self.strays(strays);
        }
        let strays = self.inbox.drop_strays();
        self.strays(strays);
    }

    /// Writing failed, because the peer is gone or closed its end. What it wrote before can still
    /// be read.
    pub fn handle_broken(&mut self) {
        match self.state {
            State::Open => {
                self.state = State::Broken;
                match self.handoff {
                    Handoff::AwaitingAck(_) => {
                        self.lost += self.outbox.clear();
                        let held = self.handoff.broken();
                        self.lose_held(held);
                    }
                    Handoff::Ready | Handoff::Writing(_) => self.drop_outgoing(),
                }
            }
            State::Disconnecting => self.handle_end(),
            State::HalfClosed | State::Broken | State::Closed => {}
        }
    }

    /// The end of the stream, or a reset: both mean that the peer is gone (LIFE-2). Half a
    /// message is dropped (SER-8).
    pub fn handle_end(&mut self) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.inbox.clear();
        self.sockets = Sockets::default();
        self.drop_outgoing();
        self.outcomes.extend(self.questions.end().map(|ticket| Outcome::Unanswered { ticket }));
        self.events.push_back((Event::Disconnected { lost: self.lost }, Cost { bytes: 0, fds: 0 }));
    }

    fn drop_outgoing(&mut self) {
        self.lost += self.outbox.clear();
        let Some((sent, held)) = self.handoff.end() else {
            return;
        };
        self.lose(sent, LossReason::Disconnected);
        self.lose_held(held);
    }

    fn lose_held(&mut self, mut held: Held<F>) {
        while let Some(message) = held.pop() {
            self.lost += usize::from(message.ticket().is_some());
            if let Outgoing::Handle(sent) = message {
                self.lose(sent, LossReason::Disconnected);
            }
        }
    }

    /// The kernel refuses to carry the descriptor of the last transmit. Its message is given up,
    /// and the channel goes on.
    pub fn handle_unsendable(&mut self, errno: i32) {
        let Some(ticket) = self.handoff.flight().map(|flight| flight.sent.ticket) else {
            return;
        };
        if self.outbox.withdraw(ticket)
            && let Some((sent, held)) = self.handoff.cancel()
        {
            self.lose(sent, LossReason::System { errno });
            self.replay(held);
        }
    }

    fn handle_frame(&mut self, content: Bytes) {
        match control::parse(self.serialization, &content) {
            None => match frame::check(self.serialization, &content) {
                Ok(()) => self.deliver(content, None),
                Err(error) => self.invalid(error),
            },
            Some(Control::Handle(frame)) => self.handle_handle(frame),
            Some(Control::HandleAck) => {
                let replied = self.handoff.ack();
                self.handle_reply("NODE_HANDLE_ACK", replied);
            }
            Some(Control::HandleNack) => {
                let replied = self.handoff.nack();
                self.handle_reply("NODE_HANDLE_NACK", replied);
            }
            Some(Control::SocketGetCount(key)) => {
                let count = self.sockets.count(&key);
                self.answer(control::encode_socket_count(self.serialization, &key, count));
            }
            Some(Control::SocketNotifyClose(key)) => match self.sockets.notify_close(&key) {
                Notify::Now => self.answer(control::encode_all_closed(self.serialization, &key)),
                Notify::Later => {}
                Notify::TooMany => self.invalid(ProtocolError::TooManyRequests),
            },
            Some(Control::SocketCount(key, open)) => self.answered(key, Question::Count, open),
            Some(Control::SocketAllClosed(key)) => self.answered(key, Question::AllClosed, 0),
            Some(Control::Cluster) => self.cluster(content, Carried::Nothing),
            // Unknown ones are swallowed silently (INT-1).
            Some(Control::Other) => {}
        }
    }

    /// One reply for each frame, whatever becomes of the handle (HND-6).
    fn handle_handle(&mut self, frame: HandleFrame) {
        let HandleFrame { wire_type, message, key, addressee } = frame;
        let Some(fd) = self.inbox.take_fd() else {
            self.reply(control::handle_nack(self.serialization));
            return match (addressee, &self.cluster) {
                // Node does not send it again, and waits for what the worker says (HND-9, CLU-13):
                // which is said there, and is nothing that the user has to deal with.
                (Addressee::Cluster, Cluster::Apart(_)) => self.cluster(message, Carried::Lost),
                _ => {
                    let message = wire::quote(self.serialization, message);
                    self.invalid(ProtocolError::MissingDescriptor { message });
                }
            };
        };
        self.reply(control::handle_ack(self.serialization));
        match addressee {
            Addressee::User if self.delivers() => {
                if let Some(key) = &key {
                    self.sockets.opened(key);
                }
                self.deliver(message, Some(Attached { fd, wire_type, key }));
            }
            Addressee::Cluster => {
                self.cluster(message, Carried::Handle(Attached { fd, wire_type, key: None }));
            }
            Addressee::User | Addressee::Nobody => {}
        }
    }

    /// An answer that nobody asked for is ignored, as in Node.
    fn answered(&mut self, key: SocketKey, question: Question, open: usize) {
        if let Some(ticket) = self.questions.answered(key, question) {
            self.outcomes.push_back(Outcome::Answered { ticket, open });
        }
    }

    /// A handle in a message that is too long is taken and closed: a peer that is refused would
    /// only send the same again. It is answered when the peer has written all of the message, for
    /// nobody expects an answer before.
    fn handle_too_long(&mut self, start: &[u8]) {
        if control::begins_handle(self.serialization, start) {
            self.owed = Some(match self.inbox.take_fd() {
                Some(_closed) => control::handle_ack(self.serialization),
                None => control::handle_nack(self.serialization),
            });
        }
        self.invalid(ProtocolError::TooLong { limit: self.limits.max_message });
    }

    fn handle_reply(&mut self, reply: &'static str, replied: (Replied<F>, Held<F>)) {
        let (replied, held) = replied;
        match replied {
            Replied::Unexpected => return self.invalid(ProtocolError::UnexpectedReply { reply }),
            Replied::Taken(Sent { ticket, fd, .. }) => {
                self.outcomes.push_back(Outcome::Acked { ticket, fd });
            }
            // In its single form (HND-10).
            Replied::Again if self.state != State::Broken => return self.write_handle(),
            Replied::Again => return self.drop_outgoing(),
            Replied::Refused(sent) => {
                let transmissions = sent.most;
                self.lose(sent, LossReason::Refused { transmissions });
            }
        }
        self.replay(held);
    }

    /// Replies overtake everything that has not begun to be written (HND-6).
    fn reply(&mut self, reply: &'static [u8]) {
        if matches!(self.state, State::Open | State::Disconnecting) {
            self.outbox.push_reply(reply);
        }
    }

    fn deliver(&mut self, payload: Bytes, handle: Option<Attached<F>>) {
        self.event(Event::Message { payload: Payload::new(self.serialization, payload), handle });
    }

    fn cluster(&mut self, message: Bytes, carried: Carried<Attached<F>>) {
        let payload = Payload::new(self.serialization, message);
        match (&mut self.cluster, carried) {
            (Cluster::Ignored, _) => {}
            (Cluster::InOrder, Carried::Handle(handle)) => {
                self.event(Event::Cluster { payload, handle: Some(handle) });
            }
            (Cluster::InOrder, _) => self.event(Event::Cluster { payload, handle: None }),
            (Cluster::Apart(waiting), carried) => waiting.push_back((payload, carried)),
        }
    }

    fn invalid(&mut self, error: ProtocolError) {
        self.event(Event::Invalid(error));
    }

    /// Whether what comes is for the user still (LIFE-4).
    fn delivers(&self) -> bool {
        matches!(self.state, State::Open | State::Broken)
    }

    fn event(&mut self, event: Event<F>) {
        if self.delivers() {
            let consumed = self.inbox.consumed();
            let cost = Cost {
                bytes: (consumed - self.counted) as usize,
                fds: usize::from(matches!(
                    event,
                    Event::Message { handle: Some(_), .. } | Event::Cluster { handle: Some(_), .. }
                )),
            };
            self.counted = consumed;
            self.waiting_bytes += cost.bytes;
            self.waiting_fds += cost.fds;
            self.events.push_back((event, cost));
        }
    }

    fn strays(&mut self, count: usize) {
        if count > 0 {
            self.invalid(ProtocolError::StrayDescriptors { count });
        }
    }
}

/// Commands.
impl<F> Channel<F> {
    /// Accepts a frame made by [`json::encode`](crate::wire::json::encode) or
    /// [`advanced::encode`](crate::wire::advanced::encode). It is written when
    /// [`is_written`](Self::is_written) says so.
    pub fn send(&mut self, frame: Vec<u8>) -> Result<Ticket, SendError> {
        self.check(&frame)?;
        let ticket = self.ticket();
        self.push(Outgoing::Plain { ticket: Some(ticket), frame });
        Ok(ticket)
    }

    /// Accepts a frame of Node's own machinery, such as the cluster's.
    pub fn send_internal(&mut self, frame: Vec<u8>) -> Result<Ticket, SendError> {
        if self.state != State::Open {
            return Err(self.closed());
        }
        let ticket = self.ticket();
        self.push(Outgoing::Plain { ticket: Some(ticket), frame });
        Ok(ticket)
    }

    /// Accepts a small message that is to be written together with others. It cannot be withdrawn.
    pub fn feed(&mut self, frame: &[u8]) -> Result<(), SendError> {
        self.check(frame)?;
        let ticket = self.ticket();
        match self.handoff {
            Handoff::Ready => self.outbox.append(ticket, frame),
            Handoff::Writing(_) | Handoff::AwaitingAck(_) => {
                self.push(Outgoing::Plain { ticket: Some(ticket), frame: frame.to_vec() });
            }
        }
        Ok(())
    }

    /// Accepts a handle with a frame made by [`control::encode_handle`]. Its [`Outcome`] follows.
    /// A handle that is not accepted is given back. That the message inside is not reserved
    /// ([`control::reserved_cmd`]) is for the caller to see to: Node's own machinery may send such.
    pub fn send_handle(&mut self, frame: Vec<u8>, fd: F) -> Result<Ticket, (SendError, F)> {
        self.transmit_handle(frame, fd, TRANSMISSIONS)
    }

    /// The same, but it is transmitted once, as Node does with those of a cluster (HND-9): a worker
    /// that does not get it says so itself, and would answer the second transmission too (CLU-13).
    pub fn send_handle_once(&mut self, frame: Vec<u8>, fd: F) -> Result<Ticket, (SendError, F)> {
        self.transmit_handle(frame, fd, 1)
    }

    fn transmit_handle(&mut self, frame: Vec<u8>, fd: F, most: u32) -> Result<Ticket, (SendError, F)> {
        if self.state != State::Open {
            return Err((self.closed(), fd));
        }
        let ticket = self.ticket();
        self.push(Outgoing::Handle(Sent { ticket, frame: frame.into(), fd, most }));
        Ok(ticket)
    }

    /// Asks the peer about the sockets that it was sent with this key. The [`Outcome`] follows.
    pub fn ask(&mut self, key: &SocketKey, question: Question) -> Result<Ticket, SendError> {
        if self.state != State::Open {
            return Err(self.closed());
        }
        let ticket = self.ticket();
        self.questions.ask(key, question, ticket);
        let frame = match question {
            Question::Count => control::encode_get_count(self.serialization, key),
            Question::AllClosed => control::encode_notify_close(self.serialization, key),
        };
        self.push(Outgoing::Plain { ticket: Some(ticket), frame });
        Ok(ticket)
    }

    /// From now on messages of a cluster are received. Before, they are swallowed (INT-1).
    pub fn join_cluster(&mut self, role: ClusterRole) {
        self.cluster = match role {
            ClusterRole::Primary => Cluster::InOrder,
            ClusterRole::Worker => Cluster::Apart(VecDeque::new()),
        };
    }

    /// Takes a message back, unless it has begun to be written. A handle that came with it is an
    /// [`Outcome::Lost`]'s, or the returned one.
    pub fn withdraw(&mut self, ticket: Ticket) -> Option<Option<F>> {
        if let Some(message) = self.handoff.withdraw_held(ticket) {
            return Some(match message {
                Outgoing::Plain { .. } => None,
                Outgoing::Handle(sent) => Some(sent.fd),
            });
        }
        if !self.outbox.withdraw(ticket) {
            return None;
        }
        if self.handoff.flight().is_none_or(|flight| flight.sent.ticket != ticket) {
            return Some(None);
        }
        let (sent, held) = self.handoff.cancel()?;
        self.replay(held);
        Some(Some(sent.fd))
    }

    /// Reports a message of the cluster's that is none, among the other events.
    pub fn report(&mut self, error: ProtocolError) {
        self.invalid(error);
    }

    /// A socket that came with this key is closed now.
    pub fn socket_closed(&mut self, key: &SocketKey) {
        for _ in 0..self.sockets.closed(key) {
            self.answer(control::encode_all_closed(self.serialization, key));
        }
    }

    /// Ends the channel: what was accepted is still written, and handles that come meanwhile are
    /// still acknowledged (LIFE-5), but nothing more is delivered (LIFE-4). When
    /// [`is_flushed`](Self::is_flushed), either close the socket and call
    /// [`handle_end`](Self::handle_end), or close it for writing and call
    /// [`half_close`](Self::half_close).
    pub fn disconnect(&mut self) -> Result<(), SendError> {
        match self.state {
            State::Open => {
                self.state = State::Disconnecting;
                self.is_ours = true;
                self.drop_events();
                Ok(())
            }
            State::Broken => {
                self.drop_events();
                self.handle_end();
                Ok(())
            }
            State::Disconnecting | State::HalfClosed | State::Closed => Err(SendError::Disconnected),
        }
    }

    /// The peer will be told the end, and nothing can be written any more. Until it ends too,
    /// answers to our questions may still come, and must find somebody who reads: a Node process
    /// that cannot write one fails.
    pub fn half_close(&mut self) {
        if self.state == State::Disconnecting && self.is_flushed() {
            self.state = State::HalfClosed;
        }
    }

    fn drop_events(&mut self) {
        self.events.clear();
        self.sockets = Sockets::default();
        self.waiting_bytes = 0;
        self.waiting_fds = 0;
    }

    /// Why nothing can be sent on a channel that is over.
    pub fn closed(&self) -> SendError {
        if self.is_ours { SendError::ClosedByUs } else { SendError::Closed }
    }

    fn check(&self, frame: &[u8]) -> Result<(), SendError> {
        if self.state != State::Open {
            return Err(self.closed());
        }
        match control::reserved_cmd(self.serialization, frame) {
            Some(cmd) => Err(SendError::Reserved { cmd }),
            None => Ok(()),
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        self.next_ticket
    }

    fn push(&mut self, message: Outgoing<F>) {
        match self.handoff.hold(message) {
            None => {}
            Some(Outgoing::Plain { ticket, frame }) => self.write(ticket, frame),
            Some(Outgoing::Handle(sent)) => {
                self.handoff.start(sent, Held::default());
                self.write_handle();
            }
        }
    }

    /// What was held goes on in order: written, up to and with the next handle, and the rest is
    /// held again behind that.
    fn replay(&mut self, mut held: Held<F>) {
        while let Some(message) = held.pop() {
            match message {
                Outgoing::Plain { ticket, frame } => self.write(ticket, frame),
                Outgoing::Handle(sent) => {
                    self.handoff.start(sent, held);
                    return self.write_handle();
                }
            }
        }
    }

    fn write(&mut self, ticket: Option<Ticket>, bytes: Vec<u8>) {
        let carries = ticket.map_or(Carries::Answer(bytes.len()), Carries::Message);
        self.outbox.push(carries, bytes);
    }

    fn write_handle(&mut self) {
        if let Some(flight) = self.handoff.flight() {
            self.outbox.push_handle(flight.sent.ticket, flight.sent.frame.clone());
        }
    }

    /// An answer goes through the normal queue (SOCK-6).
    fn answer(&mut self, frame: Vec<u8>) {
        if self.state != State::Open {
            return;
        }
        let bytes = self.answer_bytes + frame.len();
        if self.answers == MAX_WAITING_REPLIES || bytes > self.limits.max_waiting_bytes {
            return self.invalid(ProtocolError::TooManyRequests);
        }
        self.answers += 1;
        self.answer_bytes = bytes;
        self.push(Outgoing::Plain { ticket: None, frame });
    }

    fn lose(&mut self, sent: Sent<F>, reason: LossReason) {
        self.outcomes.push_back(Outcome::Lost { ticket: sent.ticket, fd: sent.fd, reason });
    }
}

/// To be written.
impl<F> Channel<F> {
    /// What to write next, in one call to the kernel.
    pub fn poll_transmit(&self) -> Option<Transmit<'_, F>> {
        if !self.wants_output() {
            return None;
        }
        Some(Transmit::new(|slices, used| {
            let with_handle = self.outbox.fill(slices, used);
            self.handoff.flight().filter(|_| with_handle).map(|flight| &flight.sent.fd)
        }))
    }

    /// The kernel took the first `n` bytes of the last transmit.
    pub fn transmitted(&mut self, mut n: usize) {
        while let Some(completed) = self.outbox.advance(&mut n) {
            match completed {
                Carries::Message(ticket) | Carries::Batch(ticket, _) => self.written = ticket,
                Carries::Handle(ticket) => {
                    self.written = ticket;
                    self.handoff.written();
                }
                Carries::Answer(length) => {
                    self.answers -= 1;
                    self.answer_bytes -= length;
                }
            }
        }
    }

    /// Whether there is something to write to a peer that may still read it.
    pub fn wants_output(&self) -> bool {
        !self.outbox.is_empty() && matches!(self.state, State::Open | State::Disconnecting)
    }

    /// Whether the kernel has all of this message. Never true for a message that was lost with
    /// the channel. What became of a handle is told by its [`Outcome`].
    pub fn is_written(&self, ticket: Ticket) -> bool {
        ticket <= self.written
    }

    /// The last message of our caller that the kernel has all of.
    pub fn last_written(&self) -> Ticket {
        self.written
    }

    /// Whether everything that was accepted is written and, where it was a handle, answered.
    pub fn is_flushed(&self) -> bool {
        self.outbox.is_empty() && matches!(self.handoff, Handoff::Ready)
    }

    /// How many messages were accepted and, because the channel ended, not written. What became of
    /// handles is told by their [`Outcome`]s.
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// Bytes that the peer makes us keep beside the messages that wait to be received: what has come
    /// of the next one, replies and answers that are not written, and the names of the lists that its
    /// open sockets are counted in. The [`Limits`] bound all but the names, which are short.
    pub fn kept_bytes(&self) -> usize {
        self.inbox.unread_bytes() + self.outbox.reply_bytes() + self.answer_bytes + self.sockets.name_bytes()
    }

    /// Bytes that were accepted and are not written yet.
    pub fn queued_bytes(&self) -> usize {
        self.outbox.queued_bytes() + self.handoff.held_bytes()
    }
}

/// What happened.
impl<F> Channel<F> {
    /// What was received, in order.
    pub fn poll_event(&mut self) -> Option<Event<F>> {
        let (event, cost) = self.events.pop_front()?;
        self.waiting_bytes -= cost.bytes;
        self.waiting_fds -= cost.fds;
        if self.events.is_empty() && self.events.capacity() > ROOM {
            self.events = VecDeque::new();
        }
        Some(event)
    }

    /// How many events wait.
    pub fn waiting_events(&self) -> usize {
        self.events.len()
    }

    /// The next message of the cluster's primary, for a [`ClusterRole::Worker`].
    pub fn poll_cluster(&mut self) -> Option<(Payload, Carried<Attached<F>>)> {
        match &mut self.cluster {
            Cluster::Apart(waiting) => waiting.pop_front(),
            Cluster::Ignored | Cluster::InOrder => None,
        }
    }

    /// What became of the handles that were sent, in order.
    pub fn poll_outcome(&mut self) -> Option<Outcome<F>> {
        self.outcomes.pop_front()
    }

    /// Whether the peer's end is all that is waited for.
    pub fn is_half_closed(&self) -> bool {
        self.state == State::HalfClosed
    }

    /// Whether an answer to a question of ours may still come soon.
    pub fn awaits_count(&self) -> bool {
        self.questions.has_count()
    }

    /// Whether messages can still be sent.
    pub fn is_connected(&self) -> bool {
        self.state == State::Open
    }

    /// Whether the channel is over.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether the peer reads no more, though what it wrote may still come.
    pub fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken | State::Closed)
    }
}
