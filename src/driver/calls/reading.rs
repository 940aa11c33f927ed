//! [`Reading`]: an upload of a call of theirs, as its handler reads it; and [`Items`], whatever is read item by
//! item.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::core::Core;
use super::in_flight::InFlight;
use crate::calls::{CallError, Id, RpcError, write};
use crate::message::part::Part;

/// How many items are on their way at most.
pub(crate) const ROOM: u32 = 64;

/// Items that come: those of a result, or of a parameter.
pub(crate) enum Items {
    Result(InFlight),
    Upload(Reading),
}

impl Items {
    /// See [`Core::can_wait`].
    pub(crate) fn can_wait(&self) -> Result<(), CallError> {
        match self {
            Items::Result(call) => call.can_wait(),
            Items::Upload(upload) => upload.core.can_wait(),
        }
    }

    /// The next item; `None` when they have ended well.
    pub(crate) fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, CallError>>> {
        match self {
            Items::Result(call) => call.poll_item(cx),
            Items::Upload(upload) => upload.poll_item(cx),
        }
    }
}

/// An upload of a call of theirs. Dropped before its end, nobody reads it any more.
pub(crate) struct Reading {
    core: Arc<Core>,
    token: Id,
    /// Items that were taken and for which no new credit was given.
    taken: u32,
}

/// What has come of it.
pub(super) struct Uploading {
    pub(super) call: Id,
    pub(super) items: VecDeque<Part>,
    pub(super) end: Option<Result<(), CallError>>,
    pub(super) waker: Option<Waker>,
}

impl Uploading {
    /// There will be no more items. Whoever reads is to be woken.
    pub(super) fn ended(&mut self, end: Result<(), CallError>) -> Option<Waker> {
        self.end.get_or_insert(end);
        self.waker.take()
    }
}

impl Reading {
    pub(super) fn begin(core: &Arc<Core>, call: &Id, token: Id) -> Result<Self, CallError> {
        let mut visit = core.visit();
        if !visit.calls.open_upload(call, &token, ROOM.into()) {
            let why = "there is no such upload: the call has ended, or it is read already";
            return Err(RpcError::internal(why).into());
        }
        let uploading = Uploading { call: call.clone(), items: VecDeque::new(), end: None, waker: None };
        visit.uploading.insert(token.clone(), uploading);
        core.queue_about(&mut visit, write::credit(core.encoder(), token.clone(), ROOM.into()));
        drop(visit);
        Ok(Reading { core: core.clone(), token, taken: 0 })
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, CallError>>> {
        let mut visit = self.core.visit();
        let Some(uploading) = visit.uploading.get_mut(&self.token) else {
            return Poll::Ready(None);
        };
        if let Some(item) = uploading.items.pop_front() {
            self.taken += 1;
            // Half at a time, so that most items need no message of ours.
            if self.taken >= ROOM / 2 && visit.calls.grant_upload(&self.token, self.taken.into()) {
                let body = write::credit(self.core.encoder(), self.token.clone(), self.taken.into());
                self.core.queue_about(&mut visit, body);
                self.taken = 0;
            }
            return Poll::Ready(Some(Ok(item)));
        }
        match uploading.end.take() {
            Some(end) => {
                visit.uploading.remove(&self.token);
                Poll::Ready(end.err().map(Err))
            }
            None => {
                uploading.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut visit = self.core.visit();
        // Dropped behind the lock.
        let uploading = visit.uploading.remove(&self.token);
        if visit.calls.close_upload(&self.token) {
            let body = write::upload_left(self.core.encoder(), &self.token);
            self.core.queue_about(&mut visit, body);
        }
        drop(visit);
        drop(uploading);
    }
}
