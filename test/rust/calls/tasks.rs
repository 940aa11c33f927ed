//! The pool for tasks, used from threads.

use std::sync::Arc;

use crossfork::Error;
use crossfork::calls::CallError;
pub use crossfork::tokio::pool::{Builder, Call, Event, OutputStream, PoolError, Stats, WorkerState};
pub use crossfork::tokio::{Command, Context, Fork, Pool, Service};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::runtime::Runtime;

#[derive(Clone, Debug)]
pub struct Started {
    pool: Pool,
    runtime: Arc<Runtime>,
}

pub fn start(builder: Builder) -> Result<Started, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let pool = {
        let _inside = runtime.enter();
        builder.start()?
    };
    Ok(Started { pool, runtime: Arc::new(runtime) })
}

/// With a set-up that calls a method of the worker.
pub fn with_set_up(builder: Builder, method: &'static str) -> Builder {
    builder.set_up(move |peer| async move { peer.call::<IgnoredAny>(method, &()).await.map(drop) })
}

type Pooled<T> = Result<T, PoolError>;

impl Started {
    pub fn ready(&self) -> Pooled<()> {
        self.runtime.block_on(self.pool.ready())
    }
    pub fn call<R: DeserializeOwned>(&self, method: &str, params: &(impl Serialize + ?Sized)) -> Pooled<R> {
        self.runtime.block_on(self.pool.call(method, params))
    }
    pub fn call_with<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
        how: Call<'_>,
    ) -> Pooled<R> {
        self.runtime.block_on(self.pool.call_with(method, params, how))
    }
    pub fn stream<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Pooled<Stream<R>> {
        self.stream_with(method, params, Call::new())
    }
    pub fn stream_with<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
        how: Call<'_>,
    ) -> Pooled<Stream<R>> {
        let stream = self.runtime.block_on(self.pool.stream_with(method, params, how))?;
        Ok(Stream { stream, runtime: self.runtime.clone() })
    }
    pub fn call_all<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Vec<Result<R, CallError>> {
        self.runtime.block_on(self.pool.call_all(method, params))
    }
    pub fn notify(&self, method: &str, params: &(impl Serialize + ?Sized)) -> Result<(), CallError> {
        self.pool.notify(method, params)
    }
    pub fn notify_key(
        &self,
        key: &str,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Result<(), CallError> {
        self.pool.notify_key(key, method, params)
    }
    pub fn room(&self) -> Pooled<()> {
        self.runtime.block_on(self.pool.room())
    }
    pub fn drained(&self) {
        self.runtime.block_on(self.pool.drained());
    }
    pub fn cancel_waiting(&self) {
        self.pool.cancel_waiting();
    }
    pub fn reload(&self) -> Pooled<()> {
        self.runtime.block_on(self.pool.reload())
    }
    pub fn stats(&self) -> Stats {
        self.pool.stats()
    }
    pub fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }
    pub fn close(&self) -> usize {
        self.runtime.block_on(self.pool.close())
    }
    pub fn destroy(&self) {
        self.runtime.block_on(self.pool.destroy());
    }
}

pub struct Stream<R> {
    stream: crossfork::tokio::pool::Stream<R>,
    runtime: Arc<Runtime>,
}

impl<R: DeserializeOwned> Iterator for Stream<R> {
    type Item = Pooled<R>;
    fn next(&mut self) -> Option<Pooled<R>> {
        self.runtime.block_on(self.stream.next())
    }
}

#[path = "pool.rs"]
mod pool;
#[path = "recycling.rs"]
mod recycling;
#[path = "seeing.rs"]
mod seeing;

/// What only tasks have: a call is cancelled when its future is dropped.
#[test]
fn a_dropped_future_leaves_the_queue_and_makes_room_in_it() {
    let started = start(pool::pool(1).concurrency(pool::n(1)).max_queue(1)).unwrap();
    let (pool, runtime) = (&started.pool, &started.runtime);
    runtime.block_on(async {
        pool.ready().await.unwrap();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move { pool.call::<u64>("rest", &100).await }
        });
        while pool.stats().running == 0 {
            tokio::task::yield_now().await;
        }
        let waiting = Box::pin(pool.call::<u64>("double", &1));
        let mut waiting = Some(waiting);
        std::future::poll_fn(|cx| {
            let polled = waiting.as_mut().unwrap().as_mut().poll(cx);
            assert!(polled.is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        let full = pool.call::<u64>("double", &1).await.unwrap_err();
        assert_eq!(full.code(), "ERR_QUEUE_FULL");
        waiting = None;
        assert_eq!((waiting.is_none(), pool.stats().waiting), (true, 0));
        assert_eq!(pool.call::<u64>("double", &2).await.unwrap(), 4);
        assert_eq!(busy.await.unwrap().unwrap(), 100);
        assert_eq!(pool.stats().cancelled, 1);
    });
}
