//! [`Peer`]: the other end of a channel, to be called by threads.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
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
    struct Unpark {
        thread: Thread,
        // The code of users that the future runs may park this thread too, and take what unparks it.
        is_woken: AtomicBool,
    }
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.is_woken.store(true, Ordering::Release);
            self.thread.unpark();
        }
    }
    let unpark = Arc::new(Unpark { thread: thread::current(), is_woken: AtomicBool::new(false) });
    let waker = unpark.clone().into();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return None;
            }
            if unpark.is_woken.swap(false, Ordering::Acquire) {
                break;
            }
            left.map_or_else(thread::park, thread::park_timeout);
        }
    }
}
