//! The format of V8's value serializer, as the `advanced` mode uses it, with Node's own layer for
//! views: [ADV-1](crate::protocol#ADV-1), and [ADV-4](crate::protocol#ADV-4) to
//! [ADV-9](crate::protocol#ADV-9). Useful by itself: bytes to values and back, without a channel.
//!
//! Two ways in, and two ways out:
//!
//! - [`Value`] holds whatever can travel, without loss: [`Value::decode`], [`Value::encode`];
//! - types of your own, by serde: [`from_slice`], [`to_vec`]. Objects, arrays and strings have
//!   the shape that they have in JSON; see there for what JSON has not.
//!
//! A type of your own may have a [`Value`] in it, for the parts that only JavaScript has, and
//! [`to_value`] and [`from_value`] turn one into the other.
//!
//! ```
//! use crossfork::v8::{self, Value};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Job {
//!     id: u64,
//!     image: Vec<u8>,
//!     due: Value,
//! }
//!
//! let job = Job { id: 1 << 40, image: vec![1, 2, 3], due: Value::Date(1e12) };
//! let record = v8::to_vec(&job, &v8::Options::new())?;
//! let value = Value::decode(&record)?;
//! assert_eq!(value.to_string(), "{ id: 1099511627776, image: <Buffer 01 02 03>, due: Date(1000000000000) }");
//! let job: Job = v8::from_slice(&record)?;
//! assert_eq!(job.image, [1, 2, 3]);
//! # Ok::<(), v8::Error>(())
//! ```
//!
//! `require('v8').serialize` writes nearly the same, without the layer: it reads none of this as
//! soon as there is a view in it, and the other way round.

mod access;
mod bigint;
mod convert;
pub(crate) mod de;
mod decode;
mod encode;
mod lossless;
mod names;
mod numbers;
mod options;
mod pattern;
#[cfg(feature = "calls")]
pub(crate) mod place;
mod print;
pub(crate) mod reader;
mod regexp;
mod ser;
pub(crate) mod tag;
mod text;
mod value;
pub(crate) mod walk;
pub(crate) mod writer;

use ::bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use bigint::{BigInt, OutOfRange};
pub use convert::{from_value, to_value};
pub use options::Options;
pub use regexp::{RegExp, RegExpFlags};
pub use tag::{ErrorKind, ViewKind};
pub use text::JsString;
pub use value::{BufferView, ErrorObject, Object, Shared, SparseArray, Value, View};

pub use crate::error::{MAX_DEPTH, V8Error as Error, V8ErrorKind as Kind};

use crate::error::V8Error;
use writer::Writer;

/// Writes a value of a type of your own as a record.
///
/// - Structs, maps and enums have the shape that serde_json gives them; `None` is `null`.
/// - Bytes are a Node `Buffer`: `Vec<u8>`, slices of `u8`, and what serde calls bytes (the crate
///   `serde_bytes`, which is faster for large ones, and certain where `Box`, `transparent` or `into`
///   hides the type). Arrays of a fixed length stay arrays.
/// - Whole numbers are numbers up to 2^53 - 1 and `BigInt`s beyond.
/// - [`Value`]s are themselves.
///
/// # Errors
/// What cannot be written, or what would end an older Node: see [`Options::oldest_node`].
pub fn to_vec<T: Serialize + ?Sized>(value: &T, options: &Options) -> Result<Vec<u8>, V8Error> {
    let mut record = Vec::with_capacity(128);
    to_writer(&mut record, value, options)?;
    Ok(record)
}

/// Appends a record. What is there already must be even in length.
pub(crate) fn to_writer<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    value: &T,
    options: &Options,
) -> Result<Written, V8Error> {
    let mut writer = Writer::new(std::mem::take(out), *options);
    let written = ser::value(&mut writer, value);
    let has_references = writer.has_references;
    *out = writer.into_inner();
    written.map(|()| Written { has_references })
}

/// What is known of a record that was written.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    /// It refers to objects by their numbers (ADV-6), and so cannot become a part of another record.
    #[cfg_attr(not(feature = "calls"), expect(dead_code))]
    pub(crate) has_references: bool,
}

/// Reads a record into a type of your own, which may borrow from it.
///
/// The shapes are those of [`to_vec`], and what JavaScript has besides reads as its nearest relative:
///
/// | JavaScript | reads as |
/// |---|---|
/// | `undefined`, a hole in an array | `null` |
/// | `Map`, `Set` | a map, a sequence |
/// | `Date` | its milliseconds |
/// | a typed array | a sequence of numbers, or bytes |
/// | an error | an object with `name`, `message`, `stack` and `cause` |
/// | a regular expression | text |
/// | `Object(1)` and other boxed primitives | the primitive |
///
/// An object that is referred to more than once is read again for each reference, up to 16 MiB in all.
///
/// # Errors
/// It is not a record, it is damaged, or it is not a `T`.
pub fn from_slice<'de, T: Deserialize<'de>>(record: &'de [u8]) -> Result<T, V8Error> {
    de::record(record)
}

impl Value {
    /// Reads a record: `FF 0F` and one value, to its end.
    ///
    /// # Errors
    /// It is not a record, or it is damaged.
    pub fn decode(record: &[u8]) -> Result<Value, V8Error> {
        decode::record(record, None)
    }

    /// [`decode`](Value::decode), in which large buffers share the record's memory.
    ///
    /// # Errors
    /// As [`decode`](Value::decode).
    pub fn decode_bytes(record: &Bytes) -> Result<Value, V8Error> {
        decode::record(record, Some(record))
    }

    /// Writes the value as a record.
    ///
    /// # Errors
    /// What cannot be written, or what would end an older Node: see [`Options::oldest_node`].
    pub fn encode(&self, options: &Options) -> Result<Vec<u8>, V8Error> {
        to_vec(self, options)
    }
}

/// How deep a record may be nested to go back to its author: a Node writes twice as deep as it reads,
/// which is 1,600 levels at least.
const MAX_RETURNED: usize = 1000;

/// Whether a record is whole, so that its author can read it.
///
/// # Errors
/// It is damaged, or too deep.
pub(crate) fn check(record: &[u8]) -> Result<(), V8Error> {
    match walk::survey(record)?.depth > MAX_RETURNED {
        true => Err(V8Error::new(Kind::Invalid("the value is nested deeper than a Node is sure to read"))),
        false => Ok(()),
    }
}
