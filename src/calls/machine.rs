//! [`Calls`]: one end of the calls on a channel, as a machine. No I/O, no clock, no encoding: what is
//! queued was written before, and what comes out is framed behind it.

mod ending;
mod reporting;
mod uploading;

use std::collections::HashMap;

use super::error::RpcError;
pub use super::event::{About, Cancelling, Credit, Event, Unanswered};
use super::id::Id;
use super::outbox::{Kind, Outbox};
use super::read::{Incoming, Request};
use super::uploads::{Announced, Uploads};
use crate::message::body::Body;
use crate::message::part::Part;

/// The calls of both ends that are in flight, and what is to be sent.
#[derive(Default)]
pub struct Calls {
    ours: HashMap<u64, Ours>,
    theirs: HashMap<Id, Theirs>,
    outbox: Outbox,
    uploads: Uploads,
    /// What the message was about that was taken last.
    last_taken: Option<About>,
    /// The other end reads bundles, and knows credit.
    is_peer_ours: bool,
    /// A message of ours has gone, and so has said that this end reads bundles.
    has_announced: bool,
    has_ended: bool,
    /// Nobody reads what this end writes any more.
    is_unread: bool,
    /// The other end has answered all that it has begun, and begins nothing more.
    has_peer_left: bool,
    peer_resident: Option<u64>,
    dropped: u64,
}

struct Ours {
    /// Nobody waits for the answer any more.
    is_cancelled: bool,
    /// It has left the outbox, and may be begun.
    is_handed_over: bool,
    /// The result may come as a stream.
    streams: bool,
    /// How many items may still come.
    room: u64,
    /// How many of its parameters are streams.
    uploads: u32,
    /// What an end that is none of ours calls it in its progress.
    token: Option<Id>,
}

struct Theirs {
    is_cancelled: bool,
    /// How many items of its stream may still be sent.
    credit: u64,
    uploads: Announced,
}

/// Our own calls.
impl Calls {
    /// Queues a call. False if the end has come.
    pub fn call(&mut self, id: u64, room: u64, body: Body) -> bool {
        if self.has_ended {
            return false;
        }
        let streams = room > 0;
        let (is_cancelled, is_handed_over) = (false, false);
        self.ours.insert(id, Ours { is_cancelled, is_handed_over, streams, room, uploads: 0, token: None });
        self.queue(Kind::Call(id), body);
        true
    }

    /// A call that was queued has streams among its parameters.
    pub fn has_uploads(&mut self, id: u64, count: u32) {
        if let Some(call) = self.ours.get_mut(&id) {
            call.uploads = count;
            self.uploads.begin(id, count);
        }
    }

    /// Queues a notification.
    pub fn notify(&mut self, body: Body) {
        self.queue(Kind::Other, body);
    }

    /// Nobody waits for a call any more.
    pub fn cancel(&mut self, id: u64) -> Cancelling {
        let Some(call) = self.ours.get_mut(&id).filter(|call| !call.is_cancelled) else {
            return Cancelling::Over;
        };
        if call.uploads > 0 {
            self.uploads.remove_sent_by(id);
        }
        if call.is_handed_over {
            call.is_cancelled = true;
            return Cancelling::Tell;
        }
        self.ours.remove(&id);
        self.outbox.withdraw(&Kind::Call(id));
        Cancelling::Withdrawn
    }

    /// Allows so many more items of a stream. Whether the other end is to be told.
    pub fn grant(&mut self, id: u64, n: u64) -> bool {
        match self.ours.get_mut(&id).filter(|call| !call.is_cancelled) {
            Some(call) => {
                call.room = call.room.saturating_add(n);
                self.is_peer_ours
            }
            None => false,
        }
    }

    /// How many calls of ours have no answer, the cancelled ones too.
    #[cfg(test)]
    pub fn unanswered(&self) -> usize {
        self.ours.len()
    }

    /// How much memory the other end has, as it has said last.
    pub fn peer_resident(&self) -> Option<u64> {
        self.peer_resident
    }
}

/// The other end's calls.
impl Calls {
    /// Queues an answer. False if there is no such call, or its answer was queued before.
    pub fn answer(&mut self, id: &Id, body: Body) -> bool {
        let Some(call) = self.theirs.remove(id) else {
            return false;
        };
        if call.uploads.count > 0 {
            self.uploads.close_those_of(id);
        }
        self.queue(Kind::Answer(Some(id.clone())), body);
        true
    }

    /// Queues the answer to what was [refused](Event::Refused).
    pub fn refuse(&mut self, body: Body) {
        self.queue(Kind::Answer(None), body);
    }

    /// A call of the other end gets no answer, for it reads none.
    pub fn forget(&mut self, id: &Id) {
        if self.theirs.remove(id).is_some_and(|call| call.uploads.count > 0) {
            self.uploads.close_those_of(id);
        }
        self.dropped += 1;
    }

    /// Asks whether an item of a stream may be sent.
    pub fn take_credit(&mut self, id: &Id) -> Credit {
        match self.theirs.get_mut(id) {
            Some(Theirs { is_cancelled: false, credit, .. }) => match credit.checked_sub(1) {
                Some(left) => {
                    *credit = left;
                    Credit::Taken
                }
                None => Credit::Wait,
            },
            _ => Credit::Gone,
        }
    }

    /// Queues how far a call is, in the place of what waits there about it.
    pub fn progress(&mut self, id: &Id, body: Body) {
        if self.theirs.contains_key(id) {
            let kind = Kind::Progress(id.clone());
            self.outbox.withdraw(&kind);
            self.queue(kind, body);
        }
    }

    /// How many calls of the other end have no answer.
    pub fn open(&self) -> usize {
        self.theirs.len()
    }

    /// Whether the other end knows what only our ends know.
    pub fn is_peer_ours(&self) -> bool {
        self.is_peer_ours
    }
}

/// What comes, and what goes.
impl Calls {
    /// Takes note of what came.
    pub fn handle(&mut self, incoming: Incoming) -> Event {
        if self.has_ended {
            return Event::Dropped;
        }
        match incoming {
            Incoming::Request(request) => self.request(request),
            Incoming::Notification(call) => Event::Notify(call),
            Incoming::Left => {
                self.has_peer_left = true;
                Event::Dropped
            }
            Incoming::Answer { id, outcome, bundles, resident } => {
                self.peer_resident = resident.or(self.peer_resident);
                self.answered(&id, outcome, bundles)
            }
            Incoming::Cancel(id) => match self.theirs.get_mut(&id) {
                Some(call) if !call.is_cancelled => {
                    call.is_cancelled = true;
                    Event::Cancelled(id)
                }
                _ => self.drop_it(),
            },
            Incoming::Items { token, items } => self.items(&token, items),
            Incoming::Progress { token, value } => match self.reported(&token) {
                Some(id) => Event::Progress { id, value },
                None => self.drop_it(),
            },
            Incoming::Credit { token, n } => match self.theirs.get_mut(&token) {
                Some(call) => {
                    call.credit = call.credit.saturating_add(n);
                    Event::Credit(token)
                }
                None => {
                    let call = self.uploads.add_credit(&token, n);
                    self.upload_moves(call)
                }
            },
            Incoming::UploadLeft { token } => {
                let call = self.uploads.remove(&token);
                self.upload_moves(call)
            }
            Incoming::UploadEnd { token, outcome } => match self.uploads.close(&token) {
                true => Event::UploadEnded { token, outcome },
                false => self.drop_it(),
            },
            Incoming::Invalid { is_request: true } => {
                let why = "the id of a call is a string or a number, and its method a string";
                Event::Refused(None, RpcError::new(super::code::INVALID_REQUEST, why))
            }
            Incoming::Invalid { is_request: false } => self.drop_it(),
        }
    }

    fn request(&mut self, request: Request) -> Event {
        self.is_peer_ours |= request.bundles;
        if self.theirs.contains_key(&request.id) {
            let why = format!("the id {} is in use by another call", request.id);
            return Event::Refused(Some(request.id), RpcError::new(super::code::INVALID_REQUEST, why));
        }
        let credit = request.stream.unwrap_or(0);
        let uploads = Announced { count: request.uploads, ..Announced::default() };
        self.theirs.insert(request.id.clone(), Theirs { is_cancelled: false, credit, uploads });
        Event::Call(request)
    }

    fn answered(&mut self, id: &Id, outcome: Result<Part, RpcError>, bundles: bool) -> Event {
        self.is_peer_ours |= bundles;
        // Of a call that was not sent there is no answer.
        let call = id.ours().filter(|id| self.ours.get(id).is_some_and(|call| call.is_handed_over));
        match call.and_then(|id| Some((id, self.ours.remove(&id)?))) {
            Some((id, call)) => {
                if call.uploads > 0 {
                    self.uploads.remove_sent_by(id);
                }
                Event::Answered { id, outcome, was_cancelled: call.is_cancelled }
            }
            None => self.drop_it(),
        }
    }

    fn items(&mut self, token: &Id, items: Vec<Part>) -> Event {
        let came = items.len() as u64;
        if self.uploads.is_open(token) {
            return match self.uploads.came(token, came) {
                true => Event::UploadItems { token: token.clone(), items },
                // As for items of a result: without some of them there is no upload.
                false => {
                    self.uploads.close(token);
                    self.dropped += 1;
                    Event::UploadOverrun { token: token.clone() }
                }
            };
        }
        match self.in_flight(token) {
            Some((id, call)) if call.room >= came => {
                call.room -= came;
                // Only ends of ours send items in this form. Its answer, which says so too, comes behind them.
                self.is_peer_ours = true;
                Event::Items { id, items }
            }
            // What was not asked for is not kept, and a stream without some of its items is none.
            Some((id, call)) if call.streams => {
                call.is_cancelled = true;
                self.uploads.remove_sent_by(id);
                self.dropped += 1;
                Event::Overrun { id }
            }
            _ => self.drop_it(),
        }
    }

    fn upload_moves(&mut self, call: Option<u64>) -> Event {
        match call {
            Some(id) => Event::UploadMoves { id },
            None => self.drop_it(),
        }
    }

    /// The call of ours with this token, if somebody waits for it.
    fn in_flight(&mut self, token: &Id) -> Option<(u64, &mut Ours)> {
        let id = token.ours()?;
        let call = self.ours.get_mut(&id)?;
        (call.is_handed_over && !call.is_cancelled).then_some((id, call))
    }

    fn drop_it(&mut self) -> Event {
        self.dropped += 1;
        Event::Dropped
    }

    /// How many messages meant nothing to this end.
    #[cfg(test)]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether calls and answers still have to say that this end reads bundles.
    pub fn must_announce(&self) -> bool {
        !self.has_announced
    }

    /// How many bytes wait to be sent.
    pub fn queued_bytes(&self) -> usize {
        self.outbox.bytes()
    }

    /// How many bytes of answers wait to be sent.
    pub fn queued_answer_bytes(&self) -> usize {
        self.outbox.answer_bytes()
    }

    /// Takes what is to be sent next, as one message: several only for an end that reads bundles. Empty if
    /// there is nothing.
    pub fn take_output(&mut self) -> Vec<Body> {
        let Calls { outbox, ours, has_announced, last_taken, .. } = self;
        outbox.take(self.is_peer_ours, |kind| {
            *last_taken = match kind {
                Kind::Call(id) => {
                    *has_announced = true;
                    if let Some(call) = ours.get_mut(&id) {
                        call.is_handed_over = true;
                    }
                    Some(About::Call(id))
                }
                Kind::Answer(id) => {
                    *has_announced = true;
                    id.map(About::Answer)
                }
                Kind::Progress(_) | Kind::Other => None,
            }
        })
    }

    /// What the message was about that was taken last. One with a handle is alone in its message.
    pub fn last_taken(&mut self) -> Option<About> {
        self.last_taken.take()
    }

    /// A call of ours that was taken could not be sent. False if nobody waits for it.
    pub fn unsent(&mut self, id: u64) -> bool {
        self.uploads.remove_sent_by(id);
        self.ours.remove(&id).is_some_and(|call| !call.is_cancelled)
    }

    fn queue(&mut self, kind: Kind, body: Body) {
        if !self.has_ended && (!self.is_unread || matches!(kind, Kind::Call(_))) {
            self.outbox.push(kind, body);
        }
    }
}
