//! Types of your own, read straight from a record.

use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::access::{Dense, ErrorFields, Pairs, PairsOf, Sparse, Values, Variant};
use super::bigint::BigInt;
use super::names::Name;
use super::numbers::Numbers;
use super::reader::{Reader, Text};
use super::regexp::RegExpFlags;
use super::tag::{self, ViewKind};
use super::walk::{self, Survey};
use super::{decode, lossless};
use crate::error::{V8Error, V8ErrorKind};

type Result<T> = std::result::Result<T, V8Error>;

/// How many bytes may be read again for references to them, besides once the record's length.
const MAX_REREAD: usize = 16 << 20;

/// Reads a whole record.
pub(super) fn record<'de, T: Deserialize<'de>>(record: &'de [u8]) -> Result<T> {
    let mut de = De::new(record)?;
    let value = de.next(PhantomData::<T>)?;
    de.reader.end()?;
    Ok(value)
}

/// How many holes the arrays of a record may have, besides eight for each byte: a hole costs nothing
/// to write.
const MAX_HOLES: usize = 1024;

/// A place in a record, from which values are read.
pub(crate) struct De<'de> {
    pub(super) reader: Reader<'de>,
    /// Made when the first reference is met.
    survey: Option<Arc<Survey>>,
    /// How many bytes may still be read again.
    budget: usize,
    /// Where the objects begin that are being read again.
    rereading: Vec<usize>,
    /// How many holes arrays may still have.
    holes: usize,
}

impl<'de> De<'de> {
    pub(super) fn new(record: &'de [u8]) -> Result<Self> {
        let reader = Reader::new(record)?;
        Ok(De {
            reader,
            survey: None,
            budget: MAX_REREAD + record.len(),
            rereading: Vec::new(),
            holes: MAX_HOLES + 8 * record.len(),
        })
    }

    /// Takes a survey of the record that was made before.
    #[cfg(feature = "calls")]
    pub(super) fn share(&mut self, survey: Option<Arc<Survey>>) {
        self.survey = survey;
    }

    fn survey(&mut self) -> Result<&Survey> {
        let survey = match self.survey.take() {
            Some(survey) => survey,
            None => Arc::new(walk::survey(self.reader.record())?),
        };
        Ok(self.survey.insert(survey))
    }

    /// Behind the tag of a reference: reads what it refers to with `read`, and comes back.
    fn follow<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let id = self.reader.varint()?;
        let position = self.survey()?.position(id);
        let at = position.ok_or_else(|| self.reader.error(V8ErrorKind::NoSuchObject(id)))?;
        if self.rereading.contains(&at) {
            return Err(self.reader.error(V8ErrorKind::Shared));
        }
        let back = self.reader.at();
        self.reader.seek(at);
        if self.has_view()? {
            return Err(self.reader.error(V8ErrorKind::Shared));
        }
        self.rereading.push(at);
        let value = read(self)?;
        self.rereading.pop();
        self.spend(self.reader.at() - at + walk::REREAD)?;
        self.reader.seek(back);
        Ok(value)
    }

    /// Whether here is a view on a buffer, or a buffer with one. Nobody writes these and refers to
    /// them.
    fn has_view(&self) -> Result<bool> {
        let mut ahead = self.reader.clone();
        Ok(match ahead.tag()? {
            tag::BUFFER_VIEW => true,
            tag::ARRAY_BUFFER => ahead.blob().is_ok() && ahead.next_is(tag::BUFFER_VIEW),
            _ => false,
        })
    }

    /// An array takes its holes, all of them counted as such.
    pub(super) fn take_holes(&mut self, count: usize) -> Result<()> {
        match self.holes.checked_sub(count) {
            Some(left) => self.holes = left,
            None => return self.reader.invalid("an array of holes nearly all of it: read it as a v8::Value"),
        }
        Ok(())
    }

    fn spend(&mut self, bytes: usize) -> Result<()> {
        self.budget = match self.budget.checked_sub(bytes) {
            Some(left) => left,
            None => return Err(self.reader.error(V8ErrorKind::Shared)),
        };
        Ok(())
    }

    /// A value as itself.
    fn value(&mut self) -> Result<super::Value> {
        if walk::may_refer(self.reader.record()) {
            self.survey()?;
        }
        let (value, reread) = decode::value(&mut self.reader, self.survey.as_deref(), self.budget)?;
        self.spend(reread)?;
        Ok(value)
    }

    fn any<V: Visitor<'de>>(&mut self, tag: u8, visitor: V) -> Result<V::Value> {
        match tag {
            tag::INT32 => visitor.visit_i64(self.reader.int32()?.into()),
            tag::LATIN1 | tag::UTF16 | tag::UTF8 => match self.reader.text(tag)? {
                Some(text) => self.text(text, visitor),
                None => Err(walk::unknown(&self.reader, tag)),
            },
            tag::UNDEFINED | tag::NULL => visitor.visit_unit(),
            tag::TRUE => visitor.visit_bool(true),
            tag::FALSE => visitor.visit_bool(false),
            tag::UINT32 => visitor.visit_u64(self.reader.varint()?.into()),
            tag::DOUBLE => number(self.reader.double()?, visitor),
            tag::BIGINT => self.bigint(visitor),
            tag::REFERENCE => {
                let mut ahead = self.reader.clone();
                ahead.varint()?;
                if ahead.next_is(tag::BUFFER_VIEW) {
                    let bytes = self.follow(De::buffer)?;
                    return self.view_on(bytes, visitor);
                }
                self.follow(|de| de.any_here(visitor))
            }
            _ => {
                self.reader.enter()?;
                let value = self.object(tag, visitor)?;
                self.reader.leave();
                Ok(value)
            }
        }
    }

    fn any_here<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let tag = self.reader.tag()?;
        self.any(tag, visitor)
    }

    fn text<V: Visitor<'de>>(&mut self, text: Text<'de>, visitor: V) -> Result<V::Value> {
        match text.to_str() {
            Some(std::borrow::Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Some(std::borrow::Cow::Owned(text)) => visitor.visit_string(text),
            None => self.reader.invalid("a surrogate without its other half, which no Rust string can hold"),
        }
    }

    fn bigint<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let (negative, bytes) = self.reader.bigint()?;
        let n = BigInt::from_bytes(negative, bytes);
        if let Ok(small) = i64::try_from(&n) {
            visitor.visit_i64(small)
        } else if let Ok(small) = u64::try_from(&n) {
            visitor.visit_u64(small)
        } else if let Ok(wide) = i128::try_from(&n) {
            visitor.visit_i128(wide)
        } else if let Ok(wide) = u128::try_from(&n) {
            visitor.visit_u128(wide)
        } else {
            self.reader.invalid("a BigInt of more than 128 bits: read it as a v8::Value")
        }
    }

    fn object<V: Visitor<'de>>(&mut self, tag: u8, visitor: V) -> Result<V::Value> {
        match tag {
            tag::OBJECT => Pairs::visit(self, PairsOf::Object, visitor),
            tag::DENSE_ARRAY => Dense::visit(self, visitor),
            tag::SPARSE_ARRAY => Sparse::visit(self, visitor),
            tag::MAP => Pairs::visit(self, PairsOf::Map, visitor),
            tag::SET => Values::visit(self, visitor),
            tag::ERROR => ErrorFields::visit(self, visitor),
            tag::DATE | tag::NUMBER_OBJECT => number(self.reader.double()?, visitor),
            tag::TRUE_OBJECT => visitor.visit_bool(true),
            tag::FALSE_OBJECT => visitor.visit_bool(false),
            tag::BIGINT_OBJECT => self.bigint(visitor),
            tag::STRING_OBJECT => {
                let text = self.reader.string()?;
                self.text(text, visitor)
            }
            tag::REGEXP => {
                let source = self.reader.string()?.to_js();
                let flags = RegExpFlags(walk::regexp_flags(&mut self.reader)?);
                visitor.visit_string(format!("/{source}/{}", flags.letters()))
            }
            tag::ARRAY_BUFFER => {
                let bytes = self.reader.blob()?;
                match self.reader.next_is(tag::BUFFER_VIEW) {
                    true => self.view_on(bytes, visitor),
                    false => visitor.visit_borrowed_bytes(bytes),
                }
            }
            tag::RESIZABLE_ARRAY_BUFFER => visitor.visit_borrowed_bytes(walk::resizable(&mut self.reader)?.0),
            tag::HOST_OBJECT => match self.reader.varint()? {
                tag::HOST_VIEW => {
                    let (kind, bytes) = walk::host_view(&mut self.reader)?;
                    view(kind, bytes, visitor)
                }
                tag::HOST_PLAIN => match self.reader.eat(tag::OBJECT)? {
                    true => Pairs::visit(self, PairsOf::Object, visitor),
                    false => self.reader.invalid("a host object without properties"),
                },
                kind => Err(self.reader.error(V8ErrorKind::UnknownHostObject(kind))),
            },
            _ => Err(walk::unknown(&self.reader, tag)),
        }
    }

    /// The bytes of the `ArrayBuffer` that is here.
    fn buffer(&mut self) -> Result<&'de [u8]> {
        match self.reader.tag()? {
            tag::ARRAY_BUFFER => self.reader.blob(),
            _ => self.reader.invalid("a view on what is no buffer"),
        }
    }

    fn view_on<V: Visitor<'de>>(&mut self, buffer: &'de [u8], visitor: V) -> Result<V::Value> {
        let (kind, bytes) = self.view_of(buffer)?;
        view(kind, bytes, visitor)
    }

    fn view_of(&mut self, buffer: &'de [u8]) -> Result<(ViewKind, &'de [u8])> {
        let (kind, offset, length) = walk::buffer_view(&mut self.reader, Some(buffer.len()))?;
        Ok((kind, &buffer[offset as usize..(offset + length) as usize]))
    }

    /// Binary data of any kind, if that is what comes.
    fn binary(&mut self) -> Result<Option<(ViewKind, &'de [u8])>> {
        let start = self.reader.clone();
        let binary = match self.reader.tag()? {
            tag::ARRAY_BUFFER => {
                let bytes = self.reader.blob()?;
                Some(match self.reader.next_is(tag::BUFFER_VIEW) {
                    true => self.view_of(bytes)?,
                    false => (ViewKind::Uint8Array, bytes),
                })
            }
            tag::RESIZABLE_ARRAY_BUFFER => Some((ViewKind::Uint8Array, walk::resizable(&mut self.reader)?.0)),
            tag::HOST_OBJECT => match self.reader.varint()? {
                tag::HOST_VIEW => Some(walk::host_view(&mut self.reader)?),
                _ => None,
            },
            tag::REFERENCE => match self.follow(De::binary)? {
                Some((_, bytes)) if self.reader.next_is(tag::BUFFER_VIEW) => Some(self.view_of(bytes)?),
                binary => binary,
            },
            _ => None,
        };
        if binary.is_none() {
            self.reader = start;
        }
        Ok(binary)
    }
}

/// A number is whole if it can be.
fn number<'de, V: Visitor<'de>>(n: f64, visitor: V) -> Result<V::Value> {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    if n.fract() != 0.0 || !n.is_finite() || n == 0.0 && n.is_sign_negative() {
        visitor.visit_f64(n)
    } else if (-TWO_63..TWO_63).contains(&n) {
        visitor.visit_i64(n as i64)
    } else if (0.0..2.0 * TWO_63).contains(&n) {
        visitor.visit_u64(n as u64)
    } else {
        visitor.visit_f64(n)
    }
}

/// Bytes where they are bytes, numbers where they are numbers.
fn view<'de, V: Visitor<'de>>(kind: ViewKind, bytes: &'de [u8], visitor: V) -> Result<V::Value> {
    match is_bytes(kind) {
        true => visitor.visit_borrowed_bytes(bytes),
        false => Numbers::visit(kind, bytes, visitor),
    }
}

fn is_bytes(kind: ViewKind) -> bool {
    use ViewKind::*;
    matches!(kind, Buffer | Uint8Array | Uint8ClampedArray | DataView)
}

impl<'de> Deserializer<'de> for &mut De<'de> {
    type Error = V8Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.any_here(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.reader.tag()? {
            tag::DOUBLE => visitor.visit_f64(self.reader.double()?),
            tag => self.any(tag, visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.reader.peek()? {
            tag::UNDEFINED | tag::NULL => {
                self.reader.tag()?;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        if name == lossless::NAME {
            let value = self.value()?;
            return lossless::read(value, || visitor.visit_unit());
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.binary()? {
            Some((_, bytes)) => visitor.visit_borrowed_bytes(bytes),
            None => self.any_here(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    /// A `Buffer` is a sequence to those who ask for one.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.binary()? {
            Some((kind, bytes)) => Numbers::visit(kind, bytes, visitor),
            None => self.any_here(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    /// As JSON has enums: the name of a variant, or an object with that one property.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.reader.tag()? {
            tag::OBJECT => {
                self.reader.enter()?;
                let value = visitor.visit_enum(Variant { de: self })?;
                if !self.reader.eat(tag::OBJECT_END)? {
                    return self.reader.invalid("an enum is an object with one property");
                }
                self.reader.count(1)?;
                self.reader.leave();
                Ok(value)
            }
            tag::REFERENCE => self.follow(|de| de.deserialize_enum(name, variants, visitor)),
            tag::STRING_OBJECT => match self.reader.string()?.to_str() {
                Some(text) => visitor.visit_enum(text.into_deserializer()),
                None => self.reader.invalid("an enum is a string, or an object with one property"),
            },
            tag => match self.reader.text(tag)?.and_then(Text::to_str) {
                Some(text) => visitor.visit_enum(text.into_deserializer()),
                None => self.reader.invalid("an enum is a string, or an object with one property"),
            },
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if walk::skip(&mut self.reader)? {
            // That what it refers to is there is told by the whole.
            self.survey()?;
        }
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string unit unit_struct map struct identifier
    }
}

impl<'de> De<'de> {
    /// Reads the next value for `seed`.
    #[inline]
    pub(super) fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        // What reads a Vec<u8>, and does nothing else with it: at once, not byte by byte.
        let mut value = None::<S::Value>;
        if typeid::of::<S>() == TypeId::of::<PhantomData<Vec<u8>>>()
            && let Ok(place) = castaway::cast!(&mut value, &mut Option<Vec<u8>>)
        {
            let start = self.reader.clone();
            match self.binary()? {
                Some((kind, bytes)) if is_bytes(kind) => *place = Some(bytes.to_vec()),
                _ => self.reader = start,
            }
        }
        match value {
            Some(value) => Ok(value),
            None => seed.deserialize(&mut *self),
        }
    }

    /// Reads a property's name for `seed`.
    #[inline]
    pub(super) fn name<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        seed.deserialize(Name::new(walk::key(&mut self.reader)?))
    }

    pub(super) fn too_many<T>(&self) -> Result<T> {
        Err(de::Error::custom("there are more elements than were expected"))
    }
}
