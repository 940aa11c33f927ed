//! Bytes to messages and back: no descriptors, no I/O, no clock.

pub mod advanced;
pub mod control;
pub mod frame;
pub mod json;
pub mod v8;

use std::fmt;

/// How messages are written on a channel, announced in `NODE_CHANNEL_SERIALIZATION_MODE` (CH-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Serialization {
    /// One JSON text a line: the default of `child_process.fork`.
    #[default]
    Json,
    /// Values as V8 writes them, which JSON has no words for: `Map`, `Set`, `BigInt`, `Date`,
    /// `Buffer`, typed arrays, circular structures. Node's `{ serialization: 'advanced' }`.
    Advanced,
}

impl Serialization {
    /// The name that Node uses in its options and in the environment.
    pub fn as_str(self) -> &'static str {
        match self {
            Serialization::Json => "json",
            Serialization::Advanced => "advanced",
        }
    }

    /// The mode of this name, if it is one that this crate speaks.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Serialization::Json),
            "advanced" => Some(Serialization::Advanced),
            _ => None,
        }
    }
}

impl fmt::Display for Serialization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
