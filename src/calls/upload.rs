//! [`Upload`]: a parameter that is a stream.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{self, Serialize, SerializeStruct, Serializer};

use super::error::RpcError;
use super::id::Id;
use super::uploads::token;
use super::write;
use crate::error::Error;
use crate::message::body::Body;
use crate::message::encoder::Encoder;

/// The name of the struct that stands in the place of an upload.
pub(crate) const NAME: &str = "$crossfork::Upload";
/// Its property.
const PROPERTY: &str = "$/crossfork/upload";

/// A parameter that is a stream: its items travel while the call runs, and no more of them than the handler
/// reads.
///
/// A struct with an `Upload` in it is both what a caller passes and what a handler takes. The handler reads
/// the items with `Context::items`: as an iterator in [`blocking`](crate::blocking), as a `Stream` in `tokio`.
/// In Node, a parameter that is an async iterable or a generator is an upload.
///
/// ```
/// use crossfork::blocking::Context;
/// use crossfork::calls::{CallError, Upload};
///
/// #[derive(serde::Deserialize)]
/// struct Import {
///     table: String,
///     rows: Upload<(u32, String)>,
/// }
///
/// // In Node: pool.call('import', { table: 'people', rows })
/// fn import(job: Import, cx: &Context) -> Result<usize, CallError> {
///     let mut count = 0;
///     for row in cx.items(job.rows)? {
///         let (_id, _name) = row?;
///         count += 1;
///     }
///     Ok(count)
/// }
/// ```
///
/// The items are sent while the caller waits for the result of the call. Between items the caller looks at its
/// timeout, at a cancellation and at the answer. An iterator whose `next` waits holds them up for as long, for
/// nothing can interrupt it: in a task, prefer a `Stream`. A call cannot be made again with the
/// same upload, for its items are gone.
pub struct Upload<T> {
    inner: Mutex<Inner>,
    items: PhantomData<fn() -> T>,
}

enum Inner {
    /// To be sent.
    Source(Source),
    /// To be read.
    Token(Id),
    Gone,
}

/// Writes the next item.
pub(crate) type Source =
    Box<dyn FnMut(&mut Context<'_>, &Encoder, &Id) -> Poll<Option<Result<Body, RpcError>>> + Send>;

type BoxError = Box<dyn StdError + Send + Sync>;

impl<T: Serialize + Send + 'static> Upload<T> {
    /// The items of an iterator. They are taken where the caller waits for the call.
    pub fn new(items: impl IntoIterator<Item = T, IntoIter: Send + 'static>) -> Self {
        let mut items = items.into_iter();
        Upload::of(move |_| Poll::Ready(items.next().map(Ok)))
    }

    /// The items of an iterator that can fail. The handler gets the error behind the items before it.
    pub fn try_new<E: Into<BoxError> + 'static>(
        items: impl IntoIterator<Item = Result<T, E>, IntoIter: Send + 'static>,
    ) -> Self {
        let mut items = items.into_iter();
        Upload::of(move |_| Poll::Ready(items.next().map(failing)))
    }

    /// The items of a `Stream`.
    pub fn stream(items: impl futures_core::Stream<Item = T> + Send + 'static) -> Self {
        let mut items = Box::pin(items);
        Upload::of(move |cx| items.as_mut().poll_next(cx).map(|item| item.map(Ok)))
    }

    /// The items of a `Stream` that can fail. The handler gets the error behind the items before it.
    pub fn try_stream<E: Into<BoxError> + 'static>(
        items: impl futures_core::Stream<Item = Result<T, E>> + Send + 'static,
    ) -> Self {
        let mut items = Box::pin(items);
        Upload::of(move |cx| items.as_mut().poll_next(cx).map(|item| item.map(failing)))
    }

    fn of(
        mut next: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<T, RpcError>>> + Send + 'static,
    ) -> Self {
        let written = move |cx: &mut Context<'_>, encoder: &Encoder, token: &Id| {
            next(cx).map(|item| {
                item.map(|item| {
                    let why = |error| RpcError::internal(format!("an item cannot be sent: {error}"));
                    write::item(encoder, token, &item?).map_err(why)
                })
            })
        };
        Upload { inner: Mutex::new(Inner::Source(Box::new(written))), items: PhantomData }
    }
}

fn failing<T, E: Into<BoxError>>(item: Result<T, E>) -> Result<T, RpcError> {
    item.map_err(|error| RpcError::of(error.into()))
}

impl<T> Upload<T> {
    fn take(&self) -> Inner {
        std::mem::replace(&mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner), Inner::Gone)
    }

    /// By what the other end calls it, if it came from there.
    pub(crate) fn into_token(self) -> Option<Id> {
        match self.take() {
            Inner::Token(token) => Some(token),
            Inner::Source(_) | Inner::Gone => None,
        }
    }
}

impl<T> fmt::Debug for Upload<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").finish_non_exhaustive()
    }
}

/// The uploads of a call that is being written.
struct Collecting {
    call: Id,
    sources: Vec<Source>,
}

thread_local! {
    static COLLECTING: RefCell<Option<Collecting>> = const { RefCell::new(None) };
}

/// Puts back what was there: a parameter's own code may make a call while it is written.
struct Before(Option<Collecting>);

impl Drop for Before {
    fn drop(&mut self) {
        COLLECTING.replace(self.0.take());
    }
}

/// Writes a call whose parameters may not have uploads among them.
pub(crate) fn without_uploads(write: impl FnOnce() -> Result<Body, Error>) -> Result<Body, Error> {
    let _before = Before(COLLECTING.take());
    write()
}

/// Writes a call, with the uploads that are among its parameters.
pub(crate) fn collected(
    call: u64,
    write: impl FnOnce() -> Result<Body, Error>,
) -> Result<(Body, Vec<Source>), Error> {
    let before = COLLECTING.replace(Some(Collecting { call: call.into(), sources: Vec::new() }));
    let _before = Before(before);
    let body = write()?;
    let sources = COLLECTING.take().map(|collecting| collecting.sources).unwrap_or_default();
    Ok((body, sources))
}

/// How many uploads were written so far.
pub(super) fn count() -> u32 {
    COLLECTING.with_borrow(|collecting| collecting.as_ref().map_or(0, |found| found.sources.len() as u32))
}

impl<T> Serialize for Upload<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // First, for one that only looks stops here.
        let mut object = serializer.serialize_struct(NAME, 1)?;
        let token = COLLECTING.with_borrow_mut(|collecting| match (collecting, self.take()) {
            (None, inner) => {
                *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = inner;
                Err("an Upload can only be a parameter of a call that one peer answers")
            }
            (Some(collecting), Inner::Source(source)) => {
                let token = token(&collecting.call, collecting.sources.len() as u32);
                collecting.sources.push(source);
                Ok(token)
            }
            (Some(_), _) => {
                Err("this Upload was already sent, or was received: create a new one for each call")
            }
        });
        object.serialize_field(PROPERTY, &token.map_err(ser::Error::custom)?)?;
        object.end()
    }
}

impl<'de, T> Deserialize<'de> for Upload<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UploadVisitor;
        impl<'de> de::Visitor<'de> for UploadVisitor {
            type Value = Box<str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a stream")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Box<str>, A::Error> {
                let mut token = None;
                while let Some(property) = map.next_key::<String>()? {
                    match property == PROPERTY {
                        true => token = Some(map.next_value()?),
                        false => drop(map.next_value::<de::IgnoredAny>()?),
                    }
                }
                token.ok_or_else(|| de::Error::invalid_type(de::Unexpected::Map, &self))
            }
        }
        let token = deserializer.deserialize_map(UploadVisitor)?;
        Ok(Upload { inner: Mutex::new(Inner::Token(Id::Text(token))), items: PhantomData })
    }
}
