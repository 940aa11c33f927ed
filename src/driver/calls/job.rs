//! [`Job`]: something to be carried out; and [`Running`], what is known of a call until it is answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Instant;

use crate::calls::Id;
use crate::calls::read::{Notification, Request};
use crate::handle::ReceivedHandle;
use crate::message::part::Part;

/// A call or a notification that is to be carried out.
pub(crate) struct Job {
    /// `None` if it is not answered.
    pub(crate) running: Option<Arc<Running>>,
    pub(crate) method: String,
    pub(crate) params: Option<Part>,
    pub(crate) handle: Option<ReceivedHandle>,
    pub(crate) traceparent: Option<String>,
}

impl Job {
    pub(super) fn call(running: Arc<Running>, request: Request, handle: Option<ReceivedHandle>) -> Self {
        let Notification { method, params } = request.call;
        Job { running: Some(running), method, params, handle, traceparent: request.traceparent }
    }

    pub(super) fn notification(call: Notification, handle: Option<ReceivedHandle>) -> Self {
        let Notification { method, params } = call;
        Job { running: None, method, params, handle, traceparent: None }
    }
}

/// A call of the other end that has no answer.
pub(crate) struct Running {
    pub(crate) id: Id,
    /// Where it waits to begin.
    pub(super) place: u64,
    /// The result may be sent as a stream.
    pub(crate) streams: bool,
    pub(crate) deadline: Option<Instant>,
    is_cancelled: AtomicBool,
    /// Who waits for it to be cancelled, or for credit.
    wakers: Mutex<Vec<Waker>>,
}

impl Running {
    pub(super) fn new(id: Id, place: u64, streams: bool, deadline: Option<Instant>) -> Self {
        let is_cancelled = AtomicBool::new(false);
        Running { id, place, streams, deadline, is_cancelled, wakers: Mutex::default() }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// Takes note that nobody wants the answer. Whoever waits is to be woken.
    pub(super) fn cancel(&self) -> Vec<Waker> {
        self.is_cancelled.store(true, Ordering::Release);
        self.changed()
    }

    /// Something has changed: whoever waits is to be woken.
    pub(super) fn changed(&self) -> Vec<Waker> {
        std::mem::take(&mut *self.wakers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// To be called before the change is looked for.
    pub(super) fn wake_on_change(&self, waker: &Waker) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// Waits until it is cancelled.
    #[cfg(feature = "tokio")]
    pub(crate) async fn cancelled(&self) {
        std::future::poll_fn(|cx| {
            if self.is_cancelled() {
                return std::task::Poll::Ready(());
            }
            self.wake_on_change(cx.waker());
            match self.is_cancelled() {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
    }
}
