//! [`Shared`]: which worker gets which call, and who waits for one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use ::tokio::runtime::Handle;
use ::tokio::sync::{Notify, oneshot, watch};
use ::tokio::time::sleep;

use super::PoolError;
use super::builder::Builder;
use crate::driver::calls::Core;

pub(super) struct Shared {
    pub(super) builder: Builder,
    pub(super) size: usize,
    pub(super) phase: watch::Sender<Phase>,
    /// Something has changed that [`Pool`](super::Pool)'s calls wait for.
    pub(super) changed: Notify,
    pub(super) completed: AtomicU64,
    /// How many places are kept filled.
    places: AtomicUsize,
    /// How many calls were taken on and have not ended.
    taken: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// No more calls are taken, and those that were are carried out.
    Closing,
    /// The workers are asked to end.
    Ending,
    /// They are killed.
    Destroyed,
}

#[derive(Default)]
struct State {
    workers: Vec<Arc<Worker>>,
    queue: VecDeque<oneshot::Sender<Result<Lease, PoolError>>>,
    /// Why no worker starts.
    failure: Option<String>,
    restarts: u64,
    /// How many workers were ready.
    joined: u64,
}

/// A worker that is ready.
pub(super) struct Worker {
    pub(super) core: Arc<Core>,
    pub(super) concurrency: usize,
    /// Calls that are about to be handed to it.
    reserved: AtomicUsize,
    /// It is to end in order, for another is to take its place.
    pub(super) retires: Notify,
    /// It is to be killed, for this reason.
    pub(super) kill: watch::Sender<Option<String>>,
    /// How it ended, once it has.
    pub(super) death: watch::Sender<Option<String>>,
}

impl Worker {
    pub(super) fn new(core: Arc<Core>, concurrency: usize) -> Arc<Self> {
        let (kill, death) = (watch::Sender::default(), watch::Sender::default());
        let retires = Notify::new();
        Arc::new(Worker { core, concurrency, reserved: AtomicUsize::new(0), retires, kill, death })
    }

    /// How many calls it has, the cancelled ones that it has not answered too.
    pub(super) fn busy(&self) -> usize {
        self.core.unanswered() + self.reserved.load(Ordering::Relaxed)
    }

    /// Waits until it has ended, and tells how.
    pub(super) async fn how_it_ended(&self) -> String {
        let mut death = self.death.subscribe();
        match death.wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or_default(),
            Err(_) => "ended".to_owned(),
        }
    }
}

/// The right to hand one call to a worker.
pub(super) struct Lease {
    pub(super) worker: Arc<Worker>,
    shared: Arc<Shared>,
}

impl Lease {
    /// Under the pool's lock, so that nobody counts the worker's calls in between.
    fn new(worker: &Arc<Worker>, shared: &Arc<Shared>) -> Self {
        worker.reserved.fetch_add(1, Ordering::Relaxed);
        Lease { worker: worker.clone(), shared: shared.clone() }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.worker.reserved.fetch_sub(1, Ordering::Relaxed);
        // It may not have been used.
        self.shared.dispatch();
    }
}

impl Shared {
    pub(super) fn new(builder: Builder, size: usize) -> Arc<Self> {
        Arc::new(Shared {
            builder,
            size,
            phase: watch::Sender::new(Phase::Open),
            changed: Notify::new(),
            completed: AtomicU64::new(0),
            places: AtomicUsize::new(size),
            taken: AtomicUsize::new(0),
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Goes on to a later phase.
    pub(super) fn go_on_to(self: &Arc<Self>, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let is_later = *now < phase;
            *now = phase.max(*now);
            is_later
        });
        if phase >= Phase::Ending {
            let queue = std::mem::take(&mut self.lock().queue);
            queue.into_iter().for_each(|waiting| drop(waiting.send(Err(PoolError::Closed))));
        }
        self.changed.notify_waiters();
    }

    /// Takes on a call.
    pub(super) fn take_on(self: &Arc<Self>) -> Result<Taken, PoolError> {
        if self.phase() != Phase::Open {
            return Err(PoolError::Closed);
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
        Ok(Taken(self.clone()))
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Waits for a worker that may have one more call.
    async fn lease(self: &Arc<Self>) -> Result<Lease, PoolError> {
        let waiting = {
            let mut state = self.lock();
            if self.phase() >= Phase::Ending {
                return Err(PoolError::Closed);
            }
            if let Some(reason) = &state.failure {
                return Err(PoolError::Start { reason: reason.clone() });
            }
            if state.queue.is_empty()
                && let Some(worker) = free(&state)
            {
                return Ok(Lease::new(worker, self));
            }
            let limit = self.builder.max_queue;
            if state.queue.len() >= limit {
                // Those that nobody waits for any more do not count.
                state.queue.retain(|waiting| !waiting.is_closed());
                if state.queue.len() >= limit {
                    return Err(PoolError::QueueFull { limit });
                }
            }
            let (sender, receiver) = oneshot::channel();
            state.queue.push_back(sender);
            receiver
        };
        waiting.await.unwrap_or(Err(PoolError::Closed))
    }

    /// Hands workers to those who wait, in the order in which they came.
    pub(super) fn dispatch(self: &Arc<Self>) {
        // Dropped behind the lock, for they come here again.
        let mut unused = Vec::new();
        let mut state = self.lock();
        while !state.queue.is_empty()
            && let Some(worker) = free(&state)
        {
            let lease = Lease::new(worker, self);
            let left = match state.queue.pop_front() {
                Some(waiting) => waiting.send(Ok(lease)).err(),
                None => Some(Ok(lease)),
            };
            unused.extend(left);
        }
        drop(state);
        drop(unused);
        self.changed.notify_waiters();
    }

    pub(super) fn joined(self: &Arc<Self>, worker: &Arc<Worker>) {
        let mut state = self.lock();
        state.failure = None;
        state.joined += 1;
        state.workers.push(worker.clone());
        drop(state);
        // Each answer makes room.
        worker.core.wake_when_freed(Waker::from(Arc::new(Freed(self.clone()))));
        self.dispatch();
    }

    /// Gives a worker no more calls. False if it got none before.
    fn withdraw(&self, worker: &Arc<Worker>) -> bool {
        let mut state = self.lock();
        let before = state.workers.len();
        state.workers.retain(|other| !Arc::ptr_eq(other, worker));
        state.workers.len() < before
    }

    /// Has a worker end in order, and waits until there is another in its place.
    pub(super) async fn replace(&self, worker: &Arc<Worker>) -> Result<(), PoolError> {
        if !self.withdraw(worker) {
            // It ends already.
            return Ok(());
        }
        let joined = self.lock().joined;
        worker.retires.notify_one();
        let another = |shared: &Self| {
            if let Some(reason) = shared.failure() {
                return Some(Err(PoolError::Start { reason }));
            }
            if shared.phase() >= Phase::Ending {
                return Some(Err(PoolError::Closed));
            }
            (shared.lock().joined > joined).then_some(Ok(()))
        };
        self.until(another).await
    }

    /// A worker has said that it begins nothing any more: it gets no calls, and has to end in time.
    pub(super) fn leaves(&self, worker: &Arc<Worker>) {
        if !self.withdraw(worker) {
            return;
        }
        let (worker, grace) = (worker.clone(), self.builder.grace);
        Handle::current().spawn(async move {
            // It may take as long as it likes for what it has begun.
            loop {
                sleep(grace).await;
                if worker.core.unanswered() == 0 {
                    worker.kill.send_replace(Some("did not end in time".to_owned()));
                    return;
                }
            }
        });
    }

    pub(super) fn left(&self, worker: &Arc<Worker>) {
        let mut state = self.lock();
        state.workers.retain(|other| !Arc::ptr_eq(other, worker));
        state.restarts += 1;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Workers fail to start, one after the other: if there is none, nobody waits for one any more.
    pub(super) fn failed(&self, reason: String) {
        let mut state = self.lock();
        if !state.workers.is_empty() {
            return;
        }
        let queue = std::mem::take(&mut state.queue);
        state.failure = Some(reason.clone());
        drop(state);
        for waiting in queue {
            let _ = waiting.send(Err(PoolError::Start { reason: reason.clone() }));
        }
        self.changed.notify_waiters();
    }

    /// How many places are kept filled.
    pub(super) fn places(&self) -> usize {
        self.places.load(Ordering::Acquire)
    }

    /// A place is kept filled no more.
    pub(super) fn emptied(&self) {
        self.places.fetch_sub(1, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    pub(super) fn workers(&self) -> Vec<Arc<Worker>> {
        self.lock().workers.clone()
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().queue.iter().filter(|waiting| !waiting.is_closed()).count()
    }

    pub(super) fn restarts(&self) -> u64 {
        self.lock().restarts
    }

    /// Waits until `condition` gives something.
    pub(super) async fn until<T>(&self, condition: impl Fn(&Self) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = condition(self) {
                return found;
            }
            changed.await;
        }
    }
}

/// A call that was taken on: the pool does not end before it, unless it has to.
pub(super) struct Taken(Arc<Shared>);

impl Taken {
    /// Waits for a worker that may have one more call.
    pub(super) async fn lease(&self) -> Result<Lease, PoolError> {
        self.0.lease().await
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }
}

/// The least busy worker that may have one more call.
fn free(state: &State) -> Option<&Arc<Worker>> {
    let busy = state.workers.iter().map(|worker| (worker.busy(), worker));
    let free = busy.filter(|(busy, worker)| *busy < worker.concurrency);
    free.min_by_key(|(busy, _)| *busy).map(|(_, worker)| worker)
}

/// Woken when a worker has one call less.
struct Freed(Arc<Shared>);

impl Wake for Freed {
    fn wake(self: Arc<Self>) {
        self.0.dispatch();
    }
}
