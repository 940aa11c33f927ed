//! What comes: calls begin, or wait, and who waits for an answer is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::Core;
use super::job::{Job, Running};
use super::state::{Answer, Phase, State};
use super::watch::CallState;
use crate::calls::machine::Event;
use crate::calls::read::{self, Notification, Request};
use crate::calls::schedule::Turn;
use crate::calls::write::{self, Extra};
use crate::calls::{CallError, Id, RpcError, code};
use crate::error::{Error, ProtocolError};
use crate::handle::ReceivedHandle;
use crate::message::Message;
use crate::message::body::Body;

/// The method by which an end asks whether the other is ready.
pub(crate) const HELLO: &str = "$/crossfork/hello";

/// How many pools may ask before the set-up is over whether this end is ready. There is one.
const MOST_HELLOS: usize = 64;

/// Whether calls go on after what receiving has failed with. It is about one message then, which was none that
/// a peer of ours sends. A message that is too long may have been a call or an answer, and nobody knows which:
/// somebody would wait for ever.
pub(crate) fn is_survived(error: &Error) -> bool {
    matches!(error, Error::Protocol(problem) if !matches!(problem, ProtocolError::TooLong { .. }))
}

impl Core {
    /// Takes a message; gives it back if it is the user's.
    pub(crate) fn receive(&self, mut message: Message) -> Option<Message> {
        let mut came = Vec::new();
        if !read::read(message.payload(), |incoming| came.push(incoming)) {
            return Some(message);
        }
        let now = Instant::now();
        // What each keeps of the message.
        let bytes = message.payload().as_bytes().len() / came.len().max(1);
        let mut handle = message.take_handle();
        // Those that are not handed on are dropped behind the lock, which a handle visits when it is closed.
        let mut visit = self.visit();
        // What one message makes us answer is bounded by the message.
        visit.drops_refusals = visit.reads_no_answers();
        let running = visit.schedule.running();
        visit.pace.came(now, running);
        visit.is_watched = visit.pace.is_quick();
        for incoming in came {
            match visit.calls.handle(incoming) {
                Event::Call(request) => self.begin(&mut visit, request, handle.take(), bytes, now),
                Event::Notify(Notification { method, .. }) if method == "$/crossfork/bye" => {
                    self.stop_in(&mut visit);
                }
                Event::Notify(call) if visit.phase == Phase::Open && !visit.is_flooded() => {
                    visit.schedule.add(Turn::Alone, bytes, Job::notification(call, handle.take()));
                }
                Event::Notify(_) | Event::Dropped => {}
                Event::Answered { id, outcome, was_cancelled } => {
                    let is_begun = outcome.as_ref().err().is_none_or(|error| error.code != code::NOT_BEGUN);
                    // First, so that a caller that goes on finds the slot free.
                    visit.became(id, if is_begun { CallState::Answered } else { CallState::NotBegun });
                    if !was_cancelled {
                        // One that nobody waits for stays here.
                        let handle = visit.pending.contains_key(&id).then(|| handle.take()).flatten();
                        let outcome = outcome.map(|result| Answer { result, handle });
                        visit.settle(id, outcome.map_err(CallError::Rpc));
                    }
                }
                Event::Items { id, items } => visit.tell(id, |pending| pending.items.extend(items)),
                Event::Overrun { id } => {
                    visit.became(id, CallState::Broken);
                    let why = RpcError::internal("the peer sent more items than it had credit for");
                    visit.settle(id, Err(CallError::Rpc(why)));
                    self.queue_about(&mut visit, write::cancel(&self.encoder, id));
                }
                Event::Progress { id, value } => visit.progressed(id, value),
                Event::UploadMoves { id } => visit.tell(id, |_| {}),
                Event::UploadItems { token, items } => {
                    if let Some(uploading) = visit.uploading.get_mut(&token) {
                        uploading.items.extend(items);
                        let waker = uploading.waker.take();
                        visit.woken.extend(waker);
                    }
                }
                Event::UploadEnded { token, outcome } => {
                    if let Some(uploading) = visit.uploading.get_mut(&token) {
                        let waker = uploading.ended(outcome.map_err(CallError::Rpc));
                        visit.woken.extend(waker);
                    }
                }
                Event::UploadOverrun { token } => {
                    if let Some(uploading) = visit.uploading.get_mut(&token) {
                        let why = RpcError::internal(
                            "the peer sent more items of an upload than it had credit for",
                        );
                        let waker = uploading.ended(Err(CallError::Rpc(why)));
                        visit.woken.extend(waker);
                    }
                    self.queue_about(&mut visit, write::upload_left(&self.encoder, &token));
                }
                Event::Cancelled(id) => self.cancelled(&mut visit, &id),
                Event::Credit(id) => {
                    if let Some(running) = visit.running.get(&id).cloned() {
                        visit.woken.extend(running.changed());
                    }
                }
                Event::Refused(id, error) => self.refuse(&mut visit, id.as_ref(), &error),
            }
        }
        drop(visit);
        drop(handle);
        None
    }

    fn begin(
        &self,
        visit: &mut State,
        request: Request,
        handle: Option<ReceivedHandle>,
        bytes: usize,
        now: Instant,
    ) {
        let id = &request.id;
        let is_hello = request.call.method == HELLO && self.greeting.is_some();
        if is_hello && visit.hellos.len() < MOST_HELLOS {
            visit.hellos.push(request.id);
            return self.greet(visit);
        }
        if visit.phase != Phase::Open {
            return self.answer_error(visit, id, &RpcError::not_begun("this process ends"));
        }
        if is_hello || visit.is_full() {
            let why = RpcError::not_begun("too many calls wait to begin");
            return self.answer_error(visit, id, &why);
        }
        let deadline = request.deadline.and_then(|ms| now.checked_add(Duration::from_millis(ms)));
        let (place, streams) = (visit.schedule.next_place(), request.stream.is_some());
        let running = Arc::new(Running::new(request.id.clone(), place, streams, deadline));
        visit.running.insert(request.id.clone(), running.clone());
        visit.schedule.add(Turn::Beside, bytes, Job::call(running, request, handle));
    }

    /// The set-up is over.
    pub(crate) fn ready(&self) {
        let mut visit = self.visit();
        visit.is_ready = true;
        self.greet(&mut visit);
    }

    /// Answers the pools that have asked, if it is time.
    fn greet(&self, visit: &mut State) {
        if !visit.is_ready {
            return;
        }
        for id in std::mem::take(&mut visit.hellos) {
            let extra = Extra::announcing(visit.calls.must_announce());
            if let Ok(body) = write::result(&self.encoder, &id, &self.greeting, extra) {
                visit.calls.answer(&id, body);
            }
        }
    }

    fn cancelled(&self, visit: &mut State, id: &Id) {
        let Some(running) = visit.running.get(id).cloned() else {
            return;
        };
        if visit.schedule.withdraw(running.place).is_some() {
            visit.running.remove(id);
            self.answer_error(visit, id, &RpcError::cancelled());
        } else {
            visit.woken.extend(running.cancel());
            visit.end_uploads(Some(id), || CallError::Rpc(RpcError::cancelled()));
        }
    }

    fn answer_error(&self, visit: &mut State, id: &Id, error: &RpcError) {
        if visit.drops_refusals {
            visit.calls.forget(id);
            return;
        }
        let extra = Extra::announcing(visit.calls.must_announce());
        if let Ok(body) = write::error(&self.encoder, Some(id), error, extra) {
            visit.calls.answer(id, body);
        }
    }

    fn refuse(&self, visit: &mut State, id: Option<&Id>, error: &RpcError) {
        if visit.drops_refusals {
            return;
        }
        let extra = Extra::announcing(visit.calls.must_announce());
        if let Ok(body) = write::error(&self.encoder, id, error, extra) {
            visit.calls.refuse(body);
        }
    }

    /// The last frame to an end that understands it: all that was begun has been answered.
    pub(crate) fn last_frame(&self) -> Option<Vec<u8>> {
        let is_understood = self.is_peer_ours();
        let body = is_understood.then(|| write::left(&self.encoder).ok()).flatten()?;
        Body::frame(vec![body]).ok()
    }

    /// Begins no call any more. Those that wait are answered that they were not begun.
    pub(crate) fn stop(&self) {
        self.stop_in(&mut self.visit());
    }

    fn stop_in(&self, visit: &mut State) {
        if visit.phase != Phase::Open {
            return;
        }
        visit.phase = Phase::Stopping;
        for job in visit.schedule.remove(|job| job.running.is_some()) {
            if let Some(running) = job.running {
                visit.running.remove(&running.id);
                self.answer_error(visit, &running.id, &RpcError::not_begun("this process ends"));
            }
        }
    }

    /// There will be no more answers: who waits for one is told, and handlers are.
    pub(super) fn come_to(&self, phase: Phase) {
        let mut visit = self.visit();
        if visit.phase == Phase::Over || visit.phase == phase {
            return;
        }
        visit.phase = phase;
        for (id, handle) in visit.calls.take_unsent_handles() {
            if let Some(pending) = visit.pending.get_mut(&id) {
                pending.unsent = Some(handle);
            }
        }
        let unanswered = if phase == Phase::Over { visit.calls.end() } else { visit.calls.close() };
        for unanswered in unanswered {
            visit.settle(unanswered.id, Err(CallError::Disconnected { begun: unanswered.begun }));
            if !unanswered.begun {
                visit.became(unanswered.id, CallState::NotBegun);
            }
        }
        visit.end_uploads(None, || CallError::Disconnected { begun: true });
        // Dropped behind the lock.
        let gone = visit.schedule.remove(|_| true);
        let running = std::mem::take(&mut visit.running);
        visit.woken.extend(running.values().flat_map(|running| running.cancel()).collect::<Vec<_>>());
        visit.wake_ends();
        drop(visit);
        drop(gone);
        // Whatever waits for something to do has nothing to wait for.
        self.jobs.notify_all();
        self.output.notify_all();
    }
}
