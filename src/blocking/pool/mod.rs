//! [`Pool`]: workers that carry out calls, for threads.

mod builder;
mod callee;
mod life;
mod listeners;
mod member;
mod pipe;
mod request;

use std::future::Future;
use std::time::Instant;

use super::peer::{wait, wait_until};

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

fn finish<F: Future>(future: F) -> F::Output {
    wait(future)
}

fn within<F: Future>(deadline: Option<Instant>, future: F) -> Result<F::Output, CallError> {
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
