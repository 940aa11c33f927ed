//! Strings as JavaScript has them.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;

/// A JavaScript string: UTF-16, in which surrogates need not come in pairs. One that is valid, as
/// nearly all are, is kept as UTF-8.
///
/// ```
/// use crossfork::v8::JsString;
///
/// assert_eq!(JsString::from("é").as_str(), Some("é"));
/// let lone = JsString::from_utf16(&[0x61, 0xd800]);
/// assert_eq!((lone.as_str(), &*lone.to_string_lossy()), (None, "a\u{fffd}"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsString(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Utf8(CompactString),
    /// Never what could be UTF-8: so equal strings are equal here.
    Utf16(Box<[u16]>),
}

impl JsString {
    /// The string of these units.
    pub fn from_utf16(units: &[u16]) -> Self {
        match CompactString::from_utf16(units) {
            Ok(text) => JsString(Repr::Utf8(text)),
            Err(_) => JsString(Repr::Utf16(units.into())),
        }
    }

    /// The string, unless it has a surrogate without its other half.
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::Utf8(text) => Some(text),
            Repr::Utf16(_) => None,
        }
    }

    /// The string, with U+FFFD for each surrogate without its other half.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Utf8(text) => Cow::Borrowed(text),
            Repr::Utf16(units) => Cow::Owned(String::from_utf16_lossy(units)),
        }
    }

    /// Its units, of which JavaScript's `length` is the number.
    pub fn encode_utf16(&self) -> impl Iterator<Item = u16> {
        let (text, units) = match &self.0 {
            Repr::Utf8(text) => (text.as_str(), &[][..]),
            Repr::Utf16(units) => ("", &**units),
        };
        text.encode_utf16().chain(units.iter().copied())
    }

    pub(super) fn units(&self) -> Result<&str, &[u16]> {
        match &self.0 {
            Repr::Utf8(text) => Ok(text),
            Repr::Utf16(units) => Err(units),
        }
    }

    /// The array index that this key is, if it is one: `"0"`, and not `"00"`.
    pub(super) fn as_index(&self) -> Option<u32> {
        index_of(self.as_str()?)
    }
}

/// The array index that a key is: up to 2^32 - 2, in its shortest form.
pub(super) fn index_of(key: &str) -> Option<u32> {
    let bytes = key.as_bytes();
    let plain = match bytes {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < 10 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !plain {
        return None;
    }
    key.parse().ok().filter(|index| *index != u32::MAX)
}

impl fmt::Debug for JsString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Utf8(text) => fmt::Debug::fmt(text, f),
            Repr::Utf16(units) => {
                f.write_str("\"")?;
                for unit in char::decode_utf16(units.iter().copied()) {
                    match unit {
                        Ok(c) => write!(f, "{}", c.escape_debug())?,
                        Err(lone) => write!(f, "\\u{{{:x}}}", lone.unpaired_surrogate())?,
                    }
                }
                f.write_str("\"")
            }
        }
    }
}

impl fmt::Display for JsString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_string_lossy())
    }
}

impl From<&str> for JsString {
    fn from(text: &str) -> Self {
        JsString(Repr::Utf8(text.into()))
    }
}

impl From<String> for JsString {
    fn from(text: String) -> Self {
        JsString(Repr::Utf8(text.into()))
    }
}

impl PartialEq<str> for JsString {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for JsString {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}
