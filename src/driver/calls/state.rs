//! [`State`]: what a core has under its lock, and [`Visit`], who is woken for what has changed.

use std::collections::{HashMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, MutexGuard};
use std::task::Waker;
use std::time::Instant;

use super::core::{Core, Output};
use super::job::{Job, Running};
use super::pace::{Asleep, Pace};
use super::reading::Uploading;
use super::watch::{CallState, Watch};
use crate::calls::machine::Calls;
use crate::calls::schedule::{Schedule, Turn};
use crate::calls::{CallError, Id};
use crate::error::Error;
use crate::handle::{Outgoing, ReceivedHandle};
use crate::message::part::Part;

/// How many calls and notifications may wait to begin, and how many bytes they may keep.
const MOST_WAITING: usize = 1 << 16;
const MOST_WAITING_BYTES: usize = 64 << 20;

/// How many bytes of answers and calls may wait to be written before handlers wait too.
pub(super) const MOST_QUEUED: usize = 16 << 20;

pub(super) struct State {
    pub(super) calls: Calls,
    pub(super) pending: HashMap<u64, Pending>,
    pub(super) running: HashMap<Id, Arc<Running>>,
    /// Uploads that handlers read, by their tokens.
    pub(super) uploading: HashMap<Id, Uploading>,
    pub(super) schedule: Schedule<Job>,
    pub(super) phase: Phase,
    /// The set-up is over.
    pub(super) is_ready: bool,
    /// Pools that ask whether it is.
    pub(super) hellos: Vec<Id>,
    /// When the other end was told last how much memory this process has.
    pub(super) memory_told: Option<Instant>,
    /// Somebody writes, and will look whether there is more.
    pub(super) is_writing: bool,
    pub(super) writer: Option<Waker>,
    /// Threads that wait for something to do, and for something to write.
    pub(super) workers: Asleep,
    pub(super) writers: Asleep,
    pub(super) pace: Pace,
    /// Handlers are quick, and the thread that receives sees to one that is not.
    pub(super) is_watched: bool,
    /// When the last message came, the other end read so little that it is not told of what is refused.
    pub(super) drops_refusals: bool,
    /// The pool that is told what becomes of its calls.
    pub(super) watch: Option<Watch>,
    /// Who waits for less to be queued, or for all to have ended.
    pub(super) room: Vec<Waker>,
    pub(super) idle: Vec<Waker>,
    /// Who waits for the end.
    pub(super) ends: Vec<Waker>,
    /// How it came to the end, where somebody stays until then.
    pub(super) gone: Option<Result<(), Error>>,
    /// Who reads, and waits for less to wait.
    pub(super) reader: Option<Waker>,
    /// Woken when the lock is given back.
    pub(super) woken: Vec<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// No call is begun any more; those that have begun end.
    Stopping,
    /// We end the channel: what is queued is still written, and nothing that comes is handled.
    Closing,
    Over,
}

impl Phase {
    /// Nobody gets an answer any more, on either side.
    pub(super) fn is_end(self) -> bool {
        matches!(self, Phase::Closing | Phase::Over)
    }
}

/// A result, and what has come with it.
pub(crate) struct Answer {
    pub(crate) result: Part,
    pub(crate) handle: Option<ReceivedHandle>,
}

/// A call of ours, as its caller sees it.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) outcome: Option<Result<Answer, CallError>>,
    pub(super) items: VecDeque<Part>,
    /// The caller wants to know how far the call is.
    pub(super) listens: bool,
    /// How far it is. Only the latest is kept.
    pub(super) progress: Option<Part>,
    /// Its handle, if the channel has ended before it was sent.
    pub(super) unsent: Option<Outgoing>,
    pub(super) waker: Option<Waker>,
}

impl State {
    pub(super) fn new(concurrency: usize) -> Self {
        State {
            calls: Calls::default(),
            pending: HashMap::new(),
            running: HashMap::new(),
            uploading: HashMap::new(),
            schedule: Schedule::new(concurrency),
            phase: Phase::Open,
            is_ready: false,
            hellos: Vec::new(),
            memory_told: None,
            is_writing: false,
            writer: None,
            workers: Asleep::default(),
            writers: Asleep::default(),
            pace: Pace::default(),
            is_watched: false,
            drops_refusals: false,
            watch: None,
            room: Vec::new(),
            idle: Vec::new(),
            ends: Vec::new(),
            gone: None,
            reader: None,
            woken: Vec::new(),
        }
    }
}

impl State {
    /// Takes on writing, if there is something to write; or tells of the end.
    pub(super) fn output(&mut self) -> Option<Result<(), Option<Output>>> {
        if self.phase == Phase::Over {
            return Some(Err(None));
        }
        if self.is_writing {
            return None;
        }
        if self.calls.queued_bytes() > 0 {
            self.is_writing = true;
            return Some(Ok(()));
        }
        self.is_finished().then_some(Err(Some(Output::Finished)))
    }

    /// Takes something that may begin. Nothing does while the other end does not read its answers: what
    /// they are would be kept here.
    pub(super) fn take_job(&mut self) -> Option<(Turn, Job)> {
        if self.has_job() { self.schedule.take() } else { None }
    }

    fn has_job(&self) -> bool {
        self.schedule.may_take() && self.calls.queued_answer_bytes() < MOST_QUEUED
    }

    /// A thread comes for what waits to begin, and others need not be woken.
    fn is_job_expected(&self, comes_back: bool) -> bool {
        self.is_watched && (comes_back || self.ends_one_soon() || self.workers.is_one_coming())
    }

    fn ends_one_soon(&self) -> bool {
        self.pace.ends_soon(self.schedule.running())
    }

    /// Whether something is watched that may turn out not to be quick.
    pub(super) fn is_watch_needed(&self) -> bool {
        self.is_watched && (self.schedule.waiting() > 0 || self.ends_one_soon())
    }

    /// Nobody watches any more: threads are woken for what waits.
    pub(super) fn end_watch(&mut self) {
        self.is_watched = false;
        self.pace.are_slow(self.schedule.running());
    }

    /// A thread writes the answers that wait when it has carried out what waits to begin.
    fn is_output_expected(&self) -> bool {
        self.phase != Phase::Closing
            && self.is_watched
            && (self.ends_one_soon() || self.has_job())
            && self.calls.queued_bytes() == self.calls.queued_answer_bytes()
    }

    /// So many answers are unread that nothing more is read that would be answered.
    pub(super) fn reads_no_answers(&self) -> bool {
        self.calls.queued_answer_bytes() >= 4 * MOST_QUEUED
    }

    /// So much waits to begin that calls are refused.
    pub(super) fn is_full(&self) -> bool {
        self.holds_more_than(1)
    }

    /// So much waits to begin that even notifications are dropped. It comes to that only with a peer that
    /// goes on to send while handlers wait for its answers.
    pub(super) fn is_flooded(&self) -> bool {
        self.holds_more_than(4)
    }

    fn holds_more_than(&self, times: usize) -> bool {
        self.schedule.waiting() >= times * MOST_WAITING || self.schedule.bytes() >= times * MOST_WAITING_BYTES
    }

    /// Nothing is to be read: enough waits to begin, and none of our calls waits for its answer.
    pub(super) fn reads_nothing(&self) -> bool {
        !self.phase.is_end()
            && self.is_ready
            && (self.is_full() || self.reads_no_answers())
            && self.pending.is_empty()
    }

    pub(super) fn is_finished(&self) -> bool {
        match self.phase {
            Phase::Stopping => self.schedule.is_idle() && self.calls.open() == 0,
            Phase::Closing => true,
            Phase::Open | Phase::Over => false,
        }
    }

    /// To be called before the end is looked for.
    pub(super) fn wake_at_end(&mut self, waker: &Waker) {
        if !self.ends.iter().any(|known| known.will_wake(waker)) {
            self.ends.push(waker.clone());
        }
    }

    pub(super) fn wake_ends(&mut self) {
        self.woken.append(&mut self.ends);
    }

    pub(super) fn settle(&mut self, id: u64, outcome: Result<Answer, CallError>) {
        self.tell(id, |pending| pending.outcome = Some(outcome));
    }

    /// Takes note of how far a call of ours is, for a caller who listens.
    pub(super) fn progressed(&mut self, id: u64, value: Part) {
        if self.pending.get(&id).is_some_and(|pending| pending.listens) {
            self.tell(id, |pending| pending.progress = Some(value));
        }
    }

    /// Tells the pool what has become of a call of ours.
    pub(super) fn became(&mut self, id: u64, change: CallState) {
        let waker = self.watch.as_mut().and_then(|watch| watch.became(id, change));
        self.woken.extend(waker);
    }

    /// Who is woken for a call of ours.
    pub(super) fn tell_waker(&mut self, id: u64, waker: &Waker) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.waker = Some(waker.clone());
        }
    }

    /// Tells those who read uploads of a call, or of all calls, that nothing more comes.
    pub(super) fn end_uploads(&mut self, call: Option<&Id>, error: impl Fn() -> CallError) {
        for uploading in self.uploading.values_mut() {
            if call.is_none_or(|call| uploading.call == *call) {
                self.woken.extend(uploading.ended(Err(error())));
            }
        }
    }

    pub(super) fn tell(&mut self, id: u64, tell: impl FnOnce(&mut Pending)) {
        if let Some(pending) = self.pending.get_mut(&id) {
            tell(pending);
            self.woken.extend(pending.waker.take());
        }
    }
}

/// A visit to a core.
pub(super) struct Visit<'a> {
    pub(super) core: &'a Core,
    /// There until the end.
    pub(super) state: Option<MutexGuard<'a, State>>,
    /// The visitor comes for something to do next.
    pub(super) comes_back: bool,
}

impl Deref for Visit<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        self.state.as_ref().expect("a visit that is not over")
    }
}

impl DerefMut for Visit<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.state.as_mut().expect("a visit that is not over")
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let Some(mut state) = self.state.take() else {
            return;
        };
        let mut woken = std::mem::take(&mut state.woken);
        let (is_over, is_end) = (state.phase == Phase::Over, state.phase.is_end());
        let has_output = !state.is_writing && (state.calls.queued_bytes() > 0 || state.is_finished());
        if has_output || is_over {
            woken.extend(state.writer.take());
        }
        if is_end {
            woken.append(&mut state.room);
        }
        if !state.reads_nothing() {
            woken.extend(state.reader.take());
        }
        if state.schedule.is_idle() {
            woken.append(&mut state.idle);
        }
        let is_job_expected = state.is_job_expected(self.comes_back);
        let wakes_worker = state.has_job() && !is_job_expected && state.workers.wake();
        let wakes_writer = has_output && !state.is_output_expected() && state.writers.wake();
        drop(state);
        if wakes_writer {
            self.core.output.notify_one();
        }
        if wakes_worker {
            self.core.jobs.notify_one();
        }
        woken.into_iter().for_each(Waker::wake);
    }
}
