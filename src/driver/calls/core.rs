//! [`Core`]: the machine, and what waits for it.

use std::collections::{HashMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::job::{Job, Running};
use crate::calls::machine::{Calls, Event};
use crate::calls::read::{self, Notification, Request};
use crate::calls::schedule::{Schedule, Turn};
use crate::calls::write::{self, Extra};
use crate::calls::{CallError, Id, RpcError};
use crate::error::Error;
use crate::message::Message;
use crate::message::body::Body;
use crate::message::encoder::Encoder;
use crate::message::part::Part;

/// How many calls and notifications may wait to begin, and how many bytes of answers and calls may wait
/// to be written before handlers wait too.
const MOST_WAITING: usize = 1 << 16;
const MOST_QUEUED: usize = 16 << 20;

pub(crate) struct Core {
    encoder: Arc<Encoder>,
    last_id: AtomicU64,
    greeting: Option<Greeting>,
    state: Mutex<State>,
    /// Threads that wait for something to do.
    jobs: Condvar,
    /// The thread that waits for something to write.
    output: Condvar,
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

pub(super) struct State {
    pub(super) calls: Calls,
    pub(super) pending: HashMap<u64, Pending>,
    running: HashMap<Id, Arc<Running>>,
    schedule: Schedule<Job>,
    phase: Phase,
    /// The set-up is over.
    is_ready: bool,
    /// Pools that ask whether it is.
    hellos: Vec<Id>,
    /// Somebody writes, and will look whether there is more.
    is_writing: bool,
    writer: Option<Waker>,
    /// Who hands calls to the other end, a few at a time.
    freed: Option<Waker>,
    /// Who waits for less to be queued, or for all to have ended.
    room: Vec<Waker>,
    idle: Vec<Waker>,
    /// Woken when the lock is given back.
    woken: Vec<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// No call is begun any more; those that have begun end.
    Stopping,
    Over,
}

/// A call of ours, as its caller sees it.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) outcome: Option<Result<Part, CallError>>,
    pub(super) items: VecDeque<Part>,
    pub(super) progress: Option<Part>,
    pub(super) waker: Option<Waker>,
}

/// What the writer is to do.
pub(crate) enum Output {
    Frame(Vec<u8>),
    /// All that was to be said before the end has been said.
    Finished,
}

impl Core {
    pub(crate) fn new(encoder: Arc<Encoder>, settings: Settings) -> Arc<Self> {
        let state = State {
            calls: Calls::default(),
            pending: HashMap::new(),
            running: HashMap::new(),
            schedule: Schedule::new(settings.concurrency),
            phase: Phase::Open,
            is_ready: false,
            hellos: Vec::new(),
            is_writing: false,
            writer: None,
            freed: None,
            room: Vec::new(),
            idle: Vec::new(),
            woken: Vec::new(),
        };
        Arc::new(Core {
            encoder,
            last_id: AtomicU64::new(0),
            greeting: settings.greeting,
            state: Mutex::new(state),
            jobs: Condvar::new(),
            output: Condvar::new(),
        })
    }

    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Visits the state. At the end of the visit those are woken whose time has come.
    pub(super) fn visit(&self) -> Visit<'_> {
        Visit { core: self, state: Some(self.lock()) }
    }

    /// No code of our users runs under the lock, so that nobody leaves the state half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What calls and answers have to say besides.
    pub(super) fn extra(&self) -> Extra {
        Extra::announcing(self.lock().calls.must_announce())
    }

    pub(super) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn is_peer_ours(&self) -> bool {
        self.lock().calls.is_peer_ours()
    }

    /// How many calls of ours have no answer, the cancelled ones too.
    #[cfg(feature = "tokio")]
    pub(crate) fn unanswered(&self) -> usize {
        self.lock().calls.unanswered()
    }

    /// Whether a call of ours has no answer.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_unanswered(&self, id: u64) -> bool {
        self.lock().calls.is_unanswered(id)
    }

    /// Who is woken whenever one call of ours less is in flight.
    #[cfg(feature = "tokio")]
    pub(crate) fn wake_when_freed(&self, waker: Waker) {
        self.lock().freed = Some(waker);
    }

    /// Queues a notification.
    pub(crate) fn notify<P: Serialize + ?Sized>(&self, method: &str, params: &P) -> Result<(), CallError> {
        let body = write::notification(&self.encoder, method, params).map_err(CallError::Send)?;
        let mut visit = self.visit();
        if visit.phase == Phase::Over {
            return Err(CallError::Disconnected { begun: false });
        }
        visit.calls.notify(body);
        Ok(())
    }
}

/// What came.
impl Core {
    /// Takes a message; gives it back if it is the user's.
    pub(crate) fn receive(&self, mut message: Message) -> Option<Message> {
        let mut came = Vec::new();
        if !read::read(message.payload(), |incoming| came.push(incoming)) {
            return Some(message);
        }
        let now = Instant::now();
        let mut handle = message.take_handle();
        // Those that are not handed on are dropped behind the lock, which a handle visits when it is closed.
        let mut visit = self.visit();
        for incoming in came {
            match visit.calls.handle(incoming) {
                Event::Call(request) => self.begin(&mut visit, request, handle.take(), now),
                Event::Notify(Notification { method, .. }) if method == "$/crossfork/bye" => {
                    self.stop_in(&mut visit);
                }
                Event::Notify(call)
                    if visit.phase == Phase::Open && visit.schedule.waiting() < MOST_WAITING =>
                {
                    visit.schedule.add(Turn::Alone, Job::notification(call, handle.take()));
                }
                Event::Notify(_) | Event::Dropped => {}
                Event::Answered { id, outcome, was_cancelled } => {
                    if !was_cancelled {
                        visit.settle(id, outcome.map_err(CallError::Rpc));
                    }
                    visit.freed();
                }
                Event::Items { id, items } => visit.tell(id, |pending| pending.items.extend(items)),
                Event::Progress { id, value } => visit.tell(id, |pending| pending.progress = Some(value)),
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
        handle: Option<crate::handle::ReceivedHandle>,
        now: Instant,
    ) {
        let id = &request.id;
        if request.call.method == "$/crossfork/hello" && self.greeting.is_some() {
            visit.hellos.push(request.id);
            return self.greet(visit);
        }
        if visit.phase != Phase::Open {
            return self.answer_error(visit, id, &RpcError::not_begun("this process ends"));
        }
        if visit.schedule.waiting() >= MOST_WAITING {
            let why = RpcError::not_begun("too many calls wait to begin");
            return self.answer_error(visit, id, &why);
        }
        let deadline = request.deadline.and_then(|ms| now.checked_add(Duration::from_millis(ms)));
        let running = Arc::new(Running::new(request.id.clone(), request.stream.is_some(), deadline));
        visit.running.insert(request.id.clone(), running.clone());
        visit.schedule.add(Turn::Beside, Job::call(running, request, handle));
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
        let is_it = |job: &Job| job.running.as_ref().is_some_and(|running| running.id == *id);
        if !visit.schedule.remove(is_it).is_empty() {
            visit.running.remove(id);
            self.answer_error(visit, id, &RpcError::cancelled());
        } else if let Some(running) = visit.running.get(id).cloned() {
            visit.woken.extend(running.cancel());
        }
    }

    fn answer_error(&self, visit: &mut State, id: &Id, error: &RpcError) {
        let extra = Extra::announcing(visit.calls.must_announce());
        if let Ok(body) = write::error(&self.encoder, Some(id), error, extra) {
            visit.calls.answer(id, body);
        }
    }

    fn refuse(&self, visit: &mut State, id: Option<&Id>, error: &RpcError) {
        let extra = Extra::announcing(visit.calls.must_announce());
        if let Ok(body) = write::error(&self.encoder, id, error, extra) {
            visit.calls.refuse(body);
        }
    }

    /// The last frame to an end that understands it: all that was begun has been answered.
    pub(crate) fn farewell(&self) -> Option<Vec<u8>> {
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

    /// The channel is over: who waits for an answer is told, and handlers are.
    pub(crate) fn end(&self) {
        let mut visit = self.visit();
        visit.phase = Phase::Over;
        for unanswered in visit.calls.end() {
            visit.settle(unanswered.id, Err(CallError::Disconnected { begun: unanswered.begun }));
        }
        // Dropped behind the lock.
        let gone = visit.schedule.remove(|_| true);
        let running = std::mem::take(&mut visit.running);
        let freed = visit.freed.take();
        visit.woken.extend(freed);
        visit.woken.extend(running.values().flat_map(|running| running.cancel()).collect::<Vec<_>>());
        drop(visit);
        drop(gone);
        // Whatever waits for something to do has nothing to wait for.
        self.jobs.notify_all();
        self.output.notify_all();
    }
}

/// What is carried out.
impl Core {
    /// Takes something that may begin.
    #[cfg(feature = "tokio")]
    pub(crate) fn take_job(&self) -> Option<(Turn, Job)> {
        let mut visit = self.visit();
        if visit.is_ready { visit.schedule.take() } else { None }
    }

    /// Waits for something to do. `None`: there will be nothing any more.
    pub(crate) fn wait_for_job(&self) -> Option<(Turn, Job)> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.schedule.take() {
                drop(Visit { core: self, state: Some(state) });
                return Some(job);
            }
            if state.phase == Phase::Over {
                return None;
            }
            state = self.jobs.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Something that was begun has ended, with this answer. True: the caller is to write it, for nobody
    /// else does and nothing else is to be done.
    pub(crate) fn ended(&self, turn: Turn, answer: Option<(&Id, Body)>, may_write: bool) -> bool {
        let mut visit = self.visit();
        visit.schedule.ended(turn);
        if let Some((id, body)) = answer {
            visit.running.remove(id);
            visit.calls.answer(id, body);
        }
        let writes =
            may_write && visit.schedule.is_idle() && !visit.is_writing && visit.calls.queued_bytes() > 0;
        visit.is_writing |= writes;
        writes
    }
}

/// What is written.
impl Core {
    /// The next frame, for who has taken it on to write. `None`: there is nothing more, and nobody writes.
    pub(crate) fn next_frame(&self) -> Option<Vec<u8>> {
        let mut visit = self.visit();
        let bodies = visit.calls.take_output();
        if bodies.is_empty() {
            visit.is_writing = false;
            return None;
        }
        if visit.calls.queued_bytes() < MOST_QUEUED {
            let State { room, woken, .. } = &mut **visit.state.as_mut().expect("a visit that is not over");
            woken.append(room);
        }
        drop(visit);
        // What a frame can fail with was found when its bodies were written.
        Body::frame(bodies).ok().or_else(|| self.next_frame())
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
                None => state = self.output.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// [`wait_for_output`](Self::wait_for_output) for a task.
    #[cfg(feature = "tokio")]
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
        if state.calls.queued_bytes() < MOST_QUEUED || state.phase == Phase::Over {
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

impl State {
    /// Takes on writing, if there is something to write; or tells of the end.
    fn output(&mut self) -> Option<Result<(), Option<Output>>> {
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

    fn is_finished(&self) -> bool {
        self.phase == Phase::Stopping && self.schedule.is_idle() && self.calls.open() == 0
    }

    fn settle(&mut self, id: u64, outcome: Result<Part, CallError>) {
        self.tell(id, |pending| pending.outcome = Some(outcome));
    }

    /// One call of ours less is in flight.
    pub(super) fn freed(&mut self) {
        if let Some(freed) = &self.freed {
            self.woken.push(freed.clone());
        }
    }

    fn tell(&mut self, id: u64, tell: impl FnOnce(&mut Pending)) {
        if let Some(pending) = self.pending.get_mut(&id) {
            tell(pending);
            self.woken.extend(pending.waker.take());
        }
    }
}

/// A visit to a core.
pub(super) struct Visit<'a> {
    core: &'a Core,
    /// There until the end.
    state: Option<MutexGuard<'a, State>>,
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
        let is_over = state.phase == Phase::Over;
        let has_output = !state.is_writing && (state.calls.queued_bytes() > 0 || state.is_finished());
        if has_output || is_over {
            woken.extend(state.writer.take());
        }
        if is_over {
            woken.append(&mut state.room);
        }
        if state.schedule.is_idle() {
            woken.append(&mut state.idle);
        }
        let has_job = state.schedule.may_take();
        drop(state);
        if has_output {
            self.core.output.notify_one();
        }
        if has_job {
            self.core.jobs.notify_one();
        }
        woken.into_iter().for_each(Waker::wake);
    }
}
