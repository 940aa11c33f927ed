//! [`Core`]: the machine, and what waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::in_flight::Attached;
use super::job::{Job, Running};
use super::state::{MOST_QUEUED, Phase, State, Visit};
use super::watch::{CallState, Watch};
use crate::calls::machine::About;
use crate::calls::schedule::Turn;
use crate::calls::write::{self, Extra};
use crate::calls::{CallError, Extension, Id, RpcError};
use crate::error::Error;
use crate::handle::Outgoing;
use crate::message::body::Body;
use crate::message::encoder::Encoder;
use crate::sys::resident::resident;

/// How often a pool is told how much memory this process has, at most.
const MEMORY_TOLD: Duration = Duration::from_secs(1);

/// Why the thread that receives does not wait.
const CANNOT_WAIT: &str = "this thread receives the answers and cannot wait for one: `on_message` is called on it, so \
                           start a thread there for what waits";

pub(crate) struct Core {
    pub(super) encoder: Arc<Encoder>,
    last_id: AtomicU64,
    pub(super) greeting: Option<Greeting>,
    state: Mutex<State>,
    /// Threads that wait for something to do.
    pub(super) jobs: Condvar,
    /// The thread that waits for something to write.
    pub(super) output: Condvar,
    /// The thread that receives, if it is one: it cannot wait for what it has to receive.
    receiver: OnceLock<ThreadId>,
}

pub(crate) struct Settings {
    /// How many calls run beside each other.
    pub(crate) concurrency: usize,
    /// What a pool is told; `None` if this end carries out no calls.
    pub(crate) greeting: Option<Greeting>,
}

/// What a worker tells its pool when it is ready.
#[derive(Clone, Serialize)]
pub(crate) struct Greeting {
    pub(crate) concurrency: usize,
    pub(crate) methods: Vec<String>,
}

/// What the writer is to do.
pub(crate) enum Output {
    Frame(Frame),
    /// All that was to be said before the end has been said.
    Finished,
}

/// A message that is ready to be written.
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    pub(crate) handle: Option<Outgoing>,
    /// What it is about, if it is one call or one answer.
    pub(crate) about: Option<About>,
}

impl Core {
    pub(crate) fn new(encoder: Arc<Encoder>, settings: Settings) -> Arc<Self> {
        Arc::new(Core {
            encoder,
            last_id: AtomicU64::new(0),
            greeting: settings.greeting,
            state: Mutex::new(State::new(settings.concurrency)),
            jobs: Condvar::new(),
            output: Condvar::new(),
            receiver: OnceLock::new(),
        })
    }

    /// From now on this thread receives.
    pub(crate) fn received_here(&self) {
        let _ = self.receiver.set(thread::current().id());
    }

    /// An error on the thread that receives, which would wait for itself.
    pub(crate) fn can_wait(&self) -> Result<(), CallError> {
        match self.receiver.get() {
            Some(receiver) if *receiver == thread::current().id() => {
                Err(RpcError::internal(CANNOT_WAIT).into())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Visits the state. At the end of the visit those are woken whose time has come.
    pub(super) fn visit(&self) -> Visit<'_> {
        Visit { core: self, state: Some(self.lock()), comes_back: false }
    }

    /// No code of our users runs under the lock, so that nobody leaves the state half changed.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What calls have to say besides.
    pub(super) fn extra(&self) -> Extra {
        Extra::announcing(self.lock().calls.must_announce())
    }

    /// What answers have to say besides: to a pool of ours, how much memory this process has.
    pub(super) fn answer_extra(&self) -> Extra {
        let mut state = self.lock();
        let extra = Extra::announcing(state.calls.must_announce());
        if !state.calls.is_peer_ours() || state.memory_told.is_some_and(|told| told.elapsed() < MEMORY_TOLD) {
            return extra;
        }
        state.memory_told = Some(Instant::now());
        drop(state);
        Extra { rss: resident(), ..extra }
    }

    pub(super) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn is_over(&self) -> bool {
        self.lock().phase.is_end()
    }

    pub(crate) fn is_peer_ours(&self) -> bool {
        self.lock().calls.is_peer_ours()
    }

    /// Tells of what becomes of calls with a tag: whoever is woken takes it.
    pub(crate) fn watch(&self, waker: Waker) {
        self.lock().watch = Some(Watch::new(waker));
    }

    /// What has become of calls since, by their tags; and how much memory the other end has, if it has said so.
    pub(crate) fn take_changes(&self) -> (Vec<(u64, CallState)>, Option<u64>) {
        let mut state = self.lock();
        let changes = state.watch.as_mut().map(Watch::take).unwrap_or_default();
        (changes, state.calls.peer_resident())
    }

    /// The handle, if it may be sent to this end.
    pub(super) fn allowed(&self, attached: Option<Attached>) -> Result<Option<Outgoing>, CallError> {
        match attached {
            Some(Attached { to_any_peer: false, .. }) if !self.is_peer_ours() => {
                Err(CallError::Unsupported(Extension::Handles))
            }
            attached => Ok(attached.map(|attached| attached.handle)),
        }
    }

    /// Queues a notification.
    pub(crate) fn notify<P: Serialize + ?Sized>(
        &self,
        method: &str,
        params: &P,
        attached: Option<Attached>,
    ) -> Result<(), CallError> {
        let handle = self.allowed(attached)?;
        let body = write::notification(&self.encoder, method, params).map_err(CallError::Send)?;
        let body = body.with_handle(handle);
        let mut visit = self.visit();
        if visit.phase.is_end() {
            return Err(CallError::Disconnected { begun: false });
        }
        visit.calls.notify(body);
        Ok(())
    }
}

/// What is carried out.
impl Core {
    /// Takes something that may begin.
    pub(crate) fn take_job(&self) -> Option<(Turn, Job)> {
        let mut visit = self.visit();
        if visit.is_ready { visit.take_job() } else { None }
    }

    /// Waits for something to do. `None`: there will be nothing any more.
    pub(crate) fn wait_for_job(&self) -> Option<(Turn, Job)> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.take_job() {
                drop(Visit { core: self, state: Some(state), comes_back: false });
                return Some(job);
            }
            if state.phase == Phase::Over {
                return None;
            }
            state.workers.waits();
            state = self.jobs.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.workers.goes_on();
        }
    }

    /// Whether the thread that receives is to [stop watching](Self::unwatched) after a while.
    pub(crate) fn is_watched(&self) -> bool {
        self.lock().is_watch_needed()
    }

    /// The thread that receives does something else, or has waited for long enough: threads are woken for what
    /// waits.
    pub(crate) fn unwatched(&self) {
        self.visit().end_watch();
    }

    /// Something that was taken cannot begin.
    pub(crate) fn give_back(&self, turn: Turn, running: Option<&Running>) {
        let error = RpcError::not_begun("cannot start a handler thread");
        let body = running.and_then(|call| {
            let body = write::error(&self.encoder, Some(&call.id), &error, Extra::default()).ok()?;
            Some((&call.id, body))
        });
        self.ended(turn, body, None);
    }

    /// Something that was begun has ended, with this answer. `begun`: then, by a thread that may write. True:
    /// it is to write the answer, for nobody else does and nothing else is to be done.
    pub(crate) fn ended(&self, turn: Turn, answer: Option<(&Id, Body)>, begun: Option<Instant>) -> bool {
        let times = begun.map(|begun| (begun, Instant::now()));
        let mut visit = self.visit();
        visit.schedule.ended(turn);
        if let Some((begun, now)) = times {
            visit.comes_back = true;
            let running = visit.schedule.running();
            visit.pace.took(now.saturating_duration_since(begun), now, running);
        }
        if let Some((id, body)) = answer {
            visit.running.remove(id);
            visit.calls.answer(id, body);
            visit.end_uploads(Some(id), || {
                RpcError::internal("the call has ended, and its upload with it").into()
            });
        }
        let may_write = times.is_some() && visit.schedule.waiting() == 0 && !visit.is_writing;
        let writes = may_write && visit.calls.queued_bytes() > 0;
        visit.is_writing |= writes;
        writes
    }
}

/// What is written.
impl Core {
    /// The next frame, for who has taken it on to write. `None`: there is nothing more, and nobody writes.
    pub(crate) fn next_frame(&self) -> Option<Frame> {
        let mut visit = self.visit();
        let mut bodies = visit.calls.take_output();
        let about = visit.calls.last_taken();
        if bodies.is_empty() {
            visit.is_writing = false;
            return None;
        }
        if visit.calls.queued_bytes() < MOST_QUEUED {
            let State { room, woken, .. } = &mut **visit.state.as_mut().expect("a visit that is not over");
            woken.append(room);
        }
        let handle = bodies.iter_mut().find_map(Body::take_handle);
        if let (Some(About::Call(id)), Some(_)) = (&about, &handle) {
            visit.became(*id, CallState::HandleSent);
        }
        drop(visit);
        // What a frame can fail with was found when its bodies were written.
        let frame = Body::frame(bodies).ok().map(|bytes| Frame { bytes, handle, about });
        frame.or_else(|| self.next_frame())
    }

    /// The handle of a message cannot be sent, and so the message was not. Who waits for it is told.
    pub(crate) fn unsent(&self, about: Option<About>, error: Error) {
        match about {
            Some(About::Call(id)) => {
                let mut visit = self.visit();
                if visit.calls.unsent(id) {
                    visit.settle(id, Err(CallError::Send(error)));
                }
                visit.became(id, CallState::Withdrawn);
            }
            Some(About::Answer(id)) => {
                let why = RpcError::internal(format!("the result's handle cannot be sent: {error}"));
                let extra = Extra::announcing(false);
                if let Ok(body) = write::error(&self.encoder, Some(&id), &why, extra) {
                    self.visit().calls.refuse(body);
                }
            }
            None => {}
        }
    }

    /// Waits for something to write. `None`: the channel is over.
    pub(crate) fn wait_for_output(&self) -> Option<Output> {
        let mut state = self.lock();
        loop {
            match state.output() {
                Some(Ok(())) => {
                    drop(state);
                    match self.next_frame() {
                        Some(frame) => return Some(Output::Frame(frame)),
                        None => state = self.lock(),
                    }
                }
                Some(Err(finished)) => return finished,
                None => {
                    state.writers.waits();
                    state = self.output.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.writers.goes_on();
                }
            }
        }
    }

    /// [`wait_for_output`](Self::wait_for_output) for a task.
    pub(crate) fn poll_output(&self, cx: &mut Context<'_>) -> Poll<Option<Output>> {
        loop {
            let mut state = self.lock();
            match state.output() {
                Some(Ok(())) => {
                    drop(state);
                    if let Some(frame) = self.next_frame() {
                        return Poll::Ready(Some(Output::Frame(frame)));
                    }
                }
                Some(Err(finished)) => return Poll::Ready(finished),
                None => {
                    state.writer = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        }
    }

    /// Waits until there is room for more to be written, or nothing is written any more.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.calls.queued_bytes() < MOST_QUEUED || state.phase.is_end() {
            return Poll::Ready(());
        }
        state.room.push(cx.waker().clone());
        Poll::Pending
    }

    /// Waits until nothing is carried out.
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.schedule.is_idle() {
            return Poll::Ready(());
        }
        state.idle.push(cx.waker().clone());
        Poll::Pending
    }

    /// Waits until something is to be read: not before less waits to begin.
    pub(crate) fn poll_reading(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut visit = self.visit();
        if !visit.reads_nothing() {
            return Poll::Ready(());
        }
        visit.end_watch();
        visit.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn queue_item(&self, id: &Id, body: Body) {
        let mut visit = self.visit();
        if visit.running.contains_key(id) {
            visit.calls.notify(body);
        }
    }

    pub(super) fn progress(&self, id: &Id, body: Body) {
        self.visit().calls.progress(id, body);
    }

    /// Writes something that is about a call of ours.
    pub(super) fn queue_about(&self, visit: &mut State, body: Result<Body, Error>) {
        if let Ok(body) = body {
            visit.calls.notify(body);
        }
    }
}
