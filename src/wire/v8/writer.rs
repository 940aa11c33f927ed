//! The primitives of a record, written.

use super::bigint::BigInt;
use super::options::Options;
use super::tag::{self, ViewKind};
use super::text::{JsString, index_of};
use crate::error::{MAX_DEPTH, V8Error, V8ErrorKind};

type Result<T> = std::result::Result<T, V8Error>;

/// The longest string that V8 holds, in characters.
const MAX_STRING: usize = (1 << 29) - 24;

/// The whole numbers that a double holds exactly: JavaScript's safe integers.
pub(super) const MAX_SAFE: i64 = (1 << 53) - 1;

/// A record being written behind what is in the vector already.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) out: Vec<u8>,
    start: usize,
    next_id: u32,
    depth: usize,
    /// A reference was written.
    pub(super) has_references: bool,
    pub(super) options: Options,
}

impl Writer {
    /// Begins a record with its header. What is in `out` already must be even in length for
    /// two-byte strings to be aligned as V8 aligns them: counted from the frame's length prefix it
    /// is the same as from here (ADV-5).
    pub(crate) fn new(mut out: Vec<u8>, options: Options) -> Self {
        let start = out.len();
        out.extend_from_slice(&[tag::VERSION, tag::CURRENT as u8]);
        Writer { out, start, next_id: 0, depth: 0, has_references: false, options }
    }

    pub(crate) fn into_inner(self) -> Vec<u8> {
        self.out
    }

    #[inline]
    pub(crate) fn tag(&mut self, tag: u8) {
        self.out.push(tag);
    }

    /// Begins an object, which takes the next number (ADV-6), one level deeper.
    pub(crate) fn open(&mut self, tag: u8) -> Result<u32> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(V8Error::new(V8ErrorKind::TooDeep));
        }
        self.tag(tag);
        self.next_id += 1;
        Ok(self.next_id - 1)
    }

    pub(crate) fn close(&mut self) {
        self.depth -= 1;
    }

    /// Ends an object that has been opened: the tag, and how many things were in it.
    pub(crate) fn end(&mut self, tag: u8, count: usize) -> Result<()> {
        self.tag(tag);
        self.length(count)?;
        self.close();
        Ok(())
    }

    #[inline]
    pub(crate) fn varint(&mut self, value: u32) {
        varint(&mut self.out, value);
    }

    pub(crate) fn length(&mut self, length: usize) -> Result<()> {
        self.varint(u32::try_from(length).map_err(|_| V8Error::new(V8ErrorKind::TooLong))?);
        Ok(())
    }

    /// A varint of five bytes, to be filled in by [`fill`](Self::fill): a shorter number fits too.
    pub(crate) fn reserve(&mut self) -> usize {
        self.out.extend_from_slice(&[0x80, 0x80, 0x80, 0x80, 0]);
        self.out.len() - 5
    }

    pub(crate) fn fill(&mut self, at: usize, value: usize) -> Result<()> {
        let value = u32::try_from(value).map_err(|_| V8Error::new(V8ErrorKind::TooLong))?;
        for (i, byte) in self.out[at..at + 5].iter_mut().enumerate() {
            *byte |= (value >> (7 * i)) as u8 & 0x7f;
        }
        Ok(())
    }

    pub(crate) fn int32(&mut self, n: i32) {
        self.tag(tag::INT32);
        self.varint((n << 1 ^ n >> 31) as u32);
    }

    pub(crate) fn double(&mut self, n: f64) {
        // There is one NaN.
        let n = if n.is_nan() { f64::NAN } else { n };
        self.out.extend_from_slice(&n.to_le_bytes());
    }

    /// A number, as V8 writes it.
    pub(crate) fn number(&mut self, n: f64) {
        let whole = n as i32;
        // Not -0, which has the bits of no whole number.
        if f64::from(whole).to_bits() == n.to_bits() {
            return self.int32(whole);
        }
        self.tag(tag::DOUBLE);
        self.double(n);
    }

    /// A whole number: a number while it is one exactly, and a big integer beyond.
    #[inline]
    pub(crate) fn integer(&mut self, n: i64) -> Result<()> {
        if let Ok(small) = i32::try_from(n) {
            self.int32(small);
        } else if n.unsigned_abs() <= MAX_SAFE as u64 {
            self.tag(tag::DOUBLE);
            self.double(n as f64);
        } else {
            return self.big(&BigInt::from(n));
        }
        Ok(())
    }

    /// A big integer with its tag.
    pub(crate) fn big(&mut self, n: &BigInt) -> Result<()> {
        self.tag(tag::BIGINT);
        self.bigint(n)
    }

    /// What follows the tag of a big integer.
    pub(crate) fn bigint(&mut self, n: &BigInt) -> Result<()> {
        let bytes = n.magnitude().len() * 8;
        if bytes > 1 << 27 {
            return Err(V8Error::new(V8ErrorKind::TooLong));
        }
        self.varint((bytes as u32) << 1 | u32::from(n.is_negative()));
        n.magnitude().iter().for_each(|digit| self.out.extend_from_slice(&digit.to_le_bytes()));
        Ok(())
    }

    /// A string with its tag: in one byte a character where that is possible.
    pub(crate) fn str(&mut self, text: &str) -> Result<()> {
        if text.is_ascii() {
            self.one_byte(text.len())?;
            self.out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        // A byte from C4 on begins a character beyond U+00FF.
        if text.bytes().all(|byte| byte < 0xc4) {
            self.one_byte(text.chars().count())?;
            let begin = self.out.len();
            self.out.resize(begin + text.chars().count(), 0);
            for (place, c) in self.out[begin..].iter_mut().zip(text.chars()) {
                *place = c as u8;
            }
            return Ok(());
        }
        // Each character has one unit, and those of four bytes two.
        // Counted in bytes, block by block, which a processor does many at a time.
        let mut units = 0;
        for block in text.as_bytes().chunks(192) {
            let (mut characters, mut pairs) = (0u8, 0u8);
            for byte in block {
                characters += u8::from(byte & 0xc0 != 0x80);
                pairs += u8::from(*byte >= 0xf0);
            }
            units += usize::from(characters) + usize::from(pairs);
        }
        self.two_byte(units, text.encode_utf16())
    }

    pub(crate) fn js(&mut self, text: &JsString) -> Result<()> {
        match text.units() {
            Ok(text) => self.str(text),
            Err(units) => self.two_byte(units.len(), units.iter().copied()),
        }
    }

    fn one_byte(&mut self, length: usize) -> Result<()> {
        string_length(length)?;
        self.tag(tag::LATIN1);
        self.varint(length as u32);
        self.out.reserve(length);
        Ok(())
    }

    fn two_byte(&mut self, length: usize, units: impl Iterator<Item = u16>) -> Result<()> {
        string_length(length)?;
        let bytes = length * 2;
        // Counted from the beginning, the characters begin at an even place (ADV-5).
        let header = 1 + varint_length(bytes as u32);
        if (self.out.len() - self.start + header) % 2 == 1 {
            self.tag(tag::PADDING);
        }
        self.tag(tag::UTF16);
        self.varint(bytes as u32);
        let begin = self.out.len();
        self.out.resize(begin + bytes, 0);
        for (place, unit) in self.out[begin..].chunks_exact_mut(2).zip(units) {
            place.copy_from_slice(&unit.to_le_bytes());
        }
        Ok(())
    }

    /// The name of a property: V8 writes an array index as a number.
    pub(crate) fn key(&mut self, key: &str) -> Result<()> {
        match index_of(key) {
            Some(index) => self.number(index.into()),
            None => self.str(key)?,
        }
        Ok(())
    }

    pub(crate) fn js_key(&mut self, key: &JsString) -> Result<()> {
        match key.as_index() {
            Some(index) => self.number(index.into()),
            None => self.js(key)?,
        }
        Ok(())
    }

    /// Bytes behind their number.
    pub(crate) fn blob(&mut self, bytes: &[u8]) -> Result<()> {
        self.length(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// A view as Node's own layer writes it (ADV-9).
    pub(crate) fn view(&mut self, kind: ViewKind, bytes: &[u8]) -> Result<()> {
        if !bytes.len().is_multiple_of(kind.bytes_per_element()) {
            return Err(V8Error::new(V8ErrorKind::Invalid("a view must end with an element")));
        }
        let length = 3 + varint_length(bytes.len() as u32) + bytes.len();
        self.out.reserve(length + 3);
        self.pad_frame(length);
        self.open_view(kind)?;
        self.blob(bytes)?;
        self.close();
        Ok(())
    }

    /// A frame will be padded to a multiple of four bytes. A view that is all of its value is large,
    /// perhaps, and is not moved for that afterwards: the padding is put in front of it now.
    fn pad_frame(&mut self, length: usize) {
        let is_all = self.out.len() == self.start + 2 && self.start > 0;
        let end = self.out.len() + length;
        if is_all {
            self.out.resize(self.out.len() + end.next_multiple_of(4) - end, tag::PADDING);
        }
    }

    /// Begins a view: its bytes are to follow, behind their number.
    pub(crate) fn open_view(&mut self, kind: ViewKind) -> Result<()> {
        if kind == ViewKind::Float16Array {
            self.needs(24, "a Float16Array")?;
        }
        self.open(tag::HOST_OBJECT)?;
        self.varint(tag::HOST_VIEW);
        self.varint(kind.index());
        Ok(())
    }

    /// Refuses what would end a Node that may read this (NEVER-3).
    pub(crate) fn needs(&self, since: u32, what: &'static str) -> Result<()> {
        match self.options.reads(since) {
            true => Ok(()),
            false => Err(V8Error::new(V8ErrorKind::TooNew { what, since })),
        }
    }

    /// The number of the next object.
    pub(crate) fn next_id(&self) -> u32 {
        self.next_id
    }

    /// The object takes a second number (ADV-9).
    pub(crate) fn second_id(&mut self) {
        self.next_id += 1;
    }
}

#[inline]
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn string_length(length: usize) -> Result<()> {
    match length <= MAX_STRING {
        true => Ok(()),
        false => Err(V8Error::new(V8ErrorKind::TooLong)),
    }
}

fn varint_length(value: u32) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        0x20_0000..=0xfff_ffff => 4,
        _ => 5,
    }
}
