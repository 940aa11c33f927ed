//! [`Pool`]: workers that carry out calls, for threads.

mod builder;
mod callee;
mod life;
mod member;
mod pipe;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::peer::{wait, wait_until};
use crate::calls::RpcError;
use crate::driver::calls::CANNOT_WAIT;

crate::driver::face::pool_face! {
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use crossfork::blocking::Pool;
    ///
    /// // In Node: serve({ render({ page }) { return `<h1>${page}</h1>` } })
    /// let pool = Pool::builder("render.js").start()?;
    /// let html: String = pool.call("render", &serde_json::json!({ "page": "news" }))?;
    /// pool.close();
    /// # Ok(()) }
    /// ```
    ///
    /// One thread reads and writes for all workers. Any number of threads may call at the same time.
    Blocking threads #[doc = ""]
}

/// Waits. On the pool's own thread, which cannot, it panics when it has begun.
fn finish<F: Future>(shared: &Shared, future: F) -> F::Output {
    if !shared.is_kept_here() {
        return wait(future);
    }
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("{CANNOT_WAIT}"),
    }
}

fn within<F: Future>(shared: &Shared, deadline: Option<Instant>, future: F) -> Result<F::Output, CallError> {
    if shared.is_kept_here() {
        return Err(RpcError::internal(CANNOT_WAIT).into());
    }
    match deadline {
        None => Ok(wait(future)),
        deadline => wait_until(future, deadline).ok_or(CallError::TimedOut),
    }
}

impl<R: DeserializeOwned> Iterator for Stream<R> {
    type Item = Result<R, PoolError>;

    /// Waits for the next item.
    fn next(&mut self) -> Option<Self::Item> {
        wait(std::future::poll_fn(|cx| self.items.poll_next(cx)))
    }
}
