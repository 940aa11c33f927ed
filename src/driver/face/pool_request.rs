//! `pool::Request`: a call of a pool that is being prepared.

macro_rules! pool_request_face {
    (
        $(#[$example:meta])*
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::fmt;
        use std::sync::Arc;

        use serde::Serialize;
        use serde::de::DeserializeOwned;

        use super::{Call, PoolError, Stream, within};
        use crate::driver::calls::{self, Along, Attached};
        use crate::driver::pool::{self, Made, Shared};
        use crate::handle::{IntoOutgoing, ReceivedHandle};
        use crate::trace;

        /// A call of a pool that is being prepared: made by [`Pool::request`](super::Pool::request).
        ///
        $(#[$example])*
        #[must_use = "it is not made before `call`, `call_for_handle` or `stream`"]
        pub struct Request<'a, P: ?Sized> {
            shared: &'a Arc<Shared>,
            made: Made<'a, P>,
            along: Along,
        }

        impl<'a, P: Serialize + ?Sized> Request<'a, P> {
            pub(super) fn new(shared: &'a Arc<Shared>, method: &'a str, params: &'a P) -> Self {
                let made = Made { method, params, how: Call::new() };
                Request { shared, made, along: Along::default() }
            }

            /// Sets how the call is made: its timeout, its key and so on.
            pub fn with(mut self, how: Call<'a>) -> Self {
                self.made.how = how;
                self
            }

            /// Adds a handle: a socket, a server or a pipe. It travels alone, and what is sent behind it waits
            /// until the worker has it. A handler that does not take it closes it. It is closed here if the call
            /// is not sent.
            ///
            /// A worker gets it only if it has said that it takes handles: those with `serve` and with a
            /// [`Service`](super::Service) have when they are ready. To any other the call fails with
            /// [`CallError::Unsupported`](crate::calls::CallError::Unsupported). A call whose handle has been
            /// sent is not made again, even if it is [idempotent](Call::idempotent).
            pub fn handle(mut self, handle: impl IntoOutgoing) -> Self {
                self.along.attached = Some(Attached { handle: handle.into(), to_any_peer: false });
                self
            }

            /// [`handle`](Self::handle) for any other worker. One that does not look for handles may leave it
            /// open.
            pub fn handle_to_any_peer(mut self, handle: impl IntoOutgoing) -> Self {
                self.along.attached = Some(Attached { handle: handle.into(), to_any_peer: true });
                self
            }

            /// Sets a function that is told how far the call is: what the handler reports with `cx.progress`, in
            /// Rust or in Node. It gets the latest report. Earlier ones that it has not seen are left out, and so
            /// are those that are no `T`. A call that is made again reports again.
            ///
            $(#[$threads]
            /// It is called on the thread that waits for the call, or that reads its stream.
            )?
            $(#[$tasks]
            /// It is called in the task that waits for the call, or that reads its stream. It must not block.
            )?
            /// A panic in it is caught, and the call goes on.
            ///
            /// A peer of the Language Server Protocol reports progress if the parameters name a `workDoneToken`.
            pub fn on_progress<T: DeserializeOwned>(
                mut self,
                listener: impl Fn(T) + Send + Sync + 'static,
            ) -> Self {
                self.along.on_progress = Some(calls::listener(listener));
                self
            }

            /// Makes the call, and waits for its result. A handle that comes with it is closed.
            ///
            /// # Errors
            /// [`PoolError`].
            $(#[$tasks]
            /// # Cancel safety
            /// As [`Pool::call`](super::Pool::call).
            )?
            pub $($async)? fn call<R: DeserializeOwned>(self) -> Result<R, PoolError> {
                self.call_for_handle() $(.$await)? .map(|(result, _)| result)
            }

            /// [`call`](Self::call), and the handle that comes with the result.
            ///
            /// # Errors
            /// [`PoolError`].
            $(#[$tasks]
            /// # Cancel safety
            /// As [`Pool::call`](super::Pool::call). A handle that comes later is closed.
            )?
            pub $($async)? fn call_for_handle<R: DeserializeOwned>(
                self,
            ) -> Result<(R, Option<ReceivedHandle>), PoolError> {
                let Request { shared, mut made, along } = self;
                made.how = made.how.started(shared);
                let deadline = made.how.deadline();
                let call = trace::pool_call(made.method, pool::call(shared, made, along));
                within(deadline, call) $(.$await)? .unwrap_or_else(|error| Err(error.into()))
            }

            /// Makes the call, and gives the items of its result as they come, as
            /// [`Pool::stream`](super::Pool::stream) does. The timeout ends when the first item has come.
            ///
            /// # Errors
            /// [`PoolError`], if no worker can be had. The items have errors of their own.
            $(#[$tasks]
            /// # Cancel safety
            /// As [`Pool::call`](super::Pool::call).
            )?
            pub $($async)? fn stream<R: DeserializeOwned>(self) -> Result<Stream<R>, PoolError> {
                let Request { shared, mut made, along } = self;
                made.how = made.how.started(shared);
                let deadline = made.how.deadline();
                let call = trace::pool_call(made.method, pool::begin_stream(shared, made, along));
                let items = within(deadline, call) $(.$await)? ??;
                Ok(Stream::of(items))
            }
        }

        impl<P: ?Sized> fmt::Debug for Request<'_, P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("pool::Request").field("method", &self.made.method).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use pool_request_face;
