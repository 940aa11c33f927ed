//! The insides of containers, element by element, for serde.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::de::De;
use super::names::Name;
use super::tag::{self, ErrorKind};
use super::walk::{self, ErrorPart, ErrorParts, Key};
use crate::error::{V8Error, V8ErrorKind};

type Result<T> = std::result::Result<T, V8Error>;

/// Pairs of names, or keys, and values.
pub(super) struct Pairs<'d, 'de> {
    de: &'d mut De<'de>,
    of: PairsOf,
    /// What the count at the end will have to be.
    count: usize,
    ended: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum PairsOf {
    /// Properties, by their names.
    Object,
    /// Entries, by keys of any kind; both count.
    Map,
}

impl<'d, 'de> Pairs<'d, 'de> {
    pub(super) fn visit<V: Visitor<'de>>(de: &'d mut De<'de>, of: PairsOf, visitor: V) -> Result<V::Value> {
        let mut pairs = Pairs { de, of, count: 0, ended: false };
        let value = visitor.visit_map(&mut pairs)?;
        match pairs.ended {
            true => Ok(value),
            false => pairs.de.too_many(),
        }
    }
}

impl<'de> MapAccess<'de> for &mut Pairs<'_, 'de> {
    type Error = V8Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let (end, step) = match self.of {
            PairsOf::Object => (tag::OBJECT_END, 1),
            PairsOf::Map => (tag::MAP_END, 2),
        };
        if self.de.reader.eat(end)? {
            self.ended = true;
            self.de.reader.count(self.count)?;
            return Ok(None);
        }
        self.count += step;
        match self.of {
            PairsOf::Object => self.de.name(seed).map(Some),
            PairsOf::Map => self.de.next(seed).map(Some),
        }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.de.next(seed)
    }
}

/// The values of a `Set`.
pub(super) struct Values<'d, 'de> {
    de: &'d mut De<'de>,
    count: usize,
    ended: bool,
}

impl<'d, 'de> Values<'d, 'de> {
    pub(super) fn visit<V: Visitor<'de>>(de: &'d mut De<'de>, visitor: V) -> Result<V::Value> {
        let mut values = Values { de, count: 0, ended: false };
        let value = visitor.visit_seq(&mut values)?;
        match values.ended || values.end()? {
            true => Ok(value),
            false => values.de.too_many(),
        }
    }

    fn end(&mut self) -> Result<bool> {
        if self.de.reader.eat(tag::SET_END)? {
            self.ended = true;
            self.de.reader.count(self.count)?;
        }
        Ok(self.ended)
    }
}

impl<'de> SeqAccess<'de> for &mut Values<'_, 'de> {
    type Error = V8Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.ended || self.end()? {
            return Ok(None);
        }
        self.count += 1;
        self.de.next(seed).map(Some)
    }
}

/// The elements of an array that has (nearly) all of them. A hole is `undefined`.
pub(super) struct Dense<'d, 'de> {
    de: &'d mut De<'de>,
    length: usize,
    left: usize,
}

impl<'d, 'de> Dense<'d, 'de> {
    pub(super) fn visit<V: Visitor<'de>>(de: &'d mut De<'de>, visitor: V) -> Result<V::Value> {
        let length = walk::dense_length(&mut de.reader)?;
        let mut elements = Dense { de, length, left: length };
        let value = visitor.visit_seq(&mut elements)?;
        if elements.left > 0 {
            return elements.de.too_many();
        }
        elements.end()?;
        Ok(value)
    }

    /// Properties beside the elements are passed over.
    fn end(self) -> Result<()> {
        let reader = &mut self.de.reader;
        let mut count = 0;
        while !reader.eat(tag::DENSE_ARRAY_END)? {
            walk::key(reader)?;
            walk::skip(reader)?;
            count += 1;
        }
        reader.count(count)?;
        reader.count(self.length)
    }
}

impl<'de> SeqAccess<'de> for &mut Dense<'_, 'de> {
    type Error = V8Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        if self.de.reader.eat(tag::HOLE)? {
            return seed.deserialize(().into_deserializer()).map(Some);
        }
        self.de.next(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        // A length may be a lie, and arrays nest.
        Some(self.left.min(256))
    }
}

/// The elements of an array with holes.
pub(super) struct Sparse<'d, 'de> {
    de: &'d mut De<'de>,
    length: u32,
    index: u32,
    count: usize,
    /// The index of the element that comes next in the record.
    next: Next,
}

#[derive(Clone, Copy, PartialEq)]
enum Next {
    Unknown,
    Element(u32),
    End,
}

impl<'d, 'de> Sparse<'d, 'de> {
    pub(super) fn visit<V: Visitor<'de>>(de: &'d mut De<'de>, visitor: V) -> Result<V::Value> {
        let length = de.reader.varint()?;
        de.take_holes(length as usize)?;
        let mut elements = Sparse { de, length, index: 0, count: 0, next: Next::Unknown };
        let value = visitor.visit_seq(&mut elements)?;
        match elements.index == length && elements.next()? == Next::End {
            true => Ok(value),
            false => elements.de.too_many(),
        }
    }

    fn next(&mut self) -> Result<Next> {
        while self.next == Next::Unknown {
            let reader = &mut self.de.reader;
            if reader.eat(tag::SPARSE_ARRAY_END)? {
                reader.count(self.count)?;
                reader.count(self.length as usize)?;
                self.next = Next::End;
                break;
            }
            self.count += 1;
            match walk::key(reader)? {
                Key::Index(index) if (self.index..self.length).contains(&index) => {
                    self.next = Next::Element(index)
                }
                Key::Index(_) => return reader.invalid("the elements of an array are not in order"),
                Key::Text(_) => drop(walk::skip(reader)?),
            }
        }
        Ok(self.next)
    }
}

impl<'de> SeqAccess<'de> for &mut Sparse<'_, 'de> {
    type Error = V8Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.index == self.length {
            return Ok(None);
        }
        let here = self.next()? == Next::Element(self.index);
        self.index += 1;
        if !here {
            return seed.deserialize(().into_deserializer()).map(Some);
        }
        self.next = Next::Unknown;
        self.de.next(seed).map(Some)
    }
}

/// An error as an object: `name`, and what it has of `message`, `stack` and `cause`.
pub(super) struct ErrorFields<'d, 'de> {
    de: &'d mut De<'de>,
    parts: ErrorParts,
    kind: Option<ErrorKind>,
    part: Option<ErrorPart<'de>>,
    ended: bool,
}

impl<'d, 'de> ErrorFields<'d, 'de> {
    pub(super) fn visit<V: Visitor<'de>>(de: &'d mut De<'de>, visitor: V) -> Result<V::Value> {
        let mut parts = ErrorParts::default();
        // Its class comes first, if it comes.
        let (kind, part) = match parts.next(&mut de.reader)? {
            Some(ErrorPart::Kind(kind)) => (kind, parts.next(&mut de.reader)?),
            part => (ErrorKind::Error, part),
        };
        let ended = part.is_none();
        let mut fields = ErrorFields { de, parts, kind: Some(kind), part, ended };
        let value = visitor.visit_map(&mut fields)?;
        match fields.ended {
            true => Ok(value),
            false => fields.de.too_many(),
        }
    }
}

impl<'de> MapAccess<'de> for &mut ErrorFields<'_, 'de> {
    type Error = V8Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let name = match (&self.kind, &self.part) {
            (Some(_), _) => "name",
            (None, Some(ErrorPart::Message(_))) => "message",
            (None, Some(ErrorPart::Stack(_))) => "stack",
            (None, Some(ErrorPart::Cause)) => "cause",
            (None, Some(ErrorPart::Kind(_))) => {
                return Err(V8Error::new(V8ErrorKind::Invalid("an error's class comes late")));
            }
            (None, None) => return Ok(None),
        };
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        if let Some(kind) = self.kind.take() {
            return seed.deserialize(BorrowedStrDeserializer::new(kind.as_str()));
        }
        let value = match self.part.take() {
            Some(ErrorPart::Message(text) | ErrorPart::Stack(text)) => {
                seed.deserialize(Name::new(Key::Text(text)))?
            }
            _ => self.de.next(seed)?,
        };
        self.part = self.parts.next(&mut self.de.reader)?;
        self.ended = self.part.is_none();
        Ok(value)
    }
}

/// The one property of an object that is an enum.
pub(super) struct Variant<'d, 'de> {
    pub(super) de: &'d mut De<'de>,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = V8Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        Ok((self.de.name(seed)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = V8Error;

    fn unit_variant(self) -> Result<()> {
        Deserialize::deserialize(self.de)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        self.de.next(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        self.de.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.de.deserialize_map(visitor)
    }
}
