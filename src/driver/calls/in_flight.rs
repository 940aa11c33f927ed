//! [`InFlight`]: a call of ours that has no answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;

use super::core::Core;
use super::sending::Sending;
use super::state::{Answer, Pending};
use super::watch::CallState;
use crate::calls::machine::Cancelling;
use crate::calls::uploads::token;
use crate::calls::write::{self, Extra};
use crate::calls::{CallError, Extension, collected, without_uploads};
use crate::handle::Outgoing;
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
    /// Told that there are streams among the parameters, before anything is sent.
    pub(crate) on_uploads: Option<&'a dyn Fn()>,
    /// Others are called with the same parameters, and could not read the streams among them.
    pub(crate) is_shared: bool,
}

impl Options<'_> {
    /// Of calls that others get with the same parameters.
    pub(crate) fn shared() -> Self {
        Options { is_shared: true, ..Options::default() }
    }
}

/// A handle that goes with a call.
pub(crate) struct Attached {
    pub(crate) handle: Outgoing,
    /// Even if the other end has not said that it takes handles.
    pub(crate) to_any_peer: bool,
}

/// A call of ours. Dropped before its answer has come, it is cancelled.
pub(crate) struct InFlight {
    core: Arc<Core>,
    id: u64,
    uploads: Vec<Sending>,
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
        Self::begin_with(core, method, params, options, None)
    }

    /// [`begin`](Self::begin) with a handle.
    pub(crate) fn begin_with<P: Serialize + ?Sized>(
        core: &Arc<Core>,
        method: &str,
        params: &P,
        options: Options<'_>,
        attached: Option<Attached>,
    ) -> Result<InFlight, CallError> {
        // First, so that the streams among the parameters are still there for another end.
        if core.is_over() {
            return Err(CallError::Disconnected { begun: false });
        }
        let handle = core.allowed(attached)?;
        let id = core.next_id();
        let deadline = options.timeout.map(|left| left.as_millis().try_into().unwrap_or(u64::MAX));
        let extra = Extra { stream: options.stream, deadline, ..core.extra() };
        let write = || write::call(core.encoder(), id, method, params, extra, options.traceparent);
        let written = match options.is_shared {
            true => without_uploads(write).map(|body| (body, Vec::new())),
            false => collected(id, write),
        };
        let (body, sources) = written.map_err(CallError::Send)?;
        if !sources.is_empty() && !core.is_peer_ours() {
            return Err(CallError::Unsupported(Extension::Uploads));
        }
        if let Some(tell) = options.on_uploads.filter(|_| !sources.is_empty()) {
            tell();
        }
        let count = sources.len() as u32;
        let room = options.stream.unwrap_or(0);
        let mut visit = core.visit();
        if !visit.calls.call(id, room.into(), body.with_handle(handle)) {
            return Err(CallError::Disconnected { begun: false });
        }
        visit.calls.has_uploads(id, count);
        visit.pending.insert(id, Pending::default());
        if let (Some(watch), Some(tag)) = (&mut visit.watch, options.tag) {
            watch.began(id, tag);
        }
        drop(visit);
        let uploads = sources.into_iter().zip(0..);
        let uploads =
            uploads.map(|(source, number)| Sending::new(token(&id.into(), number), source)).collect();
        Ok(InFlight { core: core.clone(), id, uploads, room, taken: 0 })
    }

    /// The next item of a stream; `None` when it has ended well. A result that is no stream is its one item.
    pub(crate) fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, CallError>>> {
        if !self.uploads.is_empty() {
            self.send_uploads(cx);
        }
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
                    Ok(Answer { result, .. }) if result.is_null() => None,
                    outcome => Some(outcome.map(|answer| answer.result)),
                })
            }
            None => {
                pending.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl InFlight {
    /// See [`Core::can_wait`].
    pub(crate) fn can_wait(&self) -> Result<(), CallError> {
        self.core.can_wait()
    }

    /// Sends what the other end has room for.
    fn send_uploads(&mut self, cx: &mut Context<'_>) {
        // Registered first, so that credit that comes meanwhile wakes this task.
        self.core.visit().tell_waker(self.id, cx.waker());
        for upload in &mut self.uploads {
            upload.go_on(&self.core, self.id, cx);
        }
    }

    /// The answer, with the handle that has come with it.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, CallError>> {
        if !self.uploads.is_empty() {
            self.send_uploads(cx);
        }
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

impl Future for InFlight {
    type Output = Result<Part, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_answer(cx).map(|outcome| outcome.map(|answer| answer.result))
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
                Cancelling::Withdrawn => visit.became(self.id, CallState::Withdrawn),
                Cancelling::Over => {}
            }
        }
        drop(visit);
        drop(pending);
    }
}
