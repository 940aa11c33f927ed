//! [`InFlight`]: a call of ours that has no answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::core::Core;
use super::panics::catch;
use super::sending::Sending;
use super::state::{Answer, Pending, Phase};
use super::watch::CallState;
use crate::calls::machine::Cancelling;
use crate::calls::uploads::token as token_of;
use crate::calls::write::{self, Extra};
use crate::calls::{CallError, Extension, collected, params, without_uploads};
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

/// What a caller has beside parameters and a result.
#[derive(Default)]
pub(crate) struct Along {
    /// Goes with the call, once.
    pub(crate) attached: Option<Attached>,
    pub(crate) on_progress: Option<OnProgress>,
}

/// A handle that goes with a call.
pub(crate) struct Attached {
    pub(crate) handle: Outgoing,
    /// Even if the other end has not said that it takes handles.
    pub(crate) to_any_peer: bool,
}

fn attached(handle: Option<Outgoing>, to_any_peer: Option<bool>) -> Option<Attached> {
    handle.zip(to_any_peer).map(|(handle, to_any_peer)| Attached { handle, to_any_peer })
}

/// Told how far a call is, by whoever waits for it.
pub(crate) type OnProgress = Arc<dyn Fn(Part) + Send + Sync>;

/// A listener that is told of values of one type. What is none is left out.
pub(crate) fn listener<T: DeserializeOwned>(tell: impl Fn(T) + Send + Sync + 'static) -> OnProgress {
    Arc::new(move |part| {
        if let Ok(progress) = part.decode() {
            tell(progress);
        }
    })
}

/// A call of ours. Dropped before its answer has come, it is cancelled.
pub(crate) struct InFlight {
    core: Arc<Core>,
    id: u64,
    uploads: Vec<Sending>,
    on_progress: Option<OnProgress>,
    /// Where its handle may go; `None` if it has none.
    to_any_peer: Option<bool>,
    /// Its handle, if the channel has ended before it was sent.
    unsent: Option<Outgoing>,
    room: u32,
    /// Items that were taken and for which no new credit was given.
    taken: u32,
}

/// What has come of a call since somebody looked.
enum Came {
    Item(Part),
    Outcome(Result<Answer, CallError>),
    Nothing,
    /// It is over, and its outcome was taken.
    Over,
}

impl InFlight {
    /// Makes a call.
    pub(crate) fn begin<P: Serialize + ?Sized>(
        core: &Arc<Core>,
        method: &str,
        params: &P,
        options: Options<'_>,
    ) -> Result<InFlight, CallError> {
        Self::begin_with(core, method, params, options, &mut Along::default())
    }

    /// [`begin`](Self::begin) with more. A handle is taken, unless the channel is over.
    pub(crate) fn begin_with<P: Serialize + ?Sized>(
        core: &Arc<Core>,
        method: &str,
        params: &P,
        options: Options<'_>,
        along: &mut Along,
    ) -> Result<InFlight, CallError> {
        // First, so that the streams among the parameters are still there for another end.
        if core.is_over() {
            return Err(CallError::Disconnected { begun: false });
        }
        let to_any_peer = along.attached.as_ref().map(|attached| attached.to_any_peer);
        let handle = core.allowed(along.attached.take())?;
        let id = core.next_id();
        let deadline = options.timeout.map(|left| left.as_millis().try_into().unwrap_or(u64::MAX));
        let extra = Extra { stream: options.stream, deadline, ..core.extra() };
        let write = || write::call(core.encoder(), id, method, params, extra, options.traceparent);
        let written = match options.is_shared {
            true => without_uploads(write).map(|body| (body, Vec::new())),
            false => collected(id, write),
        };
        let (body, sources) = written.map_err(CallError::Send)?;
        let is_peer_ours = core.is_peer_ours();
        if !sources.is_empty() && !is_peer_ours {
            return Err(CallError::Unsupported(Extension::Uploads));
        }
        if let Some(tell) = options.on_uploads.filter(|_| !sources.is_empty()) {
            tell();
        }
        let listens = along.on_progress.is_some();
        let token = if listens && !is_peer_ours { params::work_done_token(params) } else { None };
        let count = sources.len() as u32;
        let room = options.stream.unwrap_or(0);
        let mut visit = core.visit();
        if visit.phase == Phase::Over {
            along.attached = attached(handle, to_any_peer);
            return Err(CallError::Disconnected { begun: false });
        }
        visit.calls.call(id, room.into(), body.with_handle(handle));
        visit.calls.has_uploads(id, count);
        if let Some(token) = token {
            visit.calls.has_token(id, token);
        }
        visit.pending.insert(id, Pending { listens, ..Pending::default() });
        if let (Some(watch), Some(tag)) = (&mut visit.watch, options.tag) {
            watch.began(id, tag);
        }
        drop(visit);
        let uploads = sources.into_iter().zip(0..);
        let uploads =
            uploads.map(|(source, number)| Sending::new(token_of(&id.into(), number), source)).collect();
        let on_progress = along.on_progress.clone();
        let core = core.clone();
        Ok(InFlight { core, id, uploads, on_progress, to_any_peer, unsent: None, room, taken: 0 })
    }

    /// The next item of a stream; `None` when it has ended well. A result that is no stream is its one item.
    pub(crate) fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, CallError>>> {
        Poll::Ready(match self.take(cx) {
            Came::Item(item) => Some(Ok(item)),
            // The answer of a stream has no result.
            Came::Outcome(Ok(Answer { result, .. })) if result.is_null() => None,
            Came::Outcome(outcome) => Some(outcome.map(|answer| answer.result)),
            Came::Over => None,
            Came::Nothing => return Poll::Pending,
        })
    }

    /// The answer, with the handle that has come with it.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, CallError>> {
        loop {
            match self.take(cx) {
                Came::Outcome(outcome) => return Poll::Ready(outcome),
                Came::Over => return Poll::Ready(Err(CallError::Disconnected { begun: true })),
                Came::Nothing => return Poll::Pending,
                // Nobody has asked for any.
                Came::Item(_) => {}
            }
        }
    }

    /// Gives the handle back if the channel has ended before it was sent. False: it is gone.
    pub(crate) fn give_back_handle(&mut self, along: &mut Along) -> bool {
        along.attached = attached(self.unsent.take(), self.to_any_peer);
        self.to_any_peer.is_none() || along.attached.is_some()
    }

    /// See [`Core::can_wait`].
    pub(crate) fn can_wait(&self) -> Result<(), CallError> {
        self.core.can_wait()
    }
}

impl InFlight {
    /// Takes what has come, and tells how far the call is. With nothing, the task is woken when something comes.
    /// Progress is told here, once at a time, so that a peer that reports a lot stops neither who receives nor who
    /// looks at the clock.
    fn take(&mut self, cx: &mut Context<'_>) -> Came {
        if !self.uploads.is_empty() {
            self.send_uploads(cx);
        }
        let mut visit = self.core.visit();
        let Some(pending) = visit.pending.get_mut(&self.id) else {
            return Came::Over;
        };
        let progress = pending.progress.take();
        let came = if let Some(item) = pending.items.pop_front() {
            self.taken += 1;
            // Half at a time, so that most items need no message of ours.
            if self.taken >= self.room.div_ceil(2) && visit.calls.grant(self.id, self.taken.into()) {
                let body = write::credit(self.core.encoder(), self.id, self.taken.into());
                self.core.queue_about(&mut visit, body);
                self.taken = 0;
            }
            Came::Item(item)
        } else if let Some(outcome) = pending.outcome.take() {
            self.unsent = pending.unsent.take();
            visit.pending.remove(&self.id);
            Came::Outcome(outcome)
        } else {
            pending.waker = Some(cx.waker().clone());
            Came::Nothing
        };
        drop(visit);
        if let (Some(progress), Some(tell)) = (progress, &self.on_progress) {
            // A panic is told by the hook.
            let _ = catch(|| tell(progress));
        }
        came
    }

    /// Sends what the other end has room for.
    fn send_uploads(&mut self, cx: &mut Context<'_>) {
        // Registered first, so that credit that comes meanwhile wakes this task.
        self.core.visit().tell_waker(self.id, cx.waker());
        for upload in &mut self.uploads {
            upload.go_on(&self.core, self.id, cx);
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
