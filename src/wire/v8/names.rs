//! The names of properties, by serde: written, and read.

use std::borrow::Cow;

use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde::ser::{self, Serialize};

use super::reader::Text;
use super::walk::Key;
use super::writer::Writer;
use crate::error::{V8Error, V8ErrorKind};

type Result<T> = std::result::Result<T, V8Error>;

/// The name of a property: what JSON allows as one.
pub(super) struct NameWriter<'w> {
    pub(super) writer: &'w mut Writer,
}

impl NameWriter<'_> {
    fn display(self, v: impl std::fmt::Display) -> Result<()> {
        self.writer.key(&v.to_string())
    }

    /// In the digits that JSON has for it.
    fn float(self, v: impl Serialize, finite: bool) -> Result<()> {
        match serde_json::to_string(&v) {
            Ok(digits) if finite => self.writer.key(&digits),
            _ => Self::refuse(),
        }
    }

    fn refuse<T>() -> Result<T> {
        Err(V8Error::new(V8ErrorKind::Invalid("the key of a map must be a string or a number")))
    }
}

macro_rules! displayed {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, v: $type) -> Result<()> {
            self.display(v)
        }
    )*};
}

impl ser::Serializer for NameWriter<'_> {
    type Ok = ();
    type Error = V8Error;
    type SerializeSeq = ser::Impossible<(), V8Error>;
    type SerializeTuple = ser::Impossible<(), V8Error>;
    type SerializeTupleStruct = ser::Impossible<(), V8Error>;
    type SerializeTupleVariant = ser::Impossible<(), V8Error>;
    type SerializeMap = ser::Impossible<(), V8Error>;
    type SerializeStruct = ser::Impossible<(), V8Error>;
    type SerializeStructVariant = ser::Impossible<(), V8Error>;

    displayed!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64);
    displayed!(serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);
    displayed!(serialize_u128: u128, serialize_char: char);

    fn serialize_f32(self, v: f32) -> Result<()> {
        self.float(v, v.is_finite())
    }

    fn serialize_f64(self, v: f64) -> Result<()> {
        self.float(v, v.is_finite())
    }

    fn serialize_str(self, v: &str) -> Result<()> {
        self.writer.key(v)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, v: &T) -> Result<()> {
        v.serialize(self)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _name: &'static str, v: &T) -> Result<()> {
        v.serialize(self)
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<()> {
        self.writer.key(variant)
    }

    fn serialize_bytes(self, _v: &[u8]) -> Result<()> {
        Self::refuse()
    }

    fn serialize_none(self) -> Result<()> {
        Self::refuse()
    }

    fn serialize_unit(self) -> Result<()> {
        Self::refuse()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<()> {
        Self::refuse()
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _v: &T,
    ) -> Result<()> {
        Self::refuse()
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Self::SerializeSeq> {
        Self::refuse()
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self::SerializeTuple> {
        Self::refuse()
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleStruct> {
        Self::refuse()
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        Self::refuse()
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Self::SerializeMap> {
        Self::refuse()
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Self::SerializeStruct> {
        Self::refuse()
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant> {
        Self::refuse()
    }
}

/// A property's name. Where a number is wanted it is read as one, as in JSON.
pub(super) struct Name<'de>(Key<'de>);

impl<'de> Name<'de> {
    pub(super) fn new(key: Key<'de>) -> Self {
        Name(key)
    }

    fn text(&self) -> Result<Cow<'de, str>> {
        match self.0 {
            Key::Index(index) => Ok(index.to_string().into()),
            Key::Text(text) => text_of(text),
        }
    }

    fn parse<T: std::str::FromStr>(&self) -> Result<T> {
        let text = self.text()?;
        text.parse().map_err(|_| V8Error::custom(format_args!("the key {text:?} is no such number")))
    }
}

fn text_of(text: Text<'_>) -> Result<Cow<'_, str>> {
    text.to_str()
        .ok_or_else(|| V8Error::custom("a surrogate without its other half, which no Rust string can hold"))
}

macro_rules! parsed {
    ($($method:ident => $visit:ident),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            visitor.$visit(self.parse()?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = V8Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.text()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    parsed! {
        deserialize_i8 => visit_i8,
        deserialize_i16 => visit_i16,
        deserialize_i32 => visit_i32,
        deserialize_i64 => visit_i64,
        deserialize_i128 => visit_i128,
        deserialize_u8 => visit_u8,
        deserialize_u16 => visit_u16,
        deserialize_u32 => visit_u32,
        deserialize_u64 => visit_u64,
        deserialize_u128 => visit_u128,
        deserialize_f32 => visit_f32,
        deserialize_f64 => visit_f64,
        deserialize_bool => visit_bool,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(self.text()?.into_deserializer())
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
