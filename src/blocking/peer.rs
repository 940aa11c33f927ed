//! [`Peer`]: the other end of a channel, to be called by threads.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::Instant;

crate::driver::face::peer_face! { "blocking" "threads" threads #[doc = ""] }

fn answer_within(mut call: InFlight, timeout: Option<Duration>) -> Result<Answer, CallError> {
    call.can_wait()?;
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    match wait_until(poll_fn(|cx| call.poll_answer(cx)), deadline) {
        Some(answer) => answer,
        None => Err(CallError::TimedOut),
    }
}

fn until_gone(core: &Core) -> Result<(), Error> {
    core.can_wait().unwrap_or_else(|error| panic!("{error}"));
    wait(poll_fn(|cx| core.poll_gone(cx)))
}

fn until_over(core: &Core) {
    core.can_wait().unwrap_or_else(|error| panic!("{error}"));
    wait(poll_fn(|cx| core.poll_over(cx)));
}

/// Waits for each item.
impl<R: DeserializeOwned> Iterator for Stream<R> {
    type Item = Result<R, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(Err(error)) = self.items.as_ref().map(Items::can_wait) {
            (self.items, self._peer) = (None, None);
            return Some(Err(error));
        }
        wait(poll_fn(|cx| self.poll_item(cx)))
    }
}

/// Waits on this thread.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Some(output) = wait_until(future.as_mut(), None) {
            return output;
        }
    }
}

/// [`wait`], until a time; `None` if it has come.
pub(super) fn wait_until<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(Duration::ZERO) => return None,
            Some(left) => thread::park_timeout(left),
        }
    }
}
