//! What the peer wrote: messages for our user, Node's own messages, and replies to our handles.

use bytes::{Bytes, BytesMut};

use super::{Channel, ClusterMessages, MAX_WAITING_REPLIES};
use crate::error::ProtocolError;
use crate::message::Payload;
use crate::proto::cluster::worker::Carried;
use crate::proto::event::{Attached, Event, LossReason, Outcome};
use crate::proto::handoff::{Held, Pending, PendingHandle, Replied};
use crate::proto::sockets::{Notify, Question};
use crate::wire;
use crate::wire::control::{self, Addressee, Control, HandleFrame, SocketKey};
use crate::wire::frame::{self, Frame};

/// Reading.
impl<F> Channel<F> {
    /// The buffer to read into. Append bytes to it, and then call
    /// [`handle_input`](Self::handle_input).
    pub fn read_buffer(&mut self) -> &mut BytesMut {
        self.inbox.buffer()
    }

    /// One read: `len` bytes were appended to the read buffer, these descriptors came with them,
    /// and the kernel dropped some if `truncated` (`MSG_CTRUNC`).
    pub fn handle_input(&mut self, len: usize, fds: impl IntoIterator<Item = F>, truncated: bool) {
        if self.is_closed() {
            return self.inbox.clear();
        }
        let max_fds = self.limits.max_waiting_descriptors;
        let surplus = self.inbox.received(len, fds, truncated, max_fds);
        self.report_strays(surplus);
        while let Some(frame) = self.inbox.next_frame(self.limits.max_message) {
            match frame {
                Frame::Whole(content) => self.handle_frame(content),
                Frame::TooLong(start) => self.handle_too_long(&start),
                Frame::Skipped => {
                    if let Some(reply) = self.due_reply.take() {
                        self.reply(reply);
                    }
                }
                Frame::Foreign => {
                    self.invalid(ProtocolError::BunFormat);
                    return self.handle_end();
                }
            }
            let strays = self.inbox.drop_strays();
            self.report_strays(strays);
        }
        let strays = self.inbox.drop_strays();
        self.report_strays(strays);
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
}

/// Handles of the peer, and its replies to ours.
impl<F> Channel<F> {
    /// One reply for each frame, whatever becomes of the handle (HND-6).
    fn handle_handle(&mut self, frame: HandleFrame) {
        let HandleFrame { wire_type, message, key, addressee } = frame;
        let Some(fd) = self.inbox.take_fd() else {
            self.reply(control::handle_nack(self.serialization));
            return match (addressee, &self.cluster) {
                // Node does not send it again, and waits for the worker's reply (HND-9, CLU-13). The
                // worker's machine replies: our user has nothing to do with it.
                (Addressee::Cluster, ClusterMessages::Apart(_)) => self.cluster(message, Carried::Lost),
                _ => {
                    let message = wire::quote(self.serialization, message);
                    self.invalid(ProtocolError::MissingDescriptor { message });
                }
            };
        };
        self.reply(control::handle_ack(self.serialization));
        match addressee {
            Addressee::User if self.state.delivers() => {
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

    /// A handle in a message that is too long is acknowledged and closed, because a peer that is refused
    /// sends the same again. The reply goes out when the peer has written all of the message: it does
    /// not expect one before.
    fn handle_too_long(&mut self, start: &[u8]) {
        if control::begins_handle(self.serialization, start) {
            self.due_reply = Some(match self.inbox.take_fd() {
                Some(_closed) => control::handle_ack(self.serialization),
                None => control::handle_nack(self.serialization),
            });
        }
        self.invalid(ProtocolError::TooLong { limit: self.limits.max_message });
    }

    /// The peer has replied to the handle in flight.
    fn handle_reply(&mut self, reply: &'static str, (replied, held): (Replied<F>, Held<F>)) {
        match replied {
            Replied::Unexpected => return self.invalid(ProtocolError::UnexpectedReply { reply }),
            Replied::Acked(PendingHandle { ticket, fd, .. }) => {
                self.outcomes.push_back(Outcome::Acked { ticket, fd });
            }
            // The handoff writes it again, in its single form (HND-10).
            Replied::Resend if self.state.writes() => return,
            Replied::Resend => return self.lose_outgoing(),
            Replied::Refused(handle) => {
                let transmissions = handle.max_transmissions;
                self.lose(handle, LossReason::Refused { transmissions });
            }
        }
        self.replay(held);
    }

    /// Replies overtake everything that has not begun to be written (HND-6).
    fn reply(&mut self, reply: &'static [u8]) {
        if self.state.writes() {
            self.outbox.push_reply(reply);
        }
    }
}

/// Socket lists: what the peer asks about its sockets here, and what it answers (SOCK).
impl<F> Channel<F> {
    /// An answer that nobody asked for is ignored, as in Node.
    fn answered(&mut self, key: SocketKey, question: Question, open: usize) {
        if let Some(ticket) = self.questions.answered(key, question) {
            self.outcomes.push_back(Outcome::Answered { ticket, open });
        }
    }

    /// A socket that came with this key is closed now.
    pub fn socket_closed(&mut self, key: &SocketKey) {
        for _ in 0..self.sockets.closed(key) {
            self.answer(control::encode_all_closed(self.serialization, key));
        }
    }

    /// An answer goes through the normal queue (SOCK-6).
    fn answer(&mut self, frame: Vec<u8>) {
        if !self.state.accepts() {
            return;
        }
        let bytes = self.answer_bytes + frame.len();
        if self.answers == MAX_WAITING_REPLIES || bytes > self.limits.max_waiting_bytes {
            return self.invalid(ProtocolError::TooManyRequests);
        }
        self.answers += 1;
        self.answer_bytes = bytes;
        self.push(Pending::Plain { ticket: None, frame });
    }
}

/// What waits for our user.
impl<F> Channel<F> {
    fn deliver(&mut self, payload: Bytes, handle: Option<Attached<F>>) {
        self.event(Event::Message { payload: Payload::new(self.serialization, payload), handle });
    }

    fn cluster(&mut self, message: Bytes, carried: Carried<Attached<F>>) {
        let payload = Payload::new(self.serialization, message);
        match (&mut self.cluster, carried) {
            (ClusterMessages::Ignored, _) => {}
            (ClusterMessages::InOrder, Carried::Handle(handle)) => {
                self.event(Event::Cluster { payload, handle: Some(handle) });
            }
            (ClusterMessages::InOrder, _) => self.event(Event::Cluster { payload, handle: None }),
            (ClusterMessages::Apart(waiting), carried) => waiting.push_back((payload, carried)),
        }
    }

    fn invalid(&mut self, error: ProtocolError) {
        self.event(Event::Invalid(error));
    }

    /// Reports a message of the cluster that makes no sense, as an event among the others.
    pub fn report(&mut self, error: ProtocolError) {
        self.invalid(error);
    }

    /// Adds what is for our user, if it still wants it.
    fn event(&mut self, event: Event<F>) {
        if self.state.delivers() {
            self.waiting.push(event, self.inbox.consumed());
        }
    }

    fn report_strays(&mut self, count: usize) {
        if count > 0 {
            self.invalid(ProtocolError::StrayDescriptors { count });
        }
    }
}
