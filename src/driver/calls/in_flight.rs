//! [`InFlight`]: a call of ours that has no answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;

use super::core::Core;
use super::state::Pending;
use super::watch::Fate;
use crate::calls::CallError;
use crate::calls::machine::Cancelling;
use crate::calls::write::{self, Extra};
use crate::message::part::Part;

/// How a call is made.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    /// The result is wanted as a stream, with room for so many items.
    pub(crate) stream: Option<u32>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) traceparent: Option<&'a str>,
    /// What the pool that made it calls it.
    pub(crate) tag: Option<u64>,
}

/// A call of ours. Dropped before its answer has come, it is cancelled.
pub(crate) struct InFlight {
    core: Arc<Core>,
    id: u64,
    room: u32,
    /// Items that were taken and for which no new credit was given.
    taken: u32,
}

impl InFlight {
    /// Makes a call.
    pub(crate) fn begin<P: Serialize + ?Sized>(
        core: &Arc<Core>,
        method: &str,
        params: &P,
        options: Options<'_>,
    ) -> Result<InFlight, CallError> {
        let id = core.next_id();
        let deadline = options.timeout.map(|left| left.as_millis().try_into().unwrap_or(u64::MAX));
        let extra = Extra { stream: options.stream, deadline, ..core.extra() };
        let body = write::call(core.encoder(), id, method, params, extra, options.traceparent)
            .map_err(CallError::Send)?;
        let room = options.stream.unwrap_or(0);
        let mut visit = core.visit();
        if !visit.calls.call(id, room.into(), body) {
            return Err(CallError::Disconnected { begun: false });
        }
        visit.pending.insert(id, Pending::default());
        if let (Some(watch), Some(tag)) = (&mut visit.watch, options.tag) {
            watch.began(id, tag);
        }
        drop(visit);
        Ok(InFlight { core: core.clone(), id, room, taken: 0 })
    }

    /// The next item of a stream; `None` when it has ended well. A result that is no stream is its one item.
    pub(crate) fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, CallError>>> {
        let mut visit = self.core.visit();
        let Some(pending) = visit.pending.get_mut(&self.id) else {
            return Poll::Ready(None);
        };
        if let Some(item) = pending.items.pop_front() {
            self.taken += 1;
            // Half at a time, so that most items need no message of ours.
            if self.taken >= self.room.div_ceil(2) && visit.calls.grant(self.id, self.taken.into()) {
                let body = write::credit(self.core.encoder(), self.id, self.taken.into());
                self.core.queue_about(&mut visit, body);
                self.taken = 0;
            }
            return Poll::Ready(Some(Ok(item)));
        }
        match pending.outcome.take() {
            Some(outcome) => {
                visit.pending.remove(&self.id);
                drop(visit);
                // The answer of a stream has no result.
                Poll::Ready(match outcome {
                    Ok(result) if result.is_null() => None,
                    outcome => Some(outcome),
                })
            }
            None => {
                pending.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Future for InFlight {
    type Output = Result<Part, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut visit = self.core.visit();
        let Some(pending) = visit.pending.get_mut(&self.id) else {
            return Poll::Ready(Err(CallError::Disconnected { begun: true }));
        };
        match pending.outcome.take() {
            Some(outcome) => {
                visit.pending.remove(&self.id);
                Poll::Ready(outcome)
            }
            None => {
                pending.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut visit = self.core.visit();
        // Dropped behind the lock.
        let pending = visit.pending.remove(&self.id);
        if pending.is_some() {
            match visit.calls.cancel(self.id) {
                Cancelling::Tell => {
                    let body = write::cancel(self.core.encoder(), self.id);
                    self.core.queue_about(&mut visit, body);
                }
                Cancelling::Withdrawn => visit.freed(self.id, Fate::Withdrawn),
                Cancelling::Over => {}
            }
        }
        drop(visit);
        drop(pending);
    }
}
