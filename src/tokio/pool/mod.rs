//! [`Pool`]: workers that carry out calls, for tasks.

mod builder;
mod life;
mod request;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_core::Stream as _;

crate::driver::face::pool_face! {
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use crossfork::tokio::Pool;
    ///
    /// // In Node: serve({ render({ page }) { return `<h1>${page}</h1>` } })
    /// let pool = Pool::builder("render.js").start()?;
    /// let html: String = pool.call("render", &serde_json::json!({ "page": "news" })).await?;
    /// pool.close().await;
    /// # Ok(()) }
    /// ```
    Tokio tasks #[doc = ""] async await
}

async fn finish<F: Future>(future: F) -> F::Output {
    future.await
}

async fn within<F: Future>(deadline: Option<Instant>, future: F) -> Result<F::Output, CallError> {
    match deadline {
        None => Ok(future.await),
        Some(deadline) => {
            ::tokio::time::timeout_at(deadline.into(), future).await.map_err(|_| CallError::TimedOut)
        }
    }
}

impl<R: DeserializeOwned> Stream<R> {
    /// Waits for the next item; `None` when there are no more.
    ///
    /// # Cancel safety
    /// No item is lost if the future is dropped: the next call gives it.
    pub async fn next(&mut self) -> Option<Result<R, PoolError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<R: DeserializeOwned> futures_core::Stream for Stream<R> {
    type Item = Result<R, PoolError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.items.poll_next(cx)
    }
}
