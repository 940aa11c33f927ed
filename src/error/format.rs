//! Why a message cannot be written, or read.

use std::fmt;

use super::V8Error;
use super::brief::brief;

/// Why a message could not be written or read, in the words of its channel's serialization.
#[non_exhaustive]
pub enum FormatError {
    /// As JSON.
    Json(serde_json::Error),
    /// As V8 writes values, in the `advanced` mode.
    V8(V8Error),
}

impl FormatError {
    /// What it could not be written as, or read from.
    pub(super) fn format(&self) -> &'static str {
        match self {
            FormatError::Json(_) => "JSON",
            FormatError::V8(_) => "a V8 value",
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // It may repeat all of a text that is not what was asked for.
            FormatError::Json(e) => f.write_str(&brief(&e.to_string())),
            FormatError::V8(e) => e.fmt(f),
        }
    }
}

impl fmt::Debug for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            FormatError::Json(_) => "Json",
            FormatError::V8(_) => "V8",
        };
        f.debug_tuple(name).field(&format_args!("{self}")).finish()
    }
}

/// It says what the reason in it says, so what that came from comes next.
impl std::error::Error for FormatError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FormatError::Json(e) => e.source(),
            FormatError::V8(e) => e.source(),
        }
    }
}

impl From<serde_json::Error> for FormatError {
    fn from(e: serde_json::Error) -> Self {
        FormatError::Json(e)
    }
}

impl From<V8Error> for FormatError {
    fn from(e: V8Error) -> Self {
        FormatError::V8(e)
    }
}
