//! The primitives of a record, read from bytes.

use std::borrow::Cow;

use super::tag;
use super::text::JsString;
use crate::error::{MAX_DEPTH, V8Error, V8ErrorKind};

/// A place in a record. No count or length that it reads is believed before the bytes are there.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

/// The characters of a string, as they are written.
#[derive(Clone, Copy)]
pub(crate) enum Text<'a> {
    Latin1(&'a [u8]),
    /// Little-endian, and even in length.
    Utf16(&'a [u8]),
    Utf8(&'a [u8]),
}

type Result<T> = std::result::Result<T, V8Error>;

impl<'a> Reader<'a> {
    /// Reads the header of a record (ADV-1). Version 15 is the only one on this channel.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader { bytes, at: 0, depth: 0 };
        match bytes.first() {
            None => return Err(reader.error(V8ErrorKind::Truncated)),
            Some(&tag::VERSION) => reader.at = 1,
            Some(_) => return Err(reader.error(V8ErrorKind::NoHeader)),
        }
        match reader.varint()? {
            tag::CURRENT => Ok(reader),
            version => Err(V8Error::at(V8ErrorKind::Version(version), 1)),
        }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Goes on from somewhere else in the same record.
    pub(crate) fn seek(&mut self, at: usize) {
        self.at = at;
    }

    pub(crate) fn record(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn error(&self, kind: V8ErrorKind) -> V8Error {
        V8Error::at(kind, self.at)
    }

    pub(crate) fn invalid<T>(&self, what: &'static str) -> Result<T> {
        Err(self.error(V8ErrorKind::Invalid(what)))
    }

    /// Goes one level deeper.
    #[inline]
    pub(crate) fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(V8ErrorKind::TooDeep));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// The end of the record.
    pub(crate) fn end(&self) -> Result<()> {
        match self.remaining() {
            0 => Ok(()),
            count => Err(self.error(V8ErrorKind::TrailingBytes(count))),
        }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.error(V8ErrorKind::Truncated))?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        if length > self.remaining() {
            return Err(self.error(V8ErrorKind::Truncated));
        }
        let bytes = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(bytes)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u32> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(first.into());
        }
        let mut value = u64::from(first & 0x7f);
        for shift in [7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value).or_else(|_| self.invalid("a number has more than 32 bits"));
            }
        }
        self.invalid("a number has more than 32 bits")
    }

    #[inline]
    pub(crate) fn int32(&mut self) -> Result<i32> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1) as i32 ^ -((zigzag & 1) as i32))
    }

    #[inline]
    pub(crate) fn double(&mut self) -> Result<f64> {
        let bytes = self.take(8)?;
        Ok(f64::from_le_bytes(bytes.try_into().unwrap_or_default()))
    }

    /// The next tag, behind any padding.
    #[inline]
    pub(crate) fn tag(&mut self) -> Result<u8> {
        loop {
            let tag = self.byte()?;
            if tag != tag::PADDING {
                return Ok(tag);
            }
        }
    }

    /// The next tag, without reading it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<u8> {
        let start = self.at;
        let tag = self.tag();
        self.at = if tag.is_ok() { self.at - 1 } else { start };
        tag
    }

    /// Reads the tag if it is this one.
    #[inline]
    pub(crate) fn eat(&mut self, tag: u8) -> Result<bool> {
        let found = self.peek()? == tag;
        self.at += usize::from(found);
        Ok(found)
    }

    /// Whether this tag comes next. It need not: there may be nothing.
    #[inline]
    pub(crate) fn next_is(&mut self, tag: u8) -> bool {
        matches!(self.peek(), Ok(next) if next == tag)
    }

    /// Bytes behind their number.
    #[inline]
    pub(crate) fn blob(&mut self) -> Result<&'a [u8]> {
        let length = self.varint()?;
        self.take(length as usize)
    }

    /// A string of which the tag is read already; `None` if it is no string's.
    #[inline]
    pub(crate) fn text(&mut self, tag: u8) -> Result<Option<Text<'a>>> {
        Ok(Some(match tag {
            tag::LATIN1 => Text::Latin1(self.blob()?),
            tag::UTF8 => Text::Utf8(self.blob()?),
            tag::UTF16 => match self.blob()? {
                units if units.len().is_multiple_of(2) => Text::Utf16(units),
                _ => return self.invalid("half a UTF-16 unit"),
            },
            _ => return Ok(None),
        }))
    }

    /// A string with its tag.
    pub(crate) fn string(&mut self) -> Result<Text<'a>> {
        let tag = self.tag()?;
        match self.text(tag)? {
            Some(text) => Ok(text),
            None => self.invalid("a string was expected"),
        }
    }

    /// The digits of a big integer, and whether it is negative.
    pub(crate) fn bigint(&mut self) -> Result<(bool, &'a [u8])> {
        let bitfield = self.varint()?;
        let length = (bitfield >> 1) as usize;
        // What V8 holds: 2^30 bits.
        if length > 1 << 27 {
            return Err(self.error(V8ErrorKind::TooLong));
        }
        Ok((bitfield & 1 == 1, self.take(length)?))
    }

    /// The count at the end of a container, which must be that of what came.
    #[inline]
    pub(crate) fn count(&mut self, came: usize) -> Result<()> {
        match self.varint()? as usize == came {
            true => Ok(()),
            false => Err(self.error(V8ErrorKind::WrongCount)),
        }
    }
}

impl<'a> Text<'a> {
    pub(crate) fn to_js(self) -> JsString {
        match self {
            Text::Utf16(bytes) => match utf16_to_utf8(bytes) {
                Some(text) => text.into(),
                None => JsString::from_utf16(&units(bytes).collect::<Vec<_>>()),
            },
            Text::Latin1(_) | Text::Utf8(_) => match self.to_str() {
                Some(Cow::Borrowed(text)) => text.into(),
                text => text.unwrap_or_default().into_owned().into(),
            },
        }
    }

    /// The string, unless it has a surrogate without its other half.
    pub(crate) fn to_str(self) -> Option<Cow<'a, str>> {
        match self {
            Text::Latin1(bytes) if bytes.is_ascii() => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Text::Latin1(bytes) => Some(Cow::Owned(bytes.iter().map(|b| char::from(*b)).collect())),
            Text::Utf16(bytes) => utf16_to_utf8(bytes).map(Cow::Owned),
            Text::Utf8(bytes) => Some(String::from_utf8_lossy(bytes)),
        }
    }

    /// Whether it is this ASCII text.
    pub(crate) fn is(self, ascii: &str) -> bool {
        match self {
            Text::Latin1(bytes) | Text::Utf8(bytes) => bytes == ascii.as_bytes(),
            Text::Utf16(bytes) => units(bytes).eq(ascii.bytes().map(u16::from)),
        }
    }

    /// Whether it begins with this ASCII text.
    pub(crate) fn starts_with(self, ascii: &str) -> bool {
        let length = ascii.len();
        match self {
            Text::Latin1(bytes) | Text::Utf8(bytes) => bytes.starts_with(ascii.as_bytes()),
            Text::Utf16(bytes) => bytes.get(..length * 2).is_some_and(|start| Text::Utf16(start).is(ascii)),
        }
    }
}

fn units(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
}

/// `None` if there is a surrogate without its other half.
fn utf16_to_utf8(bytes: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(bytes.len());
    for c in char::decode_utf16(units(bytes)) {
        text.push(c.ok()?);
    }
    Some(text)
}
