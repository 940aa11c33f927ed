//! [`Pool`]: workers that carry out calls, in other processes.

mod builder;
mod error;
mod life;
mod shared;

use std::ffi::OsStr;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ::tokio::runtime::Handle;
use ::tokio::time;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use builder::Builder;
pub use error::PoolError;

use super::{Command, Fork, Stream};
use crate::calls::{CallError, code};
use crate::driver::calls::{InFlight, Options};
use crate::message::part::Part;
use shared::{Lease, Phase, Shared, Worker};

/// Worker processes that carry out calls: Node programs, programs with a
/// [`Service`](super::Service), or any that speaks JSON-RPC over the channel of `fork`.
///
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
///
/// The least busy worker gets a call. If all have as many as they may, it waits in the order of the calls.
/// A worker that ends is replaced. Calls that it had not been handed go to another worker; the others may
/// have been carried out, and fail with [`PoolError::WorkerDied`], unless they are [idempotent](Call).
///
/// It is cheap to clone. When the last clone is dropped, the workers are killed.
#[derive(Clone)]
pub struct Pool(Arc<Owner>);

/// Ends the pool with its last clone.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.go_on_to(Phase::Destroyed);
    }
}

/// How a call is made: within what time, and whether it may be made twice.
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct Call<'a> {
    timeout: Option<Duration>,
    retries: u32,
    traceparent: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// A call without a time, that is made once.
    pub const fn new() -> Self {
        Call { timeout: None, retries: 0, traceparent: None }
    }

    /// How long it may take, from now on, the wait for a worker included.
    pub const fn timeout(self, timeout: Duration) -> Self {
        Call { timeout: Some(timeout), ..self }
    }

    /// It does no harm to carry it out twice: if its worker dies, it is made again, so many times at most.
    pub const fn idempotent(self, retries: u32) -> Self {
        Call { retries, ..self }
    }

    /// The W3C trace context that it belongs to.
    pub const fn traceparent(self, traceparent: &'a str) -> Self {
        Call { traceparent: Some(traceparent), ..self }
    }
}

/// What a pool is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many workers there should be.
    pub size: usize,
    /// How many are ready.
    pub ready: usize,
    /// How many calls wait for a worker.
    pub waiting: usize,
    /// How many calls workers have.
    pub running: usize,
    /// How many calls were answered, with a result or an error.
    pub completed: u64,
    /// How many workers have ended after they were ready.
    pub ended: u64,
}

impl Pool {
    /// A pool of a script or a program, told by what is there: a script by its name (`.js`, `.mjs`, `.ts`
    /// and so on), a program by its permissions. Messages are written in the `advanced` mode.
    pub fn builder(path: impl AsRef<OsStr>) -> Builder {
        Builder::path(path.as_ref())
    }

    /// A pool of a Node module that is started like this.
    pub fn fork(fork: Fork) -> Builder {
        Builder::fork(fork)
    }

    /// A pool of a program that is started like this, with a channel.
    pub fn command(command: Command) -> Builder {
        Builder::command(command)
    }

    fn start(runtime: &Handle, shared: Arc<Shared>) -> Self {
        for _ in 0..shared.size {
            runtime.spawn(life::keep_filled(shared.clone()));
        }
        Pool(Arc::new(Owner(shared)))
    }

    /// Waits until all workers are ready.
    ///
    /// # Errors
    /// [`PoolError::Start`] if none starts, [`PoolError::Closed`] if the pool ends before.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn ready(&self) -> Result<(), PoolError> {
        let ready = |shared: &Shared| {
            if let Some(reason) = shared.failure() {
                return Some(Err(PoolError::Start { reason }));
            }
            if shared.phase() != Phase::Open {
                return Some(Err(PoolError::Closed));
            }
            (shared.workers().len() == shared.size).then_some(Ok(()))
        };
        self.shared().until(ready).await
    }

    /// Calls a method of one of the workers, and waits for its result. A struct or a map travels as
    /// parameters by name, any other value as the only one, and `()` as none.
    ///
    /// # Errors
    /// [`PoolError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the call is cancelled: it leaves the queue, or its worker is told, and is
    /// replaced if it does not react in time.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Result<R, PoolError> {
        self.call_with(method, params, Call::new()).await
    }

    /// [`call`](Self::call) with options.
    ///
    /// # Errors
    /// [`PoolError`].
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
    pub async fn call_with<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
        how: Call<'_>,
    ) -> Result<R, PoolError> {
        let made = self.make(method, params, how);
        let result = match how.timeout {
            None => made.await,
            Some(timeout) => time::timeout(timeout, made).await.unwrap_or(Err(CallError::TimedOut.into())),
        };
        if matches!(result, Ok(_) | Err(PoolError::Call(CallError::Rpc(_)))) {
            self.shared().completed.fetch_add(1, Ordering::Relaxed);
        }
        result?.decode_naming("result").map_err(|reason| CallError::Result(reason).into())
    }

    /// Makes a call, and again as long as it was not begun, or may be begun again.
    async fn make(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
        how: Call<'_>,
    ) -> Result<Part, PoolError> {
        let began = Instant::now();
        let taken = self.shared().take_on()?;
        let mut retries = how.retries;
        loop {
            let lease = taken.lease().await?;
            let left = how.timeout.map(|timeout| timeout.saturating_sub(began.elapsed()));
            let options = Options { stream: None, timeout: left, traceparent: how.traceparent };
            let call = match self.begin(&lease, method, params, options) {
                Err(CallError::Disconnected { .. }) => continue,
                call => call?,
            };
            let worker = lease.worker.clone();
            drop(lease);
            let outcome = call.await;
            match outcome {
                Ok(result) => return Ok(result),
                Err(CallError::Disconnected { begun: false }) => {}
                Err(CallError::Rpc(error)) if error.code == code::NOT_BEGUN => self.shared().leaves(&worker),
                Err(CallError::Disconnected { begun: true }) if retries > 0 => retries -= 1,
                Err(CallError::Disconnected { begun: true }) => {
                    return Err(PoolError::WorkerDied { how: worker.how_it_ended().await });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Calls a method whose result is a stream, and gives its items as they come. The worker sends no more
    /// than are read. Dropped before its end, it cancels the call.
    ///
    /// # Errors
    /// No worker can be had, or the parameters cannot be sent; the items have their own.
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
    pub async fn stream<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Result<Stream<R>, PoolError> {
        let taken = self.shared().take_on()?;
        loop {
            let lease = taken.lease().await?;
            match Stream::begin(&lease.worker.core, method, params) {
                Err(CallError::Disconnected { .. }) => {}
                stream => return Ok(stream?),
            }
        }
    }

    /// Replaces all workers by new ones, one after the other, such as for a new version of the program. No
    /// call fails for it: those that a worker has begun are waited for, and the others go to other workers.
    ///
    /// # Errors
    /// [`PoolError::Start`] if none starts any more, [`PoolError::Closed`] if the pool ends before.
    ///
    /// # Cancel safety
    /// If the future is dropped, the worker that is being replaced still is; the others stay.
    pub async fn reload(&self) -> Result<(), PoolError> {
        for worker in self.shared().workers() {
            self.shared().replace(&worker).await?;
        }
        Ok(())
    }

    /// What the pool is doing.
    pub fn stats(&self) -> Stats {
        let shared = self.shared();
        let workers = shared.workers();
        Stats {
            size: shared.size,
            ready: workers.len(),
            waiting: shared.waiting(),
            running: workers.iter().map(|worker| worker.busy()).sum(),
            completed: shared.completed.load(Ordering::Relaxed),
            ended: shared.restarts(),
        }
    }

    /// Takes no more calls, waits for those that were taken, and has the workers end. Those that do not
    /// in time are killed.
    ///
    /// # Cancel safety
    /// The pool takes no more calls if the future is dropped. To have it end, call this again, or drop the
    /// pool.
    pub async fn close(&self) {
        let shared = self.shared();
        shared.go_on_to(Phase::Closing);
        let is_idle = |shared: &Shared| {
            let is_idle = shared.taken() == 0 && shared.workers().iter().all(|worker| worker.busy() == 0);
            is_idle.then_some(())
        };
        shared.until(is_idle).await;
        shared.go_on_to(Phase::Ending);
        self.ended().await;
    }

    /// Kills the workers, and waits until they have ended. All calls fail.
    ///
    /// # Cancel safety
    /// The workers are killed even if the future is dropped.
    pub async fn destroy(&self) {
        self.shared().go_on_to(Phase::Destroyed);
        self.ended().await;
    }

    async fn ended(&self) {
        self.shared().until(|shared| (shared.places() == 0).then_some(())).await;
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    fn begin(
        &self,
        lease: &Lease,
        method: &str,
        params: &(impl Serialize + ?Sized),
        options: Options<'_>,
    ) -> Result<Watched, CallError> {
        let call = InFlight::begin(&lease.worker.core, method, params, options)?;
        Ok(Watched {
            id: call.id(),
            call: Some(call),
            worker: lease.worker.clone(),
            grace: self.shared().builder.grace,
        })
    }
}

/// A call whose worker is killed if it does not react to its being cancelled.
struct Watched {
    id: u64,
    /// There until the end.
    call: Option<InFlight>,
    worker: Arc<Worker>,
    grace: Duration,
}

impl Future for Watched {
    type Output = Result<Part, CallError>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        match &mut self.call {
            Some(call) => std::pin::Pin::new(call).poll(cx),
            None => std::task::Poll::Pending,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Cancels it, if it has not ended.
        self.call = None;
        if !self.worker.core.is_unanswered(self.id) {
            return;
        }
        let (id, grace, worker) = (self.id, self.grace, self.worker.clone());
        // Outside of a runtime nothing is left to watch it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                time::sleep(grace).await;
                if worker.core.is_unanswered(id) {
                    let why = format!("did not react to a cancelled call in {grace:?}");
                    worker.kill.send_replace(Some(why));
                }
            });
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
