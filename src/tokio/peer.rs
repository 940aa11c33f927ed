//! [`Peer`]: the other end of a channel, to be called by tasks.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

crate::driver::face::peer_face! { "tokio" "tasks" tasks #[doc = ""] async await }

async fn answer_within(mut call: InFlight, timeout: Option<Duration>) -> Result<Answer, CallError> {
    let answer = poll_fn(|cx| call.poll_answer(cx));
    match timeout {
        None => answer.await,
        Some(timeout) => ::tokio::time::timeout(timeout, answer).await.unwrap_or(Err(CallError::TimedOut)),
    }
}

async fn until_gone(core: &Core) -> Result<(), Error> {
    poll_fn(|cx| core.poll_gone(cx)).await
}

async fn until_over(core: &Core) {
    poll_fn(|cx| core.poll_over(cx)).await;
}

impl<R: DeserializeOwned> Stream<R> {
    /// Waits for the next item; `None` when there are no more.
    ///
    /// # Cancel safety
    /// No item is lost if the future is dropped: the next call gives it.
    pub async fn next(&mut self) -> Option<Result<R, CallError>> {
        poll_fn(|cx| self.poll_item(cx)).await
    }
}

impl<R: DeserializeOwned> futures_core::Stream for Stream<R> {
    type Item = Result<R, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}
