//! The pools of both drivers behind the same functions, used from threads, so that one body can be run for each.
#![allow(dead_code, unused_imports, reason = "each program uses some")]

/// The pool for threads.
pub mod blocking {
    use crossfork::Error;
    pub use crossfork::blocking::Pool as Started;
    pub use crossfork::blocking::pool::{Builder, Call, Event, OutputStream, PoolError, WorkerState};
    pub use crossfork::blocking::{Command, Context, Fork, Pool, Service};
    use serde::de::{DeserializeOwned, IgnoredAny};

    pub fn start(builder: Builder) -> Result<Started, Error> {
        builder.start()
    }

    /// With a set-up that calls a method of the worker.
    pub fn with_set_up(builder: Builder, method: &'static str) -> Builder {
        builder.set_up(move |peer| peer.call::<IgnoredAny>(method, &()).map(drop))
    }

    /// With a set-up that calls a method of the worker, and listens to its progress.
    pub fn with_set_up_that_listens<T: DeserializeOwned>(
        builder: Builder,
        method: &'static str,
        params: u32,
        listener: impl Fn(T) + Clone + Send + Sync + 'static,
    ) -> Builder {
        builder.set_up(move |peer| {
            peer.request(method, &params).on_progress(listener.clone()).call::<IgnoredAny>().map(drop)
        })
    }
}

/// The pool for tasks, in a runtime of its own.
pub mod tasks {
    use std::sync::Arc;

    use crossfork::calls::CallError;
    use crossfork::tokio::pool::{self, Stats};
    pub use crossfork::tokio::pool::{Builder, Call, Event, OutputStream, PoolError, WorkerState};
    pub use crossfork::tokio::{Command, Context, Fork, Pool, Service};
    use crossfork::{Error, IntoOutgoing, ReceivedHandle};
    use serde::Serialize;
    use serde::de::{DeserializeOwned, IgnoredAny};
    use tokio::runtime::Runtime;

    #[derive(Clone, Debug)]
    pub struct Started {
        pub pool: Pool,
        pub runtime: Arc<Runtime>,
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

    /// With a set-up that calls a method of the worker, and listens to its progress.
    pub fn with_set_up_that_listens<T: DeserializeOwned>(
        builder: Builder,
        method: &'static str,
        params: u32,
        listener: impl Fn(T) + Clone + Send + Sync + 'static,
    ) -> Builder {
        builder.set_up(move |peer| {
            let listener = listener.clone();
            async move {
                peer.request(method, &params).on_progress(listener).call::<IgnoredAny>().await.map(drop)
            }
        })
    }

    type Pooled<T> = Result<T, PoolError>;

    impl Started {
        pub fn ready(&self) -> Pooled<()> {
            self.runtime.block_on(self.pool.ready())
        }
        pub fn call<R: DeserializeOwned>(
            &self,
            method: &str,
            params: &(impl Serialize + ?Sized),
        ) -> Pooled<R> {
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
        pub fn request<'a, P: Serialize + ?Sized>(
            &'a self,
            method: &'a str,
            params: &'a P,
        ) -> Request<'a, P> {
            Request { request: self.pool.request(method, params), runtime: &self.runtime }
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

    pub struct Request<'a, P: ?Sized> {
        request: pool::Request<'a, P>,
        runtime: &'a Arc<Runtime>,
    }

    impl<'a, P: Serialize + ?Sized> Request<'a, P> {
        pub fn with(self, how: Call<'a>) -> Self {
            Request { request: self.request.with(how), ..self }
        }
        pub fn on_progress<T: DeserializeOwned>(self, listener: impl Fn(T) + Send + Sync + 'static) -> Self {
            Request { request: self.request.on_progress(listener), ..self }
        }
        pub fn handle(self, handle: impl IntoOutgoing) -> Self {
            Request { request: self.request.handle(handle), ..self }
        }
        pub fn handle_to_any_peer(self, handle: impl IntoOutgoing) -> Self {
            Request { request: self.request.handle_to_any_peer(handle), ..self }
        }
        pub fn call<R: DeserializeOwned>(self) -> Pooled<R> {
            self.runtime.block_on(self.request.call())
        }
        pub fn call_for_handle<R: DeserializeOwned>(self) -> Pooled<(R, Option<ReceivedHandle>)> {
            self.runtime.block_on(self.request.call_for_handle())
        }
        pub fn stream<R: DeserializeOwned>(self) -> Pooled<Stream<R>> {
            let stream = self.runtime.block_on(self.request.stream())?;
            Ok(Stream { stream, runtime: self.runtime.clone() })
        }
    }

    pub struct Stream<R> {
        stream: pool::Stream<R>,
        runtime: Arc<Runtime>,
    }

    impl<R: DeserializeOwned> Iterator for Stream<R> {
        type Item = Pooled<R>;
        fn next(&mut self) -> Option<Pooled<R>> {
            self.runtime.block_on(self.stream.next())
        }
    }
}
