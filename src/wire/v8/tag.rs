//! The bytes that begin things, and what some numbers stand for (ADV-4 to ADV-9).

/// The first byte of every record, before the version.
pub(crate) const VERSION: u8 = 0xff;
/// The version that Node 18 to 26 write (ADV-1).
pub(crate) const CURRENT: u32 = 15;
/// Skipped before any tag.
pub(crate) const PADDING: u8 = 0;

pub(crate) const UNDEFINED: u8 = b'_';
pub(crate) const NULL: u8 = b'0';
pub(crate) const TRUE: u8 = b'T';
pub(crate) const FALSE: u8 = b'F';
pub(crate) const INT32: u8 = b'I';
pub(crate) const UINT32: u8 = b'U';
pub(crate) const DOUBLE: u8 = b'N';
pub(crate) const BIGINT: u8 = b'Z';
pub(crate) const LATIN1: u8 = b'"';
pub(crate) const UTF16: u8 = b'c';
pub(crate) const UTF8: u8 = b'S';
/// A missing element of a dense array.
pub(crate) const HOLE: u8 = b'-';
/// An object that has begun before.
pub(crate) const REFERENCE: u8 = b'^';

pub(crate) const OBJECT: u8 = b'o';
pub(crate) const OBJECT_END: u8 = b'{';
pub(crate) const DENSE_ARRAY: u8 = b'A';
pub(crate) const DENSE_ARRAY_END: u8 = b'$';
pub(crate) const SPARSE_ARRAY: u8 = b'a';
pub(crate) const SPARSE_ARRAY_END: u8 = b'@';
pub(crate) const DATE: u8 = b'D';
pub(crate) const TRUE_OBJECT: u8 = b'y';
pub(crate) const FALSE_OBJECT: u8 = b'x';
pub(crate) const NUMBER_OBJECT: u8 = b'n';
pub(crate) const BIGINT_OBJECT: u8 = b'z';
pub(crate) const STRING_OBJECT: u8 = b's';
pub(crate) const REGEXP: u8 = b'R';
pub(crate) const MAP: u8 = b';';
pub(crate) const MAP_END: u8 = b':';
pub(crate) const SET: u8 = b'\'';
pub(crate) const SET_END: u8 = b',';
pub(crate) const ARRAY_BUFFER: u8 = b'B';
pub(crate) const RESIZABLE_ARRAY_BUFFER: u8 = b'~';
/// A view on the buffer that was just read. Node writes views as host objects instead.
pub(crate) const BUFFER_VIEW: u8 = b'V';
pub(crate) const ERROR: u8 = b'r';
pub(crate) const HOST_OBJECT: u8 = b'\\';

pub(crate) const ERROR_MESSAGE: u8 = b'm';
pub(crate) const ERROR_STACK: u8 = b's';
pub(crate) const ERROR_CAUSE: u8 = b'c';
pub(crate) const ERROR_END: u8 = b'.';

/// Node's own kinds of host objects (ADV-9).
pub(crate) const HOST_VIEW: u32 = 0;
pub(crate) const HOST_PLAIN: u32 = 1;

/// Which of JavaScript's views on binary data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ViewKind {
    /// `Int8Array`
    Int8Array,
    /// `Uint8Array`
    Uint8Array,
    /// `Uint8ClampedArray`
    Uint8ClampedArray,
    /// `Int16Array`
    Int16Array,
    /// `Uint16Array`
    Uint16Array,
    /// `Int32Array`
    Int32Array,
    /// `Uint32Array`
    Uint32Array,
    /// `Float32Array`
    Float32Array,
    /// `Float64Array`
    Float64Array,
    /// `DataView`
    DataView,
    /// Node's `Buffer`
    Buffer,
    /// `BigInt64Array`
    BigInt64Array,
    /// `BigUint64Array`
    BigUint64Array,
    /// `Float16Array`, which Node has from 24 on.
    Float16Array,
}

impl ViewKind {
    /// In the order of their numbers on the wire, each with its tag in a view on a buffer. A
    /// `Buffer` is a `Uint8Array` there.
    const ALL: [(ViewKind, u8); 14] = [
        (ViewKind::Int8Array, b'b'),
        (ViewKind::Uint8Array, b'B'),
        (ViewKind::Uint8ClampedArray, b'C'),
        (ViewKind::Int16Array, b'w'),
        (ViewKind::Uint16Array, b'W'),
        (ViewKind::Int32Array, b'd'),
        (ViewKind::Uint32Array, b'D'),
        (ViewKind::Float32Array, b'f'),
        (ViewKind::Float64Array, b'F'),
        (ViewKind::DataView, b'?'),
        (ViewKind::Buffer, b'B'),
        (ViewKind::BigInt64Array, b'q'),
        (ViewKind::BigUint64Array, b'Q'),
        (ViewKind::Float16Array, b'h'),
    ];

    pub(crate) fn from_index(index: u32) -> Option<Self> {
        ViewKind::ALL.get(index as usize).map(|(kind, _)| *kind)
    }

    pub(crate) fn index(self) -> u32 {
        ViewKind::ALL.iter().position(|(kind, _)| *kind == self).unwrap_or_default() as u32
    }

    pub(crate) fn from_view_tag(tag: u8) -> Option<Self> {
        ViewKind::ALL.iter().find(|(_, of)| *of == tag).map(|(kind, _)| *kind)
    }

    pub(crate) fn view_tag(self) -> u8 {
        ViewKind::ALL[self.index() as usize].1
    }

    /// The name of its class in JavaScript.
    pub fn as_str(self) -> &'static str {
        match self {
            ViewKind::Int8Array => "Int8Array",
            ViewKind::Uint8Array => "Uint8Array",
            ViewKind::Uint8ClampedArray => "Uint8ClampedArray",
            ViewKind::Int16Array => "Int16Array",
            ViewKind::Uint16Array => "Uint16Array",
            ViewKind::Int32Array => "Int32Array",
            ViewKind::Uint32Array => "Uint32Array",
            ViewKind::Float32Array => "Float32Array",
            ViewKind::Float64Array => "Float64Array",
            ViewKind::DataView => "DataView",
            ViewKind::Buffer => "Buffer",
            ViewKind::BigInt64Array => "BigInt64Array",
            ViewKind::BigUint64Array => "BigUint64Array",
            ViewKind::Float16Array => "Float16Array",
        }
    }

    /// How many bytes an element has: `BYTES_PER_ELEMENT`, and 1 for a `DataView`.
    pub fn bytes_per_element(self) -> usize {
        match self {
            ViewKind::Int8Array | ViewKind::Uint8Array | ViewKind::Uint8ClampedArray => 1,
            ViewKind::DataView | ViewKind::Buffer => 1,
            ViewKind::Int16Array | ViewKind::Uint16Array | ViewKind::Float16Array => 2,
            ViewKind::Int32Array | ViewKind::Uint32Array | ViewKind::Float32Array => 4,
            ViewKind::Float64Array | ViewKind::BigInt64Array | ViewKind::BigUint64Array => 8,
        }
    }
}

/// Which of JavaScript's error classes. Classes of your own arrive as the one that they extend
/// ([ADV-7](crate::protocol#ADV-7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `Error`
    #[default]
    Error,
    /// `EvalError`
    EvalError,
    /// `RangeError`
    RangeError,
    /// `ReferenceError`
    ReferenceError,
    /// `SyntaxError`
    SyntaxError,
    /// `TypeError`
    TypeError,
    /// `URIError`
    UriError,
}

impl ErrorKind {
    pub(crate) fn from_letter(letter: u8) -> Option<Self> {
        Some(match letter {
            b'E' => ErrorKind::EvalError,
            b'R' => ErrorKind::RangeError,
            b'F' => ErrorKind::ReferenceError,
            b'S' => ErrorKind::SyntaxError,
            b'T' => ErrorKind::TypeError,
            b'U' => ErrorKind::UriError,
            _ => return None,
        })
    }

    /// The letter on the wire; a plain `Error` has none.
    pub(crate) fn letter(self) -> Option<u8> {
        Some(match self {
            ErrorKind::Error => return None,
            ErrorKind::EvalError => b'E',
            ErrorKind::RangeError => b'R',
            ErrorKind::ReferenceError => b'F',
            ErrorKind::SyntaxError => b'S',
            ErrorKind::TypeError => b'T',
            ErrorKind::UriError => b'U',
        })
    }

    /// Its name in JavaScript.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Error => "Error",
            ErrorKind::EvalError => "EvalError",
            ErrorKind::RangeError => "RangeError",
            ErrorKind::ReferenceError => "ReferenceError",
            ErrorKind::SyntaxError => "SyntaxError",
            ErrorKind::TypeError => "TypeError",
            ErrorKind::UriError => "URIError",
        }
    }
}
