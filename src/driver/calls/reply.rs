//! [`Reply`]: what a handler may return, and how it becomes an answer.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use serde::Serialize;

use super::core::Core;
use super::in_flight::Attached;
use super::job::Running;
use crate::calls::machine::Credit;
use crate::calls::{RpcError, WithHandle, write};
use crate::handle::Outgoing;
use crate::message::body::Body;

/// How many items are collected for a caller who does not ask for a stream.
const MOST_COLLECTED: usize = 1 << 16;

/// What a handler may return: a `Result` whose value serde can write, or an iterator or a stream of such
/// values, or of `Result`s with such values. A [`WithHandle`] brings a handle. The error is any error.
///
/// `K` tells these apart, and is inferred. A type that is both a value and an iterator, such as `Range`, is made
/// one of them by an adapter such as [`fuse`](Iterator::fuse).
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "the handler returns this",
    note = "a handler returns a `Result<T, E>`: `T` is a value that serde can write, or an iterator or a stream of such values, and `E` is an error"
)]
pub trait Reply<K>: Sized {
    #[doc(hidden)]
    fn reply(self, to: Replying) -> Outcome;
}

/// The result is one value.
pub struct Plain(());
/// The result is one value, with a handle.
pub struct Handed(());
/// The result is an iterator of values.
pub struct Items(());
/// The result is an iterator of results.
pub struct TryItems(());
/// The result is a stream of values.
pub struct Stream(());
/// The result is a stream of results.
pub struct TryStream(());

/// What a handler has come to.
#[doc(hidden)]
pub enum Outcome {
    /// The answer; `None` for a notification.
    Done(Option<Body>),
    /// It comes later, behind the items of a stream.
    Later(Pin<Box<dyn Future<Output = Option<Body>> + Send>>),
}

/// Where an answer goes.
#[doc(hidden)]
#[derive(Clone)]
pub struct Replying {
    core: Arc<Core>,
    running: Option<Arc<Running>>,
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl<T: Serialize, E: Into<BoxError>> Reply<Plain> for Result<T, E> {
    fn reply(self, to: Replying) -> Outcome {
        Outcome::Done(match self {
            Ok(value) => to.result(&value),
            Err(error) => to.error(&RpcError::of(error.into())),
        })
    }
}

impl<T: Serialize, E: Into<BoxError>> Reply<Handed> for Result<WithHandle<T>, E> {
    fn reply(self, to: Replying) -> Outcome {
        Outcome::Done(match self {
            Ok(WithHandle { result, handle, to_any_peer }) => match to
                .core
                .allowed(Some(Attached { handle, to_any_peer }))
            {
                Ok(handle) => to.result_with(&result, handle),
                Err(error) => to.error(&RpcError::internal(format!("the result cannot be sent: {error}"))),
            },
            Err(error) => to.error(&RpcError::of(error.into())),
        })
    }
}

impl<I, T, E> Reply<Items> for Result<I, E>
where
    I: Iterator<Item = T> + Send + 'static,
    T: Serialize + Send + 'static,
    E: Into<BoxError>,
{
    fn reply(self, to: Replying) -> Outcome {
        to.later(self, |mut items| move |_: &mut std::task::Context<'_>| Poll::Ready(items.next().map(Ok)))
    }
}

impl<I, T, E, F> Reply<TryItems> for Result<I, E>
where
    I: Iterator<Item = Result<T, F>> + Send + 'static,
    T: Serialize + Send + 'static,
    E: Into<BoxError>,
    F: Into<BoxError> + 'static,
{
    fn reply(self, to: Replying) -> Outcome {
        to.later(self, |items| {
            let mut items = items.map(of);
            move |_: &mut std::task::Context<'_>| Poll::Ready(items.next())
        })
    }
}

impl<S, T, E> Reply<Stream> for Result<S, E>
where
    S: futures_core::Stream<Item = T> + Send + 'static,
    T: Serialize + Send + 'static,
    E: Into<BoxError>,
{
    fn reply(self, to: Replying) -> Outcome {
        to.later(self, |stream| {
            let mut stream = Box::pin(stream);
            move |cx: &mut std::task::Context<'_>| stream.as_mut().poll_next(cx).map(|item| item.map(Ok))
        })
    }
}

impl<S, T, E, F> Reply<TryStream> for Result<S, E>
where
    S: futures_core::Stream<Item = Result<T, F>> + Send + 'static,
    T: Serialize + Send + 'static,
    E: Into<BoxError>,
    F: Into<BoxError> + 'static,
{
    fn reply(self, to: Replying) -> Outcome {
        to.later(self, |stream| {
            let mut stream = Box::pin(stream);
            move |cx: &mut std::task::Context<'_>| stream.as_mut().poll_next(cx).map(|item| item.map(of))
        })
    }
}

fn of<T, E: Into<BoxError>>(item: Result<T, E>) -> Result<T, RpcError> {
    item.map_err(|error| RpcError::of(error.into()))
}

impl Replying {
    pub(super) fn new(core: Arc<Core>, running: Option<Arc<Running>>) -> Self {
        Replying { core, running }
    }

    /// The answer with a result.
    pub(super) fn result<T: Serialize + ?Sized>(&self, value: &T) -> Option<Body> {
        self.result_with(value, None)
    }

    fn result_with<T: Serialize + ?Sized>(&self, value: &T, handle: Option<Outgoing>) -> Option<Body> {
        let id = &self.running.as_ref()?.id;
        match write::result(self.core.encoder(), id, value, self.core.answer_extra()) {
            Ok(body) => Some(body.with_handle(handle)),
            Err(error) => self.error(&RpcError::internal(format!("the result cannot be sent: {error}"))),
        }
    }

    /// The answer with an error.
    pub(crate) fn error(&self, error: &RpcError) -> Option<Body> {
        let running = self.running.as_ref()?;
        let error = error.clone().of_handler(running.is_cancelled());
        write::error(self.core.encoder(), Some(&running.id), &error, self.core.answer_extra()).ok()
    }

    /// The answer behind items, each of which `next` gives.
    fn later<V, T, E, N>(self, result: Result<V, E>, next: impl FnOnce(V) -> N) -> Outcome
    where
        T: Serialize + Send + 'static,
        E: Into<BoxError>,
        N: FnMut(&mut std::task::Context<'_>) -> Poll<Option<Result<T, RpcError>>> + Send + 'static,
    {
        let mut next = match result {
            Ok(value) => next(value),
            Err(error) => return Outcome::Done(self.error(&RpcError::of(error.into()))),
        };
        Outcome::Later(Box::pin(async move {
            let sent = match self.running.as_ref().is_some_and(|running| running.streams) {
                true => self.send(&mut next).await.map(|()| self.result(&())),
                false => self.collect(&mut next).await.map(|items| self.result(&items)),
            };
            sent.unwrap_or_else(|error| self.error(&error))
        }))
    }

    async fn send<T: Serialize>(
        &self,
        next: &mut impl FnMut(&mut std::task::Context<'_>) -> Poll<Option<Result<T, RpcError>>>,
    ) -> Result<(), RpcError> {
        let Some(running) = &self.running else {
            return Ok(());
        };
        loop {
            // First, so that no item is made that nobody has asked for.
            self.credit(running).await?;
            let Some(item) = poll_fn(&mut *next).await else {
                return Ok(());
            };
            let body = write::item(self.core.encoder(), &running.id, &item?)
                .map_err(|error| RpcError::internal(format!("an item cannot be sent: {error}")))?;
            self.core.queue_item(&running.id, body);
            poll_fn(|cx| self.core.poll_room(cx)).await;
        }
    }

    /// Waits until an item may be sent.
    async fn credit(&self, running: &Running) -> Result<(), RpcError> {
        let taken = poll_fn(|cx| {
            running.wake_on_change(cx.waker());
            match self.core.visit().calls.take_credit(&running.id) {
                Credit::Wait => Poll::Pending,
                Credit::Taken => Poll::Ready(true),
                Credit::Gone => Poll::Ready(false),
            }
        });
        if taken.await { Ok(()) } else { Err(RpcError::cancelled()) }
    }

    async fn collect<T: Serialize>(
        &self,
        next: &mut impl FnMut(&mut std::task::Context<'_>) -> Poll<Option<Result<T, RpcError>>>,
    ) -> Result<Vec<T>, RpcError> {
        let mut items = Vec::new();
        while let Some(item) = poll_fn(&mut *next).await {
            if self.running.as_ref().is_some_and(|running| running.is_cancelled()) {
                return Err(RpcError::cancelled());
            }
            if items.len() == MOST_COLLECTED {
                let why = format!("the result has more than {MOST_COLLECTED} items: ask for it as a stream");
                return Err(RpcError::internal(why));
            }
            items.push(item?);
        }
        Ok(items)
    }
}

/// Drives what comes later on this thread, as `wait` does it.
impl Outcome {
    pub(crate) fn wait(
        self,
        wait: impl FnOnce(Pin<&mut (dyn Future<Output = Option<Body>> + Send)>) -> Option<Body>,
    ) -> Option<Body> {
        match self {
            Outcome::Done(answer) => answer,
            Outcome::Later(later) => wait(pin!(later)),
        }
    }
}
