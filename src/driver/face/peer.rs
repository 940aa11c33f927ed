//! `Peer`: the other end of a channel, to be called.

macro_rules! peer_face {
    (
        $name:literal $who:literal
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::fmt;
        use std::marker::PhantomData;
        use std::sync::Arc;
        use std::time::Duration;

        use serde::Serialize;
        use serde::de::DeserializeOwned;

        use crate::calls::{CallError, Offer, Upload, code};
        use crate::driver::calls::{self, Along, Answer, Attached, CloseOnDrop, Core, HELLO, InFlight, Items, Options, ROOM};
        use crate::error::Error;
        use crate::handle::{IntoOutgoing, ReceivedHandle};

        #[doc = concat!("The other end of a channel, to be called and notified by ", $who, ". It is cheap to clone.")]
        #[derive(Clone)]
        pub struct Peer {
            core: Arc<Core>,
            /// There if the channel is closed with the last clone.
            closing: Option<Arc<CloseOnDrop>>,
        }

        impl Peer {
            pub(super) fn new(core: Arc<Core>) -> Self {
                Peer { core, closing: None }
            }

            /// A peer whose last clone closes the channel.
            pub(super) fn closing(core: Arc<Core>) -> Self {
                Peer { closing: Some(Arc::new(CloseOnDrop(core.clone()))), core }
            }

            /// Calls a method, and waits for its result. A struct or a map travels as parameters by name, any
            /// other value as the only one, and `()` as none.
            ///
            /// # Errors
            /// [`CallError`]: the other end answers with an error, the result is not an `R`, the parameters
            /// cannot be sent, or the channel ends.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the call is cancelled. If it was sent, the other end gets a
            /// cancellation.
            )?
            pub $($async)? fn call<R: DeserializeOwned>(
                &self,
                method: &str,
                params: &(impl Serialize + ?Sized),
            ) -> Result<R, CallError> {
                self.request(method, params).call() $(.$await)?
            }

            /// [`call`](Self::call) with a timeout. The other end gets the deadline, and a cancellation when it
            /// has passed.
            ///
            /// # Errors
            /// [`CallError::TimedOut`]; otherwise as [`call`](Self::call).
            $(#[$tasks]
            /// # Cancel safety
            /// As [`call`](Self::call).
            )?
            pub $($async)? fn call_timeout<R: DeserializeOwned>(
                &self,
                method: &str,
                params: &(impl Serialize + ?Sized),
                timeout: Duration,
            ) -> Result<R, CallError> {
                self.request(method, params).timeout(timeout).call() $(.$await)?
            }

            /// Calls a method whose result is a stream, and gives its items as they come. The other end sends
            /// no more than are read. Dropped before its end, it cancels the call.
            ///
            /// # Errors
            /// The parameters cannot be sent, or the channel is over; the items have their own.
            pub fn stream<R: DeserializeOwned>(
                &self,
                method: &str,
                params: &(impl Serialize + ?Sized),
            ) -> Result<Stream<R>, CallError> {
                self.request(method, params).stream()
            }

            /// Sends a notification: a call without an answer. The other end handles notifications in the order
            /// in which they were sent.
            ///
            /// # Errors
            /// The parameters cannot be sent, or the channel is closed.
            pub fn notify(&self, method: &str, params: &(impl Serialize + ?Sized)) -> Result<(), CallError> {
                self.request(method, params).notify()
            }

            /// Prepares a call that has more than a method and parameters: a timeout, a handle, a trace, a function
            /// that is told of its progress.
            pub fn request<'a, P: Serialize + ?Sized>(&'a self, method: &'a str, params: &'a P) -> Request<'a, P> {
                Request { peer: self, method, params, timeout: None, traceparent: None, along: Along::default() }
            }
        }

        /// The beginning and the end.
        impl Peer {
            /// Waits until the other end is ready, and tells what it offers. Handles and uploads can be sent from
            /// then on, if it takes them. An end that is none of this project says nothing of itself, and counts
            /// as ready.
            ///
            /// # Errors
            /// As [`call`](Self::call): its set-up has failed, or the channel ends.
            $(#[$tasks]
            /// # Cancel safety
            /// Nothing is lost if the future is dropped.
            )?
            pub $($async)? fn ready(&self) -> Result<Offer, CallError> {
                offer(self.request(HELLO, &()).answer() $(.$await)?)
            }

            /// [`ready`](Self::ready) with a timeout.
            ///
            /// # Errors
            /// [`CallError::TimedOut`]; otherwise as [`ready`](Self::ready).
            $(#[$tasks]
            /// # Cancel safety
            /// As [`ready`](Self::ready).
            )?
            pub $($async)? fn ready_timeout(&self, timeout: Duration) -> Result<Offer, CallError> {
                offer(self.request(HELLO, &()).timeout(timeout).answer() $(.$await)?)
            }

            /// Closes the channel. Calls without an answer fail at once, and handlers that run are cancelled. What
            /// is queued, such as notifications, is still written, unless the other end does not read it within
            /// 5 seconds. Does not wait, and does nothing if the channel is closed already.
            ///
            /// The process at the other end is not killed. A worker of a pool is replaced, and the worker of a
            /// cluster is asked to shut down gracefully.
            pub fn close(&self) {
                self.core.close();
            }

            /// Whether calls can be made: the channel is open.
            pub fn is_connected(&self) -> bool {
                !self.core.is_over()
            }

            /// Waits until the channel is over. With a peer that `Service::connect` has returned, this also waits
            /// for handlers that run, so do not call it in one.
            ///
            /// # Errors
            /// What the channel or the set-up failed with, to the first who waits.
            $(#[$threads]
            /// # Panics
            /// In [`on_message`](super::Service::on_message), which would wait for itself.
            )?
            $(#[$tasks]
            /// # Cancel safety
            /// Nothing is lost if the future is dropped.
            )?
            pub $($async)? fn closed(&self) -> Result<(), Error> {
                if self.closing.is_some() {
                    return until_gone(&self.core) $(.$await)?;
                }
                until_over(&self.core) $(.$await)?;
                Ok(())
            }
        }

        /// What the other end has answered to a greeting.
        fn offer(answer: Result<Answer, CallError>) -> Result<Offer, CallError> {
            match answer {
                Ok(answer) => Ok(Offer::read(&answer.result)),
                // It is no end of ours.
                Err(CallError::Rpc(error)) if error.code == code::METHOD_NOT_FOUND => Ok(Offer::default()),
                Err(error) => Err(error),
            }
        }

        impl fmt::Debug for Peer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(concat!($name, "::Peer")).finish_non_exhaustive()
            }
        }

        /// A call that is being prepared: made by [`Peer::request`].
        #[must_use = "it is not sent before `call`, `stream` or `notify`"]
        pub struct Request<'a, P: ?Sized> {
            peer: &'a Peer,
            method: &'a str,
            params: &'a P,
            timeout: Option<Duration>,
            traceparent: Option<&'a str>,
            along: Along,
        }

        impl<'a, P: Serialize + ?Sized> Request<'a, P> {
            /// Sets how long the result is waited for. The other end gets the deadline, and a cancellation when
            /// it has passed.
            pub fn timeout(self, timeout: Duration) -> Self {
                Request { timeout: Some(timeout), ..self }
            }

            /// Sets the W3C trace context that the call belongs to.
            pub fn traceparent(self, traceparent: &'a str) -> Self {
                Request { traceparent: Some(traceparent), ..self }
            }

            /// Adds a handle: a socket, a server or a pipe. It travels alone, and what is sent behind it waits
            /// until the other end has it. A handler that does not take it closes it. To an end that has not
            /// said that it does so it is not sent.
            pub fn handle(mut self, handle: impl IntoOutgoing) -> Self {
                self.along.attached = Some(Attached { handle: handle.into(), to_any_peer: false });
                self
            }

            /// [`handle`](Self::handle) for any other end. One that does not look for handles may leave it open.
            pub fn handle_to_any_peer(mut self, handle: impl IntoOutgoing) -> Self {
                self.along.attached = Some(Attached { handle: handle.into(), to_any_peer: true });
                self
            }

            /// Sets a function that is told how far the call is: what the handler reports with `cx.progress`, in
            /// Rust or in Node. It gets the latest report. Earlier ones that it has not seen are left out, and so
            /// are those that are no `T`.
            ///
            $(#[$threads]
            /// It is called on the thread that waits for the call, and runs before that returns.
            )?
            $(#[$tasks]
            /// It is called in the task that waits for the call, and must not block.
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
            /// As [`Peer::call`]; and [`CallError::TimedOut`], or [`CallError::Unsupported`] for a handle or an
            /// upload.
            $(#[$tasks]
            /// # Cancel safety
            /// As [`Peer::call`].
            )?
            pub $($async)? fn call<R: DeserializeOwned>(self) -> Result<R, CallError> {
                let answer = self.answer() $(.$await)??;
                answer.result.decode_naming("result").map_err(CallError::Result)
            }

            /// [`call`](Self::call), and the handle that comes with the result.
            ///
            /// # Errors
            /// As [`call`](Self::call).
            $(#[$tasks]
            /// # Cancel safety
            /// As [`Peer::call`]. A handle that comes later is closed.
            )?
            pub $($async)? fn call_for_handle<R: DeserializeOwned>(
                self,
            ) -> Result<(R, Option<ReceivedHandle>), CallError> {
                let Answer { result, handle } = self.answer() $(.$await)??;
                Ok((result.decode_naming("result").map_err(CallError::Result)?, handle))
            }

            $($async)? fn answer(self) -> Result<Answer, CallError> {
                let timeout = self.timeout;
                // The parameters need not outlive this.
                let in_flight = self.begin(None)?;
                answer_within(in_flight, timeout) $(.$await)?
            }

            /// Makes the call, and gives the items of its result as they come, as [`Peer::stream`] does. The
            /// timeout is for the other end alone.
            ///
            /// # Errors
            /// As [`Peer::stream`].
            pub fn stream<R: DeserializeOwned>(self) -> Result<Stream<R>, CallError> {
                let peer = self.peer.clone();
                Ok(Stream { _peer: Some(peer), ..Stream::of(Items::Result(self.begin(Some(ROOM))?)) })
            }

            /// Sends a notification instead of a call.
            ///
            /// # Errors
            /// As [`Peer::notify`]; and [`CallError::Unsupported`] for a handle.
            pub fn notify(self) -> Result<(), CallError> {
                self.peer.core.notify(self.method, self.params, self.along.attached)
            }

            fn begin(self, stream: Option<u32>) -> Result<InFlight, CallError> {
                let Request { peer, method, params, timeout, traceparent, mut along } = self;
                let options = Options { stream, timeout, traceparent, ..Options::default() };
                InFlight::begin_with(&peer.core, method, params, options, &mut along)
            }
        }

        impl<P: ?Sized> fmt::Debug for Request<'_, P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
            }
        }

        /// The items of a result, or of a parameter, that is a stream. An error is the last item. Dropped before
        /// its end, it cancels the call that it is the result of; the caller that it is a parameter of sends no
        /// more.
        pub struct Stream<R> {
            /// There until the end.
            items: Option<Items>,
            /// So that the channel is not closed meanwhile.
            _peer: Option<Peer>,
            decoded: PhantomData<fn() -> R>,
        }

        impl<R: DeserializeOwned> Stream<R> {
            fn of(items: Items) -> Self {
                Stream { items: Some(items), _peer: None, decoded: PhantomData }
            }

            fn poll_item(
                &mut self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<R, CallError>>> {
                let Some(items) = &mut self.items else {
                    return std::task::Poll::Ready(None);
                };
                items.poll_item(cx).map(|item| {
                    let decode = |item: crate::message::part::Part| {
                        item.decode_naming("item").map_err(CallError::Result)
                    };
                    let item = item.map(|item| item.and_then(decode));
                    if !matches!(item, Some(Ok(_))) {
                        (self.items, self._peer) = (None, None);
                    }
                    item
                })
            }
        }

        impl<R> fmt::Debug for Stream<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(concat!($name, "::Stream")).finish_non_exhaustive()
            }
        }

        impl calls::Context<Peer> {
            /// Reads a parameter that is a stream. The caller sends its items when they are read, and no more
            /// than are read. A handler that drops the stream before its end tells the caller so.
            ///
            /// # Errors
            /// It is not a parameter of this call, or it was read before; or the caller has cancelled.
            pub fn items<T: DeserializeOwned>(&self, upload: Upload<T>) -> Result<Stream<T>, CallError> {
                Ok(Stream::of(Items::Upload(self.reading(upload)?)))
            }
        }
    };
}
pub(crate) use peer_face;
