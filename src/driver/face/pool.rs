//! `Pool`: workers that carry out calls, in other processes.

macro_rules! pool_face {
    (
        $(#[$example:meta])*
        $driver:ident
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::ffi::OsStr;
        use std::fmt;
        use std::marker::PhantomData;
        use std::sync::Arc;

        use serde::Serialize;
        use serde::de::DeserializeOwned;

        use super::{$driver, Channel, Child, Command, Fork, Peer, Process, Service, require_driver};
        use crate::calls::CallError;
        use crate::driver::pool::{self, Items, Owner, Shared};

        pub use builder::Builder;
        pub use crate::calls::pool::{Times, WorkerState, WorkerStats};
        pub use crate::driver::pool::{Call, Event, Output, OutputStream, PoolError, Stats};
        pub use request::Request;

        /// Worker processes that carry out calls: Node programs with `serve`, programs with a
        /// [`Service`], or any that speaks JSON-RPC 2.0 over the channel of `fork`.
        ///
        $(#[$example])*
        ///
        /// The least busy worker gets a call. If all have as many as they may, the call waits. A worker that ends
        /// is replaced. The calls that it had not begun go to another worker. The others fail with
        /// [`PoolError::WorkerDied`], unless they are [idempotent](Call::idempotent). A worker that does not react
        /// to a cancelled call is killed, and replaced.
        ///
        /// A pool is cheap to clone. When the last clone is dropped, the workers are killed.
        $(
            #[$threads]
            ///
            /// # Threads
            /// One thread reads and writes for all workers, and runs no code of yours. The functions of
            /// [`on_event`](Builder::on_event), [`on_output`](Builder::on_output) and
            /// [`on_message`](Service::on_message) are called on a second thread, one after the other, in the order
            /// of what they are told. A slow one does not hold up calls. They may call the pool: give such a call a
            /// timeout, for a worker that writes a lot may wait until the function returns. Methods that workers
            /// call, and [`set_up`](Builder::set_up), run on threads of their own.
            ///
            /// [`close`](Self::close) and [`destroy`](Self::destroy) also wait until these functions have been told
            /// everything, unless one of them calls it.
        )?
        #[derive(Clone)]
        pub struct Pool(Arc<Owner>);

        impl Pool {
            /// A pool of a script or a program, told by what is there: a script by its name (`.js`, `.mjs`,
            /// `.ts` and so on), a program by its permissions. A name without a slash that is no script's is a
            /// program on PATH. Messages are written in the `advanced` serialization.
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

            pub(super) fn new(shared: Arc<Shared>) -> Self {
                Pool(Arc::new(Owner(shared)))
            }

            fn shared(&self) -> &Arc<Shared> {
                &self.0.0
            }

            /// Waits until the least number of workers is ready. A [lazy](Builder::lazy) pool starts them now.
            ///
            /// # Errors
            /// [`PoolError::Start`] if no worker starts, [`PoolError::Closed`] if the pool ends before.
            $(#[$tasks]
            /// # Cancel safety
            /// Nothing is lost if the future is dropped.
            )?
            pub $($async)? fn ready(&self) -> Result<(), PoolError> {
                finish(self.shared().is_ready()) $(.$await)?
            }

            /// Calls a method of one of the workers, and waits for its result. A struct or a map travels as
            /// parameters by name, any other value as the only one, and `()` as none.
            ///
            /// # Errors
            /// [`PoolError`].
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the call is cancelled: it leaves the queue, or its worker is told.
            )?
            pub $($async)? fn call<R: DeserializeOwned>(
                &self,
                method: &str,
                params: &(impl Serialize + ?Sized),
            ) -> Result<R, PoolError> {
                self.call_with(method, params, Call::new()) $(.$await)?
            }

            /// [`call`](Self::call) with options.
            ///
            /// # Errors
            /// [`PoolError`].
            $(#[$tasks]
            /// # Cancel safety
            /// As [`call`](Self::call).
            )?
            pub $($async)? fn call_with<R: DeserializeOwned>(
                &self,
                method: &str,
                params: &(impl Serialize + ?Sized),
                how: Call<'_>,
            ) -> Result<R, PoolError> {
                self.request(method, params).with(how).call() $(.$await)?
            }

            /// Calls a method whose result is a stream. Returns when its first item has come, or its end. The
            /// worker sends no more items than are read. If the stream is dropped before its end, the call is
            /// cancelled.
            ///
            /// # Errors
            /// [`PoolError`], if no worker can be had. The items have errors of their own.
            $(#[$tasks]
            /// # Cancel safety
            /// As [`call`](Self::call).
            )?
            pub $($async)? fn stream<R: DeserializeOwned>(
                &self,
                method: &str,
                params: &(impl Serialize + ?Sized),
            ) -> Result<Stream<R>, PoolError> {
                self.stream_with(method, params, Call::new()) $(.$await)?
            }

            /// [`stream`](Self::stream) with options. The timeout ends when the first item has come.
            ///
            /// # Errors
            /// As [`stream`](Self::stream).
            $(#[$tasks]
            /// # Cancel safety
            /// As [`call`](Self::call).
            )?
            pub $($async)? fn stream_with<R: DeserializeOwned>(
                &self,
                method: &str,
                params: &(impl Serialize + ?Sized),
                how: Call<'_>,
            ) -> Result<Stream<R>, PoolError> {
                self.request(method, params).with(how).stream() $(.$await)?
            }

            /// Prepares a call that has more than options: a handle, or a function that is told of its progress.
            pub fn request<'a, P: Serialize + ?Sized>(
                &'a self,
                method: &'a str,
                params: &'a P,
            ) -> Request<'a, P> {
                Request::new(self.shared(), method, params)
            }

            /// Calls a method of every worker that takes calls, however busy it is, and gives the results in the
            /// order of the workers' starts. Such a call does not wait in the queue, and does not count against
            /// the concurrency. No [`Upload`](crate::calls::Upload) can be among the parameters: only one worker
            /// could read it.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the calls are cancelled.
            )?
            pub $($async)? fn call_all<R: DeserializeOwned>(
                &self,
                method: &str,
                params: &(impl Serialize + ?Sized),
            ) -> Vec<Result<R, CallError>> {
                finish(pool::call_all(self.shared(), method, params)) $(.$await)?
            }

            /// Notifies every worker that takes calls. A worker that starts later is not told.
            ///
            /// # Errors
            /// The parameters cannot be sent.
            pub fn notify(
                &self,
                method: &str,
                params: &(impl Serialize + ?Sized),
            ) -> Result<(), CallError> {
                self.shared().notify(method, params, None)
            }

            /// Notifies the worker that calls with this [key](Call::key) go to, if it is there.
            ///
            /// # Errors
            /// The parameters cannot be sent.
            pub fn notify_key(
                &self,
                key: &str,
                method: &str,
                params: &(impl Serialize + ?Sized),
            ) -> Result<(), CallError> {
                self.shared().notify(method, params, Some(key))
            }

            /// Waits until a worker is free, or the queue has [room](Builder::max_queue) for a call. Another caller may
            /// take it. If there is neither, a worker is started as for a call.
            ///
            /// # Errors
            /// [`PoolError::Start`] if no worker starts, [`PoolError::Closed`] if the pool ends before.
            $(#[$tasks]
            /// # Cancel safety
            /// Nothing is lost if the future is dropped.
            )?
            pub $($async)? fn room(&self) -> Result<(), PoolError> {
                finish(self.shared().room()) $(.$await)?
            }

            /// Waits until no call waits for a worker.
            $(#[$tasks]
            /// # Cancel safety
            /// Nothing is lost if the future is dropped.
            )?
            pub $($async)? fn drained(&self) {
                finish(self.shared().drained()) $(.$await)?
            }

            /// Has the calls that wait for a worker fail with [`PoolError::Cancelled`]. Calls that a worker has go
            /// on.
            pub fn cancel_waiting(&self) {
                self.shared().cancel_waiting();
            }

            /// Replaces all workers, one after the other, such as for a new version of the program. A new worker
            /// is ready before the old one stops, and no call fails for it.
            ///
            /// # Errors
            /// [`PoolError::Start`] if one does not start: then the workers that are left stay as they are.
            /// [`PoolError::Closed`] if the pool ends before.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the workers are replaced all the same.
            )?
            pub $($async)? fn reload(&self) -> Result<(), PoolError> {
                finish(self.shared().reload()) $(.$await)?
            }

            /// What the pool is doing, and has done.
            pub fn stats(&self) -> Stats {
                self.shared().stats()
            }

            /// Whether the pool takes no more calls.
            pub fn is_closed(&self) -> bool {
                self.shared().is_closed()
            }

            /// Takes no more calls, waits for those that were taken, and has the workers end. Returns how many
            /// workers had to be killed, because they did not end
            /// [in time](Builder::close_timeout).
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the pool ends all the same, as long as a clone of it is there.
            )?
            pub $($async)? fn close(&self) -> usize {
                finish(self.shared().close()) $(.$await)?
            }

            /// Kills the workers, and waits until they have ended. All calls fail with [`PoolError::Closed`].
            $(#[$tasks]
            /// # Cancel safety
            /// The workers are killed even if the future is dropped after its first poll.
            )?
            pub $($async)? fn destroy(&self) {
                self.shared().destroy();
                finish(self.shared().over()) $(.$await)?;
            }
        }

        impl fmt::Debug for Pool {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Pool")
                    .field("stats", &self.stats())
                    .finish_non_exhaustive()
            }
        }

        /// The items of a call whose result is a stream. An error is the last item.
        pub struct Stream<R> {
            items: Items,
            of: PhantomData<fn() -> R>,
        }

        impl<R> Stream<R> {
            fn of(items: Items) -> Self {
                Stream { items, of: PhantomData }
            }
        }

        impl<R> fmt::Debug for Stream<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("pool::Stream").finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use pool_face;
