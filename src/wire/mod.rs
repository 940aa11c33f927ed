//! Bytes to messages and back: no descriptors, no I/O, no clock.

pub mod control;
pub mod json;

use std::fmt;

/// How messages are written on a channel, announced in `NODE_CHANNEL_SERIALIZATION_MODE` (CH-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Serialization {
    /// One JSON text a line: the default of `child_process.fork`.
    #[default]
    Json,
}

impl Serialization {
    /// The name that Node uses in its options and in the environment.
    pub fn as_str(self) -> &'static str {
        match self {
            Serialization::Json => "json",
        }
    }

    /// The mode of this name, if it is one that this crate speaks.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Serialization::Json),
            _ => None,
        }
    }
}

impl fmt::Display for Serialization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
