//! A name or an address that cannot be read.

use std::fmt;

use super::brief::brief;

/// A text that was to become a signal, a serialization or an address, and does not say one.
///
/// ```
/// use crossfork::Signal;
///
/// let error = "SIGFOO".parse::<Signal>().unwrap_err();
/// assert_eq!(error.to_string(), r#""SIGFOO" is not a signal: write a name such as SIGTERM"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    text: String,
    wanted: &'static str,
}

impl ParseError {
    /// `wanted` goes on where "... is not" ends.
    pub(crate) fn new(text: &str, wanted: &'static str) -> Self {
        ParseError { text: brief(text), wanted }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not {}", self.text, self.wanted)
    }
}

impl std::error::Error for ParseError {}
