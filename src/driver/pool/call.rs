//! A call of a pool on its way: it waits for a worker, is written for it, and is made again where that may be.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::how::Call;
use super::shared::left;
use super::stream::Items;
use super::{PoolError, Shared};
use crate::calls::pool::{CallId, Outcome, Spec, WorkerId};
use crate::calls::{CallError, code};
use crate::driver::calls::{Along, Answer, Core, InFlight, Options};
use crate::handle::ReceivedHandle;

/// How many items of a stream are on their way at most.
const ROOM: u32 = 64;

/// A call of a pool, as its caller makes it.
pub(crate) struct Made<'a, P: ?Sized> {
    pub(crate) method: &'a str,
    pub(crate) params: &'a P,
    pub(crate) how: Call<'a>,
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
        Ok(Taken { shared, id: made?, deadline: how.deadline(), outcome: None, unused: None })
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
        made: &Made<'_, P>,
        stream: Option<u32>,
        along: &mut Along,
    ) -> Result<Option<InFlight>, PoolError> {
        let Made { method, params, how } = *made;
        let (timeout, traceparent) = (left(self.deadline), how.traceparent);
        // Its streams are read once, so that it cannot be made again. Said first: the worker may be gone before
        // this goes on.
        let on_uploads = || self.is_begun();
        let tag = Some(self.id.number());
        let on_uploads: Option<&dyn Fn()> = Some(&on_uploads);
        let options = Options { stream, timeout, traceparent, tag, on_uploads, is_shared: false };
        match InFlight::begin_with(&grant.core, method, params, options, along) {
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
    fn answered(
        &mut self,
        answer: Result<Answer, CallError>,
        is_whole: bool,
    ) -> Option<Result<Answer, PoolError>> {
        match answer {
            Err(error) if goes_on(&error, is_whole) => None,
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

impl Shared {
    fn act_on_ticket<T>(&self, id: CallId, act: impl FnOnce(&mut Ticket) -> T) -> T {
        self.with_tickets(|tickets| act(tickets.entry(id).or_default()))
    }
}

/// Whether the call is made again, or the end of its worker tells more.
fn goes_on(error: &CallError, is_whole: bool) -> bool {
    match error {
        CallError::Disconnected { .. } => true,
        // One whose handle is gone is not made again.
        CallError::Rpc(error) => is_whole && error.code == code::NOT_BEGUN,
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
    made: Made<'_, P>,
    mut along: Along,
) -> Result<(R, Option<ReceivedHandle>), PoolError> {
    let mut taken = Taken::new(shared, &made.how)?;
    loop {
        let grant = taken.granted().await?;
        let Some(mut in_flight) = taken.begin(&grant, &made, None, &mut along)? else {
            continue;
        };
        let answer = poll_fn(|cx| in_flight.poll_answer(cx)).await;
        let is_whole = in_flight.give_back_handle(&mut along);
        if let Some(answer) = taken.answered(answer, is_whole) {
            let Answer { result, handle } = answer?;
            let result = result.decode_naming("result").map_err(|reason| {
                taken.settle(Outcome::Failed);
                CallError::Result(reason)
            })?;
            return Ok((result, handle));
        }
    }
}

/// Makes a call whose result is a stream.
pub(crate) async fn begin_stream<P: Serialize + ?Sized>(
    shared: &Arc<Shared>,
    made: Made<'_, P>,
    mut along: Along,
) -> Result<Items, PoolError> {
    let mut taken = Taken::new(shared, &made.how)?;
    loop {
        let grant = taken.granted().await?;
        let Some(mut in_flight) = taken.begin(&grant, &made, Some(ROOM), &mut along)? else {
            continue;
        };
        let first = poll_fn(|cx| in_flight.poll_item(cx)).await;
        let is_whole = in_flight.give_back_handle(&mut along);
        // Without a first item it can still be made again.
        match first {
            Some(Err(error)) if goes_on(&error, is_whole) => {}
            first => {
                taken.is_begun();
                return Ok(Items::new(first, in_flight, taken));
            }
        }
    }
}
