//! [`Shared`]: the machine under a lock, and who is woken for what it asks for.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant, SystemTime};

use super::call::{Grant, Ticket};
use super::{Common, Event, Held};
use crate::calls::pool::{Action, CallId, End, Failure, Machine, Phase, Time, WorkerId, WorkerState};
use crate::driver::calls::{CallState, catch};

/// A pool, without what it runs.
pub(crate) struct Shared {
    pub(crate) common: Common,
    pub(super) began: Instant,
    state: Mutex<State>,
    /// The thread that calls the functions of the pool's user, if there is one: it cannot wait for itself.
    teller: OnceLock<ThreadId>,
}

pub(super) struct State {
    pub(super) machine: Machine,
    pub(super) tickets: HashMap<CallId, Ticket>,
    pub(super) held: BTreeMap<WorkerId, Held>,
    starts: VecDeque<(WorkerId, usize)>,
    /// Who starts workers, and knows the time.
    keeper: Option<Waker>,
    /// Until when it sleeps.
    sleeps_until: Option<Time>,
    /// Who waits for something else.
    others: Vec<Waker>,
    /// Up to which number reloads are over, and with what.
    pub(super) reloaded: (u64, Result<(), Failure>),
    /// The functions of the pool's user have been told everything.
    is_told: bool,
}

/// What the keeper of a pool is to do.
pub(crate) enum Duty {
    Start {
        worker: WorkerId,
        place: usize,
    },
    /// Nothing, until it is woken, or until this time.
    Wait(Option<Instant>),
    /// The pool is over.
    Over,
}

/// What is done when the lock is free: all of it is the code of others, or waits.
#[derive(Default)]
struct Aftermath {
    woken: Vec<Waker>,
    asked: Vec<(Held, bool)>,
    events: Vec<Event>,
}

impl Shared {
    pub(crate) fn new(common: Common) -> Arc<Self> {
        // Only so that pools are not alike.
        let seed = SystemTime::UNIX_EPOCH.elapsed().map_or(1, |time| time.as_nanos() as u64);
        let machine = Machine::new(common.settings.clone(), seed, Time::ZERO);
        let state = State {
            machine,
            tickets: HashMap::new(),
            held: BTreeMap::new(),
            starts: VecDeque::new(),
            keeper: None,
            sleeps_until: None,
            others: Vec::new(),
            reloaded: (0, Ok(())),
            is_told: true,
        };
        let shared =
            Shared { common, began: Instant::now(), state: Mutex::new(state), teller: OnceLock::new() };
        shared.act(|_, _| ());
        Arc::new(shared)
    }

    /// A thread is about to call the functions of the pool's user, until it has [told](Self::told) everything.
    pub(crate) fn tells(&self) {
        self.act(|state, _| state.is_told = false);
    }

    /// This is the thread.
    pub(crate) fn told_here(&self) {
        let _ = self.teller.set(thread::current().id());
    }

    pub(crate) fn told(&self) {
        self.act(|state, _| state.is_told = true);
    }

    /// Whether there is nothing more to tell, as far as the current thread can wait for that.
    pub(super) fn is_told(&self, state: &State) -> bool {
        state.is_told || self.teller.get() == Some(&thread::current().id())
    }

    /// Changes something, and does what comes of it.
    pub(super) fn act<T>(&self, change: impl FnOnce(&mut State, Time) -> T) -> T {
        let mut state = self.lock();
        let now = self.began.elapsed();
        let result = change(&mut state, now);
        let mut after = Aftermath::default();
        while let Some(action) = state.machine.next_action() {
            state.carry_out(action, &mut after);
        }
        let is_due = match (state.machine.deadline(), state.sleeps_until) {
            (Some(due), Some(until)) => due < until,
            (due, None) => due.is_some(),
            (None, Some(_)) => false,
        };
        if is_due || !state.starts.is_empty() || state.machine.phase() == Phase::Over {
            after.woken.extend(state.keeper.take());
        }
        after.woken.append(&mut state.others);
        drop(state);
        self.follow(after);
        result
    }

    fn follow(&self, after: Aftermath) {
        after.woken.into_iter().for_each(Waker::wake);
        for (held, is_killed) in after.asked {
            if is_killed { held.control.kill() } else { held.ask_to_end() }
        }
        for event in after.events {
            event.trace();
            if let Some(on_event) = &self.common.on_event {
                // A panic is told by the hook.
                let _ = catch(|| on_event(&event));
            }
        }
    }

    /// A panic elsewhere cannot leave the state half changed: no code of our users runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn with_tickets<T>(&self, act: impl FnOnce(&mut HashMap<CallId, Ticket>) -> T) -> T {
        act(&mut self.lock().tickets)
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Waits until `condition` gives something.
    pub(super) async fn until<T>(&self, condition: impl Fn(&State) -> Option<T>) -> T {
        poll_fn(|cx| {
            let mut state = self.lock();
            match condition(&state) {
                Some(found) => Poll::Ready(found),
                None => {
                    if !state.others.iter().any(|other| other.will_wake(cx.waker())) {
                        state.others.push(cx.waker().clone());
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl State {
    fn carry_out(&mut self, action: Action, after: &mut Aftermath) {
        match action {
            Action::Start { worker, place } => self.starts.push_back((worker, place)),
            Action::Hand { call, worker } => {
                // A worker that takes calls is held, and a call without a ticket is abandoned.
                if let (Some(held), Some(ticket)) = (self.held.get(&worker), self.tickets.get_mut(&call)) {
                    after.woken.extend(ticket.grant(Grant { worker, core: held.core.clone() }));
                }
            }
            Action::Fail { call, why } => {
                if let Some(ticket) = self.tickets.get_mut(&call) {
                    after.woken.extend(ticket.fail(why.into()));
                }
            }
            Action::Bye(worker) => {
                after.asked.extend(self.held.get(&worker).map(|held| (held.clone(), false)))
            }
            Action::Kill(worker) => {
                after.asked.extend(self.held.get(&worker).map(|held| (held.clone(), true)))
            }
            Action::Ready(worker) => {
                let pid = self.held.get(&worker).map_or(0, |held| held.pid);
                after.events.push(Event::WorkerReady { worker: worker.number(), pid });
            }
            Action::Ended { worker, end: End { exit_code, signal, cause, .. } } => {
                let worker = worker.number();
                after.events.push(Event::WorkerExited { worker, exit_code, signal, reason: cause });
            }
            Action::NotStarted { worker, reason } => {
                after.events.push(Event::StartFailed { worker: worker.number(), reason });
            }
            Action::Drained => after.events.push(Event::Drained),
            Action::Reloaded { upto, result } => self.reloaded = (upto, result),
        }
    }
}

/// For the keeper, and what looks after one worker.
impl Shared {
    /// What is to be done next. With nothing to do, the waker is kept.
    pub(crate) fn duty(&self, cx: &mut Context<'_>) -> Duty {
        self.act(|state, now| {
            state.machine.tick(now);
            state.sleeps_until = None;
            // It is awake, and need not be woken for what it is about to look at.
            state.keeper = None;
        });
        let mut state = self.lock();
        while let Some((worker, place)) = state.starts.pop_front() {
            if state.machine.state_of(worker) == Some(WorkerState::Starting) {
                return Duty::Start { worker, place };
            }
            // It is not wanted any more.
            drop(state);
            self.gone(worker, End::default());
            state = self.lock();
        }
        if state.machine.phase() == Phase::Over {
            return Duty::Over;
        }
        state.keeper = Some(cx.waker().clone());
        state.sleeps_until = state.machine.deadline();
        Duty::Wait(state.sleeps_until.and_then(|until| self.began.checked_add(until)))
    }

    /// A worker's process runs. What becomes of its calls is heard of from now on.
    pub(crate) fn connected(self: &Arc<Self>, worker: WorkerId, held: Held) {
        held.core.watch(Waker::from(Arc::new(CallListener { shared: Arc::downgrade(self), worker })));
        let control = held.control.clone();
        let is_wanted = self.act(|state, _| {
            state.held.insert(worker, held);
            state.machine.state_of(worker) == Some(WorkerState::Starting)
        });
        if !is_wanted {
            control.kill();
        }
    }

    pub(crate) fn ready(&self, worker: WorkerId, announced: usize) {
        self.act(|state, now| state.machine.ready(worker, announced, now));
    }

    pub(crate) fn not_ready(&self, worker: WorkerId, reason: String) {
        self.act(|state, _| state.machine.not_ready(worker, reason));
    }

    /// A worker's channel is over.
    pub(crate) fn closed(&self, worker: WorkerId) {
        self.apply_changes(worker);
        self.act(|state, now| state.machine.closed(worker, now));
    }

    /// A worker's process has ended, or was never there.
    pub(crate) fn gone(&self, worker: WorkerId, end: End) {
        self.apply_changes(worker);
        self.act(|state, now| {
            state.held.remove(&worker);
            state.machine.gone(worker, end, now);
        });
    }

    /// Takes note of what has become of a worker's calls.
    fn apply_changes(&self, worker: WorkerId) {
        let Some(core) = self.look(|state| state.held.get(&worker).map(|held| held.core.clone())) else {
            return;
        };
        self.act(|state, now| {
            // Under the lock, so that they are told in their order.
            let (changes, resident) = core.take_changes();
            for (call, change) in changes {
                let call = CallId::of(call);
                match change {
                    CallState::Answered => state.machine.freed(call, worker, now),
                    CallState::Withdrawn => state.machine.withdrawn(call, worker, now),
                    CallState::NotBegun => state.machine.not_begun(call, worker, now),
                    CallState::Broken => state.machine.abandon(call, now),
                    CallState::HandleSent => state.machine.begun(call),
                }
            }
            if let Some(bytes) = resident {
                state.machine.resident(worker, bytes, now);
            }
        });
    }
}

/// Woken when something has become of a worker's calls.
struct CallListener {
    shared: Weak<Shared>,
    worker: WorkerId,
}

impl Wake for CallListener {
    fn wake(self: Arc<Self>) {
        if let Some(shared) = self.shared.upgrade() {
            shared.apply_changes(self.worker);
        }
    }
}

/// Ends the pool with its last clone.
pub(crate) struct Owner(pub(crate) Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.destroy();
    }
}

/// The time that is left until a deadline.
pub(super) fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

#[cfg(test)]
mod tests;
