//! [`Peer`]: the other end of a channel, to be called by threads.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::calls::CallError;
use crate::driver::calls::{Core, InFlight, Options};

/// The other end of a channel, to be called and notified by threads. It is cheap to clone.
#[derive(Clone)]
pub struct Peer(Arc<Core>);

/// Maximum number of stream items in flight.
const ROOM: u32 = 64;

impl Peer {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Peer(core)
    }

    /// Calls a method, and waits for its result. A struct or a map travels as parameters by name, any other
    /// value as the only one, and `()` as none.
    ///
    /// # Errors
    /// [`CallError`]: the other end answers with an error, the result is not an `R`, the parameters cannot be
    /// sent, or the channel ends.
    pub fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Result<R, CallError> {
        self.call_within(method, params, None)
    }

    /// [`call`](Self::call) with a timeout. The other end gets the deadline, and a cancellation when it has
    /// passed.
    ///
    /// # Errors
    /// [`CallError::TimedOut`]; otherwise as [`call`](Self::call).
    pub fn call_timeout<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
        timeout: Duration,
    ) -> Result<R, CallError> {
        self.call_within(method, params, Some(timeout))
    }

    fn call_within<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
        timeout: Option<Duration>,
    ) -> Result<R, CallError> {
        let options = Options { timeout, ..Options::default() };
        let in_flight = InFlight::begin(&self.0, method, params, options)?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let result = wait_until(in_flight, deadline).ok_or(CallError::TimedOut)??;
        result.decode_naming("result").map_err(CallError::Result)
    }

    /// Calls a method whose result is a stream, and gives its items as they come. The other end sends no
    /// more than are read. Dropped before its end, it cancels the call.
    ///
    /// # Errors
    /// The parameters cannot be sent, or the channel is over; the items have their own.
    pub fn stream<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Result<Stream<R>, CallError> {
        let options = Options { stream: Some(ROOM), ..Options::default() };
        let in_flight = InFlight::begin(&self.0, method, params, options)?;
        Ok(Stream { in_flight: Some(in_flight), items: PhantomData })
    }

    /// Sends a notification: a call without an answer. The other end handles notifications in the order in
    /// which they were sent.
    ///
    /// # Errors
    /// The parameters cannot be sent, or the channel is closed.
    pub fn notify(&self, method: &str, params: &(impl Serialize + ?Sized)) -> Result<(), CallError> {
        self.0.notify(method, params)
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("blocking::Peer").finish_non_exhaustive()
    }
}

/// The items of a result that is a stream: an iterator that waits for each.
///
/// An error is the last item.
pub struct Stream<R> {
    /// There until the end.
    in_flight: Option<InFlight>,
    items: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Iterator for Stream<R> {
    type Item = Result<R, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        let in_flight = self.in_flight.as_mut()?;
        let item = wait(std::future::poll_fn(|cx| in_flight.poll_item(cx)));
        let item =
            item.map(|item| item.and_then(|item| item.decode_naming("item").map_err(CallError::Result)));
        if !matches!(item, Some(Ok(_))) {
            self.in_flight = None;
        }
        item
    }
}

impl<R> fmt::Debug for Stream<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("blocking::Stream").finish_non_exhaustive()
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
