//! Calls to messages: each is one typed value that is written once, outside of all locks.

use serde::Serialize;

use super::error::{RpcError, Written};
use super::id::Id;
use super::params::{self, Wrapped};
use super::upload;
use crate::error::Error;
use crate::message::body::Body;
use crate::message::encoder::Encoder;

const VERSION: &str = "2.0";

/// What only our own ends read.
#[derive(Clone, Copy, Default, Serialize)]
pub(crate) struct Extra {
    /// This end reads bundles: said until the first message of ours has gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bundles: Option<u8>,
    /// The result may come as a stream, of which there is room for so many items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<u32>,
    /// How many milliseconds are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deadline: Option<u64>,
    /// The resident memory of this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rss: Option<u64>,
    /// How many of the parameters are streams. They are counted while they are written, before this.
    #[serde(skip_serializing_if = "Uploads::is_empty")]
    pub(crate) uploads: Uploads,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Uploads;

impl Uploads {
    fn is_empty(&self) -> bool {
        upload::count() == 0
    }
}

impl Serialize for Uploads {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(upload::count())
    }
}

impl Extra {
    pub(crate) fn announcing(announces: bool) -> Self {
        Extra { bundles: announces.then_some(1), ..Extra::default() }
    }

    /// Whether it says nothing. Asked behind the parameters.
    fn is_empty(&self) -> bool {
        let Extra { bundles, stream, deadline, rss, uploads } = self;
        bundles.is_none() && stream.is_none() && deadline.is_none() && rss.is_none() && uploads.is_empty()
    }
}

#[derive(Serialize)]
struct Call<'a, I, P> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<I>,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<P>,
    #[serde(skip_serializing_if = "Extra::is_empty")]
    crossfork: Extra,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
}

#[derive(Serialize)]
struct Answer<'a, T: ?Sized> {
    jsonrpc: &'static str,
    id: &'a Id,
    result: &'a T,
    #[serde(skip_serializing_if = "Extra::is_empty")]
    crossfork: Extra,
}

#[derive(Serialize)]
struct Failure<'a> {
    jsonrpc: &'static str,
    /// `null` if the call had none that can be answered.
    id: Option<&'a Id>,
    error: Written<'a>,
    #[serde(skip_serializing_if = "Extra::is_empty")]
    crossfork: Extra,
}

/// Writes a call.
pub(crate) fn call<P: Serialize + ?Sized>(
    encoder: &Encoder,
    id: u64,
    method: &str,
    params: &P,
    extra: Extra,
    traceparent: Option<&str>,
) -> Result<Body, Error> {
    let params = params::some(params).map(Wrapped);
    encoder.body(&Call { jsonrpc: VERSION, id: Some(id), method, params, crossfork: extra, traceparent })
}

/// Writes a call that is not answered.
pub(crate) fn notification<P: Serialize + ?Sized>(
    encoder: &Encoder,
    method: &str,
    params: &P,
) -> Result<Body, Error> {
    notify(encoder, method, params::some(params).map(Wrapped))
}

fn notify<P: Serialize>(encoder: &Encoder, method: &str, params: Option<P>) -> Result<Body, Error> {
    encoder.body(&Call {
        jsonrpc: VERSION,
        id: None::<u64>,
        method,
        params,
        crossfork: Extra::default(),
        traceparent: None,
    })
}

/// Writes a result.
pub(crate) fn result<T: Serialize + ?Sized>(
    encoder: &Encoder,
    id: &Id,
    result: &T,
    extra: Extra,
) -> Result<Body, Error> {
    encoder.body(&Answer { jsonrpc: VERSION, id, result, crossfork: extra })
}

/// Writes an error.
pub(crate) fn error(
    encoder: &Encoder,
    id: Option<&Id>,
    error: &RpcError,
    extra: Extra,
) -> Result<Body, Error> {
    encoder.body(&Failure { jsonrpc: VERSION, id, error: error.into(), crossfork: extra })
}

/// Writes that a call of ours is not wanted any more. Of another shape, this ends a peer that uses
/// vscode-jsonrpc.
pub(crate) fn cancel(encoder: &Encoder, id: u64) -> Result<Body, Error> {
    #[derive(Serialize)]
    struct Cancelled {
        id: u64,
    }
    notify(encoder, "$/cancelRequest", Some(Cancelled { id }))
}

/// Writes that this end has answered all that it has begun, and leaves: what it has not answered can be made
/// elsewhere.
pub(crate) fn left(encoder: &Encoder) -> Result<Body, Error> {
    notify(encoder, "$/crossfork/left", None::<()>)
}

/// Writes an item of a stream.
pub(crate) fn item<T: Serialize + ?Sized>(encoder: &Encoder, token: &Id, item: &T) -> Result<Body, Error> {
    #[derive(Serialize)]
    struct Items<'a, T: ?Sized> {
        items: [&'a T; 1],
    }
    progressed(encoder, token, &Items { items: [item] })
}

/// Writes how far a call of the other end is, which is an end of ours.
pub(crate) fn progress<T: Serialize + ?Sized>(
    encoder: &Encoder,
    token: &Id,
    progress: &T,
) -> Result<Body, Error> {
    #[derive(Serialize)]
    struct Progress<'a, T: ?Sized> {
        progress: &'a T,
    }
    progressed(encoder, token, &Progress { progress })
}

/// Writes progress as the Language Server Protocol has it.
pub(crate) fn progressed<T: Serialize + ?Sized>(
    encoder: &Encoder,
    token: &Id,
    value: &T,
) -> Result<Body, Error> {
    #[derive(Serialize)]
    struct Value<'a, T: ?Sized> {
        token: &'a Id,
        value: &'a T,
    }
    notify(encoder, "$/progress", Some(Value { token, value }))
}

/// Writes that there is room for more items of a stream.
pub(crate) fn credit(encoder: &Encoder, token: impl Into<Id>, n: u64) -> Result<Body, Error> {
    #[derive(Serialize)]
    struct Credit {
        token: Id,
        n: u64,
    }
    notify(encoder, "$/crossfork/credit", Some(Credit { token: token.into(), n }))
}

/// Writes that there are no more items of an upload.
pub(crate) fn upload_end(encoder: &Encoder, token: &Id) -> Result<Body, Error> {
    #[derive(Serialize)]
    struct End {
        end: bool,
    }
    progressed(encoder, token, &End { end: true })
}

/// Writes what an upload has failed with.
pub(crate) fn upload_error(encoder: &Encoder, token: &Id, error: &RpcError) -> Result<Body, Error> {
    #[derive(Serialize)]
    struct Failed<'a> {
        error: Written<'a>,
    }
    progressed(encoder, token, &Failed { error: error.into() })
}

/// Writes that nobody reads an upload any more.
pub(crate) fn upload_left(encoder: &Encoder, token: &Id) -> Result<Body, Error> {
    #[derive(Serialize)]
    struct Left<'a> {
        token: &'a Id,
    }
    notify(encoder, "$/crossfork/leave", Some(Left { token }))
}
