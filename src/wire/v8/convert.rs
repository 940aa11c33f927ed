//! Rust's own values as JavaScript's, and types of your own to and from a [`Value`].

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bigint::BigInt;
use super::options::Options;
use super::text::JsString;
use super::value::{ErrorObject, Value};
use super::writer::MAX_SAFE;
use super::{from_slice, to_vec};
use crate::error::V8Error;

/// Makes a [`Value`] of a type of your own, in the shape that [`to_vec`] gives it.
///
/// ```
/// use crossfork::v8;
///
/// #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
/// struct Point {
///     x: f64,
///     y: Option<f64>,
/// }
///
/// let value = v8::to_value(&Point { x: 1.5, y: None })?;
/// assert_eq!(value.to_string(), "{ x: 1.5, y: null }");
/// assert_eq!(v8::from_value::<Point>(&value)?, Point { x: 1.5, y: None });
/// # Ok::<(), v8::Error>(())
/// ```
///
/// # Errors
/// What cannot be written, or is nested too deeply.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, V8Error> {
    Value::decode_bytes(&to_vec(value, &Options::new().oldest_node(u32::MAX))?.into())
}

/// Reads a [`Value`] into a type of your own, as [`from_slice`] does it.
///
/// # Errors
/// The value is not a `T`, or cannot be written, as a reference to a label that nothing has.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, V8Error> {
    from_slice(&value.encode(&Options::new().oldest_node(u32::MAX))?)
}

macro_rules! numbers {
    ($($int:ty),*) => {$(
        impl From<$int> for Value {
            fn from(n: $int) -> Self {
                Value::Number(n.into())
            }
        }
    )*};
}

numbers!(i8, u8, i16, u16, i32, u32, f32, f64);

macro_rules! large_numbers {
    ($($int:ty as $wide:ty),*) => {$(
        /// A number up to 2^53 - 1, and a `BigInt` beyond: as [`to_vec`] writes it.
        impl From<$int> for Value {
            fn from(n: $int) -> Self {
                let n = n as $wide;
                if n.abs_diff(0) <= MAX_SAFE as u64 { Value::Number(n as f64) } else { BigInt::from(n).into() }
            }
        }
    )*};
}

large_numbers!(i64 as i64, u64 as u64, isize as i64, usize as u64);

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text.into())
    }
}

impl From<Cow<'_, str>> for Value {
    fn from(text: Cow<'_, str>) -> Self {
        Value::String((*text).into())
    }
}

impl From<JsString> for Value {
    fn from(text: JsString) -> Self {
        Value::String(text)
    }
}

impl From<BigInt> for Value {
    fn from(n: BigInt) -> Self {
        Value::BigInt(n)
    }
}

impl From<ErrorObject> for Value {
    fn from(error: ErrorObject) -> Self {
        Value::Error(Box::new(error))
    }
}

/// A Node `Buffer`.
impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Value::buffer(bytes)
    }
}

/// A `Date`, in whole milliseconds.
impl From<SystemTime> for Value {
    fn from(time: SystemTime) -> Self {
        Value::Date(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => after.as_millis() as f64,
            Err(e) => -(e.duration().as_millis() as f64),
        })
    }
}

/// An array. For a `Buffer`, write [`Value::buffer`].
impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(values: [T; N]) -> Self {
        values.into_iter().collect()
    }
}

/// `None` is `null`, as in the `json` mode.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// An array.
impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Value::Array(values.into_iter().map(Into::into).collect())
    }
}

/// An object. For a `Map`, write [`Value::Map`].
impl<K: Into<JsString>, V: Into<Value>> From<BTreeMap<K, V>> for Value {
    fn from(map: BTreeMap<K, V>) -> Self {
        Value::object(map.into_iter().map(|(key, value)| (key, value.into())))
    }
}

/// An object, with its properties in any order.
impl<K: Into<JsString>, V: Into<Value>, S> From<HashMap<K, V, S>> for Value {
    fn from(map: HashMap<K, V, S>) -> Self {
        Value::object(map.into_iter().map(|(key, value)| (key, value.into())))
    }
}

/// The same value; whole numbers beyond 2^53 - 1 become `BigInt`s. The way back is
/// [`serde_json::to_value`], which leaves out what JSON has not, as JavaScript does.
impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Value::Null,
            Json::Bool(b) => b.into(),
            Json::Number(n) => match (n.as_u64(), n.as_i64()) {
                (Some(n), _) => n.into(),
                (None, Some(n)) => n.into(),
                (None, None) => n.as_f64().unwrap_or(f64::NAN).into(),
            },
            Json::String(text) => text.into(),
            Json::Array(values) => values.into(),
            Json::Object(properties) => {
                Value::object(properties.into_iter().map(|(key, value)| (key, value.into())))
            }
        }
    }
}
