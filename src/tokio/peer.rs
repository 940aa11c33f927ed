//! [`Peer`]: the other end of a channel, to be called by tasks.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::calls::CallError;
use crate::driver::calls::{Core, InFlight, Options};

/// The other end of a channel, to be called and notified by tasks. It is cheap to clone.
#[derive(Clone)]
pub struct Peer(Arc<Core>);

/// How many items of a stream are on their way at most.
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
    ///
    /// # Cancel safety
    /// If the future is dropped, the call is cancelled. If it was sent, the other end gets a cancellation.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Result<R, CallError> {
        let result = InFlight::begin(&self.0, method, params, Options::default())?.await?;
        result.decode_naming("result").map_err(CallError::Result)
    }

    /// [`call`](Self::call) with a timeout. The other end gets the deadline, and a cancellation when it has
    /// passed.
    ///
    /// # Errors
    /// [`CallError::TimedOut`]; otherwise as [`call`](Self::call).
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
    pub async fn call_timeout<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
        timeout: Duration,
    ) -> Result<R, CallError> {
        let options = Options { timeout: Some(timeout), ..Options::default() };
        let in_flight = InFlight::begin(&self.0, method, params, options)?;
        let result = ::tokio::time::timeout(timeout, in_flight).await.map_err(|_| CallError::TimedOut)??;
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
        Stream::begin(&self.0, method, params)
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
        f.debug_struct("tokio::Peer").finish_non_exhaustive()
    }
}

/// The items of a result that is a stream. An error is the last item.
pub struct Stream<R> {
    /// There until the end.
    in_flight: Option<InFlight>,
    items: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Stream<R> {
    pub(super) fn begin(
        core: &Arc<Core>,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Result<Self, CallError> {
        let options = Options { stream: Some(ROOM), ..Options::default() };
        let in_flight = InFlight::begin(core, method, params, options)?;
        Ok(Stream { in_flight: Some(in_flight), items: PhantomData })
    }

    /// Waits for the next item; `None` when there are no more.
    ///
    /// # Cancel safety
    /// No item is lost if the future is dropped: the next call gives it.
    pub async fn next(&mut self) -> Option<Result<R, CallError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<R: DeserializeOwned> futures_core::Stream for Stream<R> {
    type Item = Result<R, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(in_flight) = &mut self.in_flight else {
            return Poll::Ready(None);
        };
        let Poll::Ready(item) = in_flight.poll_item(cx) else {
            return Poll::Pending;
        };
        let item =
            item.map(|item| item.and_then(|item| item.decode_naming("item").map_err(CallError::Result)));
        if !matches!(item, Some(Ok(_))) {
            self.in_flight = None;
        }
        Poll::Ready(item)
    }
}

impl<R> fmt::Debug for Stream<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("tokio::Stream").finish_non_exhaustive()
    }
}
