//! Bytes to messages and back: no descriptors, no I/O, no clock.

pub mod advanced;
#[cfg(feature = "calls")]
pub(crate) mod base64;
pub mod control;
pub mod frame;
pub mod json;
pub mod v8;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::error::{ParseError, Quote};

/// How messages are encoded on a channel, announced in `NODE_CHANNEL_SERIALIZATION_MODE`
/// ([CH-2](crate::protocol#CH-2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Serialization {
    /// One JSON text per line: the default of `child_process.fork`.
    #[default]
    Json,
    /// V8's serialization format, which also holds what JSON cannot: `Map`, `Set`, `BigInt`, `Date`,
    /// `Buffer`, typed arrays, circular structures. Node's `{ serialization: 'advanced' }`.
    Advanced,
}

impl Serialization {
    /// The name in Node's options and in the environment.
    pub fn as_str(self) -> &'static str {
        match self {
            Serialization::Json => "json",
            Serialization::Advanced => "advanced",
        }
    }

    /// The mode with this name, if this crate supports it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Serialization::Json),
            "advanced" => Some(Serialization::Advanced),
            _ => None,
        }
    }
}

/// Quotes a message of the peer in an error. A V8 record is shown as its value, unless decoding it would take
/// long.
pub(crate) fn quote(serialization: Serialization, message: Bytes) -> Quote {
    const READ: usize = 16 * 1024;
    let is_record = serialization == Serialization::Advanced && message.len() <= READ;
    let value = is_record.then(|| v8::Value::decode_bytes(&message).ok()).flatten();
    Quote::new(message, value.as_ref().map(|value| value as &dyn fmt::Display))
}

/// Parses Node's name of a mode: `"json"`, `"advanced"`.
///
/// # Errors
/// [`ParseError`] if this crate does not support the mode.
impl FromStr for Serialization {
    type Err = ParseError;

    fn from_str(name: &str) -> Result<Self, ParseError> {
        Serialization::from_name(name)
            .ok_or_else(|| ParseError::new(name, "a serialization: write json or advanced"))
    }
}

impl fmt::Display for Serialization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
