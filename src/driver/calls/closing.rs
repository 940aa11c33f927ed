//! How a core comes to its end: the channel is over, or we close it.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::core::Core;
use super::state::{Phase, State};
use crate::error::Error;

/// How long the other end may take to read what was queued when we closed the channel.
pub(crate) const LINGER: Duration = Duration::from_secs(5);

impl Core {
    /// The channel is over: who waits for an answer is told, and handlers are.
    pub(crate) fn end(&self) {
        self.come_to(Phase::Over);
    }

    /// [`end`](Self::end) from this side: what is queued is still written, and then the writer closes the channel.
    pub(crate) fn close(&self) {
        self.come_to(Phase::Closing);
    }

    /// We have closed it, and the writer has nothing more to say than what is queued.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().phase == Phase::Closing
    }

    /// Waits for the end, and tells whether the channel is over. If not, we have closed it, and it will be.
    pub(crate) fn poll_ending(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        if state.phase.is_end() {
            return Poll::Ready(state.phase == Phase::Over);
        }
        state.wake_at_end(cx.waker());
        Poll::Pending
    }

    /// Waits until the channel is over.
    pub(crate) fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.phase == Phase::Over {
            return Poll::Ready(());
        }
        state.wake_at_end(cx.waker());
        Poll::Pending
    }

    /// The channel is over, no handler runs, and nobody stays with it any more.
    pub(crate) fn gone(&self, result: Result<(), Error>) {
        self.end();
        let mut visit = self.visit();
        visit.gone.get_or_insert(result);
        visit.wake_ends();
    }

    /// Waits until it is [`gone`](Self::gone). The first who asks gets the error, if there is one.
    pub(crate) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        match &mut state.gone {
            Some(gone) => Poll::Ready(std::mem::replace(gone, Ok(()))),
            None => {
                state.wake_at_end(cx.waker());
                Poll::Pending
            }
        }
    }
}

/// Closes the channel when it is dropped.
pub(crate) struct CloseOnDrop(pub(crate) Arc<Core>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Dropped when nobody stays with the channel any more, whatever the reason.
pub(crate) struct GoneOnDrop(pub(crate) Arc<Core>);

impl Drop for GoneOnDrop {
    fn drop(&mut self) {
        self.0.gone(Ok(()));
    }
}

impl Core {
    /// The channel is over for who writes: waits until it is for who reads. What is taken off now would be lost: a
    /// pool gives its calls to another worker instead, and answers are for nobody.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut visit = self.visit();
        if visit.phase == Phase::Over {
            return Poll::Ready(());
        }
        visit.calls.is_read_no_more();
        // As nobody else is to write.
        visit.is_writing = true;
        let State { room, woken, writer, .. } =
            &mut **visit.state.as_mut().expect("a visit that is not over");
        woken.append(room);
        *writer = Some(cx.waker().clone());
        Poll::Pending
    }
}
