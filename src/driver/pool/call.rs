//! [`Call`], how a call is made; and a call on its way: it waits for a worker, is written for it, and is made again
//! where that may be.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::shared::left;
use super::stream::Items;
use super::{PoolError, Shared};
use crate::calls::pool::{CallId, Outcome, Spec, WorkerId};
use crate::calls::{CallError, code};
use crate::driver::calls::{Core, InFlight, Options};
use crate::message::part::Part;

/// How many items of a stream are on their way at most.
const ROOM: u32 = 64;

/// How a call of a pool is made.
///
/// ```
/// use crossfork::blocking::pool::Call;
/// use std::time::Duration;
///
/// let call = Call::new().timeout(Duration::from_secs(5)).key("user 7").idempotent(2);
/// # let _ = call;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct Call<'a> {
    timeout: Option<Duration>,
    retries: u32,
    key: Option<&'a str>,
    priority: i32,
    traceparent: Option<&'a str>,
    /// When it has timed out, once it has begun.
    deadline: Option<Instant>,
}

impl<'a> Call<'a> {
    /// A call with the pool's timeout, for any worker, that is made once.
    pub const fn new() -> Self {
        Call { timeout: None, retries: 0, key: None, priority: 0, traceparent: None, deadline: None }
    }

    /// Sets how long the call may take from now on, the wait for a worker included. Default: the pool's
    /// [`timeout`](crate::blocking::pool::Builder::timeout). When it has passed, the call fails with
    /// [`CallError::TimedOut`], and its handler is told that it is cancelled.
    pub const fn timeout(self, timeout: Duration) -> Self {
        Call { timeout: Some(timeout), ..self }
    }

    /// Says that the call may be carried out more than once. If its worker dies, it is made again, at most so
    /// many times. A call with an [`Upload`](crate::calls::Upload) among its parameters is not, for its items are
    /// gone.
    pub const fn idempotent(self, retries: u32) -> Self {
        Call { retries, ..self }
    }

    /// Sends the call to the worker of this key, and waits for that worker alone. Calls with the same key go to
    /// the same worker, until that worker ends; then they go to the one that replaces it.
    pub const fn key(self, key: &'a str) -> Self {
        Call { key: Some(key), ..self }
    }

    /// Sets the priority. Of the calls that wait, those with a higher one go first. Default: 0.
    pub const fn priority(self, priority: i32) -> Self {
        Call { priority, ..self }
    }

    /// Sends a W3C trace context along. The handler finds it in its context.
    pub const fn traceparent(self, traceparent: &'a str) -> Self {
        Call { traceparent: Some(traceparent), ..self }
    }

    /// With its deadline in this pool.
    pub(crate) fn started(self, shared: &Shared) -> Self {
        let limit = self.timeout.or(shared.common.timeout);
        Call { deadline: limit.and_then(|limit| Instant::now().checked_add(limit)), ..self }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// Where a call goes.
pub(crate) struct Grant {
    pub(super) worker: WorkerId,
    pub(super) core: Arc<Core>,
}

/// What the pool has for one call's caller.
#[derive(Default)]
pub(super) struct Ticket {
    grant: Option<Grant>,
    failure: Option<PoolError>,
    waker: Option<Waker>,
}

impl Ticket {
    pub(super) fn grant(&mut self, grant: Grant) -> Option<Waker> {
        self.grant = Some(grant);
        self.waker.take()
    }

    pub(super) fn fail(&mut self, why: PoolError) -> Option<Waker> {
        self.failure = Some(why);
        self.waker.take()
    }
}

/// A call that was taken on. Dropped before it is settled, it is cancelled.
pub(super) struct Taken {
    shared: Arc<Shared>,
    id: CallId,
    deadline: Option<Instant>,
    outcome: Option<Outcome>,
    /// The worker that it is handed to, before it is begun.
    unused: Option<WorkerId>,
}

impl Taken {
    pub(super) fn new(shared: &Arc<Shared>, how: &Call<'_>) -> Result<Self, PoolError> {
        let spec = Spec { key: how.key, priority: how.priority, retries: how.retries };
        let made = shared.act(|state, now| {
            let made = state.machine.make(spec, now);
            match &made {
                Ok(id) => drop(state.tickets.insert(*id, Ticket::default())),
                Err(_) => state.machine.settled(Outcome::Refused),
            }
            made
        });
        let shared = shared.clone();
        Ok(Taken { shared, id: made?, deadline: how.deadline, outcome: None, unused: None })
    }

    /// Waits for a worker.
    async fn granted(&mut self) -> Result<Grant, PoolError> {
        let granted = poll_fn(|cx| {
            self.shared.act_on_ticket(self.id, |ticket| {
                if let Some(failure) = ticket.failure.take() {
                    return Poll::Ready(Err(failure));
                }
                if let Some(grant) = ticket.grant.take() {
                    return Poll::Ready(Ok(grant));
                }
                ticket.waker = Some(cx.waker().clone());
                Poll::Pending
            })
        })
        .await;
        match &granted {
            Ok(grant) => self.unused = Some(grant.worker),
            Err(error) => self.outcome = Some(outcome_of(error)),
        }
        granted
    }

    /// Hands it to the worker. `None`: the worker is gone, and another is to be waited for.
    fn begin<P: Serialize + ?Sized>(
        &mut self,
        grant: &Grant,
        method: &str,
        params: &P,
        stream: Option<u32>,
        traceparent: Option<&str>,
    ) -> Result<Option<InFlight>, PoolError> {
        let timeout = left(self.deadline);
        // Its streams are read once, so that it cannot be made again. Said first: the worker may be gone before
        // this goes on.
        let on_uploads = || self.is_begun();
        let tag = Some(self.id.number());
        let on_uploads: Option<&dyn Fn()> = Some(&on_uploads);
        let options = Options { stream, timeout, traceparent, tag, on_uploads, is_shared: false };
        match InFlight::begin(&grant.core, method, params, options) {
            Ok(call) => {
                self.unused = None;
                Ok(Some(call))
            }
            Err(CallError::Disconnected { .. }) => {
                self.unused = None;
                self.shared.act(|state, now| state.machine.not_begun(self.id, grant.worker, now));
                Ok(None)
            }
            Err(error) => {
                self.settle(Outcome::Failed);
                Err(error.into())
            }
        }
    }

    pub(super) fn settle(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }

    /// Takes note of an answer. `None`: it was not begun, or may be made again, or the worker's end tells more.
    pub(super) fn answered(&mut self, answer: Result<Part, CallError>) -> Option<Result<Part, PoolError>> {
        match answer {
            Err(error) if goes_on(&error) => None,
            Ok(result) => {
                self.settle(Outcome::Completed);
                Some(Ok(result))
            }
            Err(error) => {
                self.settle(Outcome::Failed);
                Some(Err(error.into()))
            }
        }
    }

    /// Something has come of it: it cannot be made again.
    fn is_begun(&self) {
        self.shared.act(|state, _| state.machine.begun(self.id));
    }

    /// Why the worker that had it has not answered. Only for a call that is not made again.
    pub(super) fn poll_failure(&mut self, cx: &mut std::task::Context<'_>) -> Poll<PoolError> {
        let failure = self.shared.act_on_ticket(self.id, |ticket| match ticket.failure.take() {
            Some(failure) => Poll::Ready(failure),
            None => {
                ticket.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        });
        if let Poll::Ready(error) = &failure {
            self.settle(outcome_of(error));
        }
        failure
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let is_late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let outcome = self.outcome.unwrap_or(if is_late { Outcome::TimedOut } else { Outcome::Cancelled });
        self.shared.act(|state, now| {
            let ticket = state.tickets.remove(&self.id);
            state.machine.settled(outcome);
            let unused = ticket.and_then(|ticket| ticket.grant).map(|grant| grant.worker).or(self.unused);
            match unused {
                Some(worker) => state.machine.withdrawn(self.id, worker, now),
                // A worker that has answered has the call no more.
                None if self.outcome.is_none() => state.machine.abandon(self.id, now),
                None => {}
            }
        });
    }
}

/// Whether the call is made again, or the end of its worker tells more.
fn goes_on(error: &CallError) -> bool {
    match error {
        CallError::Disconnected { .. } => true,
        CallError::Rpc(error) => error.code == code::NOT_BEGUN,
        _ => false,
    }
}

fn outcome_of(error: &PoolError) -> Outcome {
    match error {
        PoolError::Call(CallError::TimedOut) => Outcome::TimedOut,
        PoolError::Call(_) => Outcome::Failed,
        PoolError::WorkerDied { .. } => Outcome::Lost,
        PoolError::Cancelled => Outcome::Cancelled,
        PoolError::QueueFull { .. } | PoolError::Closed | PoolError::Start { .. } => Outcome::Refused,
    }
}

/// Makes a call, and again as long as it was not begun, or may be made again.
pub(crate) async fn call<R: DeserializeOwned, P: Serialize + ?Sized>(
    shared: &Arc<Shared>,
    method: &str,
    params: &P,
    how: Call<'_>,
) -> Result<R, PoolError> {
    let mut taken = Taken::new(shared, &how)?;
    loop {
        let grant = taken.granted().await?;
        let Some(in_flight) = taken.begin(&grant, method, params, None, how.traceparent)? else {
            continue;
        };
        if let Some(result) = taken.answered(in_flight.await) {
            return result?.decode_naming("result").map_err(|reason| {
                taken.settle(Outcome::Failed);
                CallError::Result(reason).into()
            });
        }
    }
}

/// Makes a call whose result is a stream.
pub(crate) async fn begin_stream<P: Serialize + ?Sized>(
    shared: &Arc<Shared>,
    method: &str,
    params: &P,
    how: Call<'_>,
) -> Result<Items, PoolError> {
    let mut taken = Taken::new(shared, &how)?;
    loop {
        let grant = taken.granted().await?;
        let Some(mut in_flight) = taken.begin(&grant, method, params, Some(ROOM), how.traceparent)? else {
            continue;
        };
        // Without a first item it can still be made again.
        match poll_fn(|cx| in_flight.poll_item(cx)).await {
            Some(Err(error)) if goes_on(&error) => {}
            first => {
                taken.is_begun();
                return Ok(Items::new(first, in_flight, taken));
            }
        }
    }
}

/// Calls a method of every worker that takes calls, whatever else it has to do.
pub(crate) async fn call_all<R: DeserializeOwned, P: Serialize + ?Sized>(
    shared: &Arc<Shared>,
    method: &str,
    params: &P,
) -> Vec<Result<R, CallError>> {
    let begin = |core: Arc<Core>| InFlight::begin(&core, method, params, Options::shared());
    let begun: Vec<_> = shared.live().into_iter().map(begin).collect();
    let mut results = Vec::with_capacity(begun.len());
    for call in begun {
        let result = match call {
            Ok(call) => call.await,
            Err(error) => Err(error),
        };
        results.push(result.and_then(|part| part.decode_naming("result").map_err(CallError::Result)));
    }
    results
}

impl Shared {
    fn act_on_ticket<T>(&self, id: CallId, act: impl FnOnce(&mut Ticket) -> T) -> T {
        self.with_tickets(|tickets| act(tickets.entry(id).or_default()))
    }

    fn live(&self) -> Vec<Arc<Core>> {
        self.look(|state| {
            let held = |id| state.held.get(&id).map(|held| held.core.clone());
            state.machine.live().filter_map(held).collect()
        })
    }

    /// Tells every worker that takes calls, or that of a key.
    pub(crate) fn notify<P: Serialize + ?Sized>(
        &self,
        method: &str,
        params: &P,
        key: Option<&str>,
    ) -> Result<(), CallError> {
        let of_key = |key| {
            self.look(|state| {
                let worker = state.machine.worker_of(key)?;
                state.held.get(&worker).map(|held| held.core.clone())
            })
        };
        let cores = key.map_or_else(|| self.live(), |key| of_key(key).into_iter().collect());
        for core in cores {
            match core.notify(method, params, None) {
                // It has just ended.
                Ok(()) | Err(CallError::Disconnected { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Asks a worker whether it is ready, and how many calls it takes at once. `None`: it ends, or is to end.
    pub(crate) async fn greet(&self, worker: WorkerId, core: &Arc<Core>) -> Option<usize> {
        #[derive(Deserialize)]
        struct Hello {
            concurrency: f64,
        }
        let hello = match InFlight::begin(core, "$/crossfork/hello", &(), Options::default()) {
            Ok(hello) => hello.await,
            Err(error) => Err(error),
        };
        match hello {
            // What says nothing of the kind gets one call at a time.
            Ok(hello) => Some(
                hello.decode::<Hello>().map_or(1, |hello| hello.concurrency.clamp(1.0, 65536.0) as usize),
            ),
            // It is no end of ours.
            Err(CallError::Rpc(error)) if error.code == code::METHOD_NOT_FOUND => Some(1),
            // How it ends says more.
            Err(CallError::Disconnected { .. }) => None,
            Err(error) => {
                self.not_ready(worker, format!("it did not start: {error}"));
                None
            }
        }
    }
}
