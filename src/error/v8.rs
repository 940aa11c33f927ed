//! What is wrong with a record of V8's value serializer, or with a value that is to become one.

use std::fmt;

use super::brief::brief;

/// Why a record could not be read, or a value could not be written: see [`kind`](V8Error::kind).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V8Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: V8ErrorKind,
    at: Option<usize>,
}

/// The ways in which a record, or a value, can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum V8ErrorKind {
    /// The record ends inside a value, or announces more than it has.
    Truncated,
    /// The record does not begin with `FF` and a version.
    NoHeader,
    /// A version of the format other than 15, which is the one that Node 18 to 26 write ([ADV-1](crate::protocol#ADV-1)).
    Version(u32),
    /// A tag that begins no value.
    UnknownTag(u8),
    /// A kind of host object, or of view, that Node's own layer does not have ([ADV-9](crate::protocol#ADV-9)).
    UnknownHostObject(u32),
    /// A number of elements or properties that is not the number that came.
    WrongCount,
    /// A reference to an object that has not begun before it.
    NoSuchObject(u32),
    /// A value nested deeper than [`MAX_DEPTH`](crate::wire::v8::MAX_DEPTH).
    TooDeep,
    /// Bytes behind the value.
    TrailingBytes(usize),
    /// Anything else that Node would not read either.
    Invalid(&'static str),
    /// An object that contains itself, or so many references to large ones that reading each again
    /// would take too much: only [`Value`](crate::wire::v8::Value) can hold it.
    Shared,
    /// A value that would end a Node process older than this: see
    /// [`Options::oldest_node`](crate::wire::v8::Options::oldest_node) ([NEVER-3](crate::protocol#NEVER-3)).
    TooNew {
        /// What it is.
        what: &'static str,
        /// The first Node that reads it.
        since: u32,
    },
    /// A string or a buffer that is longer than V8 reads.
    TooLong,
    /// What the type that is read or written says. A long text is cut.
    Custom(String),
}

impl V8Error {
    #[cold]
    pub(crate) fn new(kind: V8ErrorKind) -> Self {
        V8Error(Box::new(Inner { kind, at: None }))
    }

    #[cold]
    pub(crate) fn at(kind: V8ErrorKind, at: usize) -> Self {
        V8Error(Box::new(Inner { kind, at: Some(at) }))
    }

    /// What is wrong.
    pub fn kind(&self) -> &V8ErrorKind {
        &self.0.kind
    }

    /// Where it was found, in bytes from the beginning of the record. `None` for a value that could
    /// not be written.
    pub fn offset(&self) -> Option<usize> {
        self.0.at
    }
}

impl fmt::Display for V8Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            V8ErrorKind::Truncated => f.write_str("the record ends inside a value"),
            V8ErrorKind::NoHeader => f.write_str("this is not a record of V8's serializer"),
            V8ErrorKind::Version(16) => f.write_str(
                "this is version 16 of V8's format, which Deno writes and Node does not read: \
                 use { serialization: 'json' } between Deno and others",
            ),
            V8ErrorKind::Version(version) => {
                write!(f, "this is version {version} of V8's format; Node 18 to 26 write version 15")
            }
            V8ErrorKind::UnknownTag(tag) => write!(f, "no value begins with the byte {tag:#04x}"),
            V8ErrorKind::UnknownHostObject(kind) => write!(f, "there is no host object of kind {kind}"),
            V8ErrorKind::WrongCount => f.write_str("element count does not match"),
            V8ErrorKind::NoSuchObject(id) => write!(f, "there is no object {id} to refer to"),
            V8ErrorKind::TooDeep => write!(f, "the value is nested deeper than {}", crate::error::MAX_DEPTH),
            V8ErrorKind::TrailingBytes(count) => write!(f, "{count} byte(s) follow the value"),
            V8ErrorKind::Invalid(what) => f.write_str(what),
            V8ErrorKind::Shared => {
                f.write_str("the value contains itself, or shares too much: read it as a v8::Value")
            }
            V8ErrorKind::TooNew { what, since } => write!(
                f,
                "{what} would end a Node process before version {since}: \
                 say v8::Options::new().oldest_node({since}) if the peer is newer"
            ),
            V8ErrorKind::TooLong => f.write_str("a string or a buffer is longer than V8 reads"),
            V8ErrorKind::Custom(text) => f.write_str(text),
        }?;
        match self.0.at {
            Some(at) => write!(f, " (at byte {at})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for V8Error {}

impl serde::ser::Error for V8Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        V8Error::new(V8ErrorKind::Custom(brief(&text.to_string())))
    }
}

impl serde::de::Error for V8Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        V8Error::new(V8ErrorKind::Custom(brief(&text.to_string())))
    }
}
