//! Choices of the writer.

use super::tag::ViewKind;

/// How values are written in the `advanced` mode. The default can be read by every Node from 18
/// on.
///
/// ```
/// use crossfork::v8::{Options, Value, ViewKind, View, to_vec};
///
/// let halves = Value::View(View { kind: ViewKind::Float16Array, bytes: vec![0, 60].into() });
/// assert!(to_vec(&halves, &Options::new()).is_err());
/// assert!(to_vec(&halves, &Options::new().oldest_node(24)).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    oldest_node: u32,
    bytes: ViewKind,
}

impl Options {
    /// The default.
    pub const fn new() -> Self {
        Options { oldest_node: 18, bytes: ViewKind::Buffer }
    }

    /// The major version of the oldest Node that is to read what is written: 18 if nothing is said.
    /// What an older one cannot read, and would be ended by ([NEVER-3](crate::protocol#NEVER-3)), is written in a form that it can
    /// read if there is one, and refused otherwise:
    ///
    /// | since | what | otherwise |
    /// |---|---|---|
    /// | 20 | an `ArrayBuffer` that can be resized | a plain one |
    /// | 20 | a regular expression with the flag `v` | refused |
    /// | 22 | an error that is its own cause | refused |
    /// | 24 | a `Float16Array` | refused |
    /// | 24 | a regular expression with modifiers (`(?i:a)`) or two groups of the same name | refused |
    pub const fn oldest_node(self, major: u32) -> Self {
        Options { oldest_node: major, ..self }
    }

    /// Writes bytes (`Vec<u8>`, and what serde calls bytes) as `Uint8Array`, not as Node's `Buffer`.
    pub const fn bytes_as_uint8_array(self) -> Self {
        Options { bytes: ViewKind::Uint8Array, ..self }
    }

    pub(crate) const fn reads(&self, since: u32) -> bool {
        self.oldest_node >= since
    }

    pub(crate) const fn bytes(&self) -> ViewKind {
        self.bytes
    }
}

impl Default for Options {
    fn default() -> Self {
        Options::new()
    }
}
