//! [`Call`]: how a call of a pool is made.

use std::time::{Duration, Instant};

use super::Shared;

/// How a call of a pool is made.
///
/// ```
/// use crossfork::blocking::pool::Call;
/// use std::time::Duration;
///
/// let call = Call::new().timeout(Duration::from_secs(5)).key("user 7").idempotent(2);
/// # let _ = call;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct Call<'a> {
    timeout: Option<Duration>,
    pub(super) retries: u32,
    pub(super) key: Option<&'a str>,
    pub(super) priority: i32,
    pub(super) traceparent: Option<&'a str>,
    /// When it has timed out, once it has begun.
    deadline: Option<Instant>,
}

impl<'a> Call<'a> {
    /// A call with the pool's timeout, for any worker, that is made once.
    pub const fn new() -> Self {
        Call { timeout: None, retries: 0, key: None, priority: 0, traceparent: None, deadline: None }
    }

    /// Sets how long the call may take from now on, the wait for a worker included. Default: the pool's
    /// [`timeout`](crate::blocking::pool::Builder::timeout). When it has passed, the call fails with
    /// [`CallError::TimedOut`](crate::calls::CallError::TimedOut), and its handler is told that it is cancelled.
    pub const fn timeout(self, timeout: Duration) -> Self {
        Call { timeout: Some(timeout), ..self }
    }

    /// Says that the call may be carried out more than once. If its worker dies, it is made again, at most so
    /// many times. A call with an [`Upload`](crate::calls::Upload) among its parameters is not, for its items are
    /// gone.
    pub const fn idempotent(self, retries: u32) -> Self {
        Call { retries, ..self }
    }

    /// Sends the call to the worker of this key, and waits for that worker alone. Calls with the same key go to
    /// the same worker, until that worker ends; then they go to the one that replaces it.
    pub const fn key(self, key: &'a str) -> Self {
        Call { key: Some(key), ..self }
    }

    /// Sets the priority. Of the calls that wait, those with a higher one go first. Default: 0.
    pub const fn priority(self, priority: i32) -> Self {
        Call { priority, ..self }
    }

    /// Sends a W3C trace context along. The handler finds it in its context.
    pub const fn traceparent(self, traceparent: &'a str) -> Self {
        Call { traceparent: Some(traceparent), ..self }
    }

    /// With its deadline in this pool.
    pub(crate) fn started(self, shared: &Shared) -> Self {
        let limit = self.timeout.or(shared.common.timeout);
        Call { deadline: limit.and_then(|limit| Instant::now().checked_add(limit)), ..self }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}
