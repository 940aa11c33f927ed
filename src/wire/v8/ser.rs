//! Types of your own, written as the values that JavaScript would use for them.

use std::any::TypeId;
use std::borrow::Cow;
use std::ops::Range;

use serde::ser::{self, Serialize};

use super::bigint::BigInt;
use super::encode::distinct;
use super::names::NameWriter;
use super::writer::Writer;
use super::{lossless, tag};
use crate::error::{V8Error, V8ErrorKind};

type Result<T> = std::result::Result<T, V8Error>;

/// Writes a value where the writer is.
#[inline]
pub(super) fn value<T: Serialize + ?Sized>(writer: &mut Writer, value: &T) -> Result<()> {
    if let Ok(bytes) = castaway::cast!(value, &Vec<u8>) {
        return writer.view(writer.options.bytes(), bytes);
    }
    let expect = if is_bytes::<T>() { Expect::Bytes } else { Expect::Anything };
    value.serialize(Ser { writer, expect })
}

/// Whether it is one of the types that hold bytes, which serde describes as any other sequence.
fn is_bytes<T: ?Sized>() -> bool {
    let found = typeid::of::<T>();
    found == TypeId::of::<Vec<u8>>()
        || found == TypeId::of::<&Vec<u8>>()
        || found == TypeId::of::<[u8]>()
        || found == TypeId::of::<&[u8]>()
        || found == TypeId::of::<Box<[u8]>>()
        || found == TypeId::of::<Cow<'_, [u8]>>()
}

struct Ser<'w> {
    writer: &'w mut Writer,
    expect: Expect,
}

/// What is known of the value before it describes itself.
#[derive(Clone, Copy, PartialEq)]
enum Expect {
    Anything,
    /// A sequence of bytes, to be written as such.
    Bytes,
    /// One of them.
    Byte,
}

impl<'w> ser::Serializer for Ser<'w> {
    type Ok = ();
    type Error = V8Error;
    type SerializeSeq = Sequence<'w>;
    type SerializeTuple = Sequence<'w>;
    type SerializeTupleStruct = Sequence<'w>;
    type SerializeTupleVariant = Sequence<'w>;
    type SerializeMap = Map<'w>;
    type SerializeStruct = Properties<'w>;
    type SerializeStructVariant = Properties<'w>;

    fn serialize_bool(self, v: bool) -> Result<()> {
        self.writer.tag(if v { tag::TRUE } else { tag::FALSE });
        Ok(())
    }

    fn serialize_i8(self, v: i8) -> Result<()> {
        self.serialize_i32(v.into())
    }

    fn serialize_i16(self, v: i16) -> Result<()> {
        self.serialize_i32(v.into())
    }

    fn serialize_i32(self, v: i32) -> Result<()> {
        self.writer.int32(v);
        Ok(())
    }

    fn serialize_i64(self, v: i64) -> Result<()> {
        self.writer.integer(v)
    }

    fn serialize_i128(self, v: i128) -> Result<()> {
        match i64::try_from(v) {
            Ok(small) => self.writer.integer(small),
            Err(_) => self.writer.big(&BigInt::from(v)),
        }
    }

    #[inline]
    fn serialize_u8(self, v: u8) -> Result<()> {
        if self.expect == Expect::Byte {
            self.writer.tag(v);
            return Ok(());
        }
        self.serialize_i32(v.into())
    }

    fn serialize_u16(self, v: u16) -> Result<()> {
        self.serialize_i32(v.into())
    }

    fn serialize_u32(self, v: u32) -> Result<()> {
        self.writer.integer(v.into())
    }

    fn serialize_u64(self, v: u64) -> Result<()> {
        match i64::try_from(v) {
            Ok(small) => self.writer.integer(small),
            Err(_) => self.writer.big(&BigInt::from(v)),
        }
    }

    fn serialize_u128(self, v: u128) -> Result<()> {
        match i64::try_from(v) {
            Ok(small) => self.writer.integer(small),
            Err(_) => self.writer.big(&BigInt::from(v)),
        }
    }

    fn serialize_f32(self, v: f32) -> Result<()> {
        self.serialize_f64(v.into())
    }

    fn serialize_f64(self, v: f64) -> Result<()> {
        self.writer.number(v);
        Ok(())
    }

    fn serialize_char(self, v: char) -> Result<()> {
        self.writer.str(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Result<()> {
        self.writer.str(v)
    }

    fn serialize_bytes(self, v: &[u8]) -> Result<()> {
        self.writer.view(self.writer.options.bytes(), v)
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, v: &T) -> Result<()> {
        value(self.writer, v)
    }

    fn serialize_unit(self) -> Result<()> {
        self.writer.tag(tag::NULL);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<()> {
        self.writer.str(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, name: &'static str, v: &T) -> Result<()> {
        if name == lossless::NAME {
            let written = lossless::write(self.writer, || {
                // The value does not write here, and an error would be found again below.
                let _ = v.serialize(Ser { writer: &mut Writer::default(), expect: Expect::Anything });
            });
            if let Some(written) = written {
                return written;
            }
        }
        value(self.writer, v)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        v: &T,
    ) -> Result<()> {
        self.writer.open(tag::OBJECT)?;
        self.writer.key(variant)?;
        value(self.writer, v)?;
        self.writer.end(tag::OBJECT_END, 1)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Sequence<'w>> {
        if self.expect == Expect::Bytes {
            return Sequence::of_bytes(self.writer, length);
        }
        Sequence::of_values(self.writer, length, false)
    }

    fn serialize_tuple(self, length: usize) -> Result<Sequence<'w>> {
        Sequence::of_values(self.writer, Some(length), false)
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<Sequence<'w>> {
        self.serialize_tuple(length)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Sequence<'w>> {
        self.writer.open(tag::OBJECT)?;
        self.writer.key(variant)?;
        Sequence::of_values(self.writer, Some(length), true)
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Map<'w>> {
        self.writer.open(tag::OBJECT)?;
        Ok(Map { writer: self.writer, keys: Vec::new() })
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Properties<'w>> {
        Properties::new(self.writer, false)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Properties<'w>> {
        self.writer.open(tag::OBJECT)?;
        self.writer.key(variant)?;
        Properties::new(self.writer, true)
    }
}

/// An array, or bytes, being written.
pub(super) struct Sequence<'w> {
    writer: &'w mut Writer,
    length: Length,
    count: usize,
    bytes: bool,
    /// It is the one property of an object, as enums have it.
    in_object: bool,
}

/// How many elements there will be stands before them.
enum Length {
    Announced(usize),
    /// To be filled in here.
    Unknown(usize),
}

impl<'w> Sequence<'w> {
    fn of_values(writer: &'w mut Writer, length: Option<usize>, in_object: bool) -> Result<Self> {
        writer.open(tag::DENSE_ARRAY)?;
        Sequence { writer, length: Length::Announced(0), count: 0, bytes: false, in_object }.begin(length)
    }

    fn of_bytes(writer: &'w mut Writer, length: Option<usize>) -> Result<Self> {
        writer.open_view(writer.options.bytes())?;
        writer.out.reserve(length.unwrap_or(0));
        Sequence { writer, length: Length::Announced(0), count: 0, bytes: true, in_object: false }
            .begin(length)
    }

    fn begin(mut self, length: Option<usize>) -> Result<Self> {
        self.length = match length {
            Some(length) => {
                self.writer.length(length)?;
                Length::Announced(length)
            }
            None => Length::Unknown(self.writer.reserve()),
        };
        Ok(self)
    }

    #[inline]
    fn element<T: ?Sized + Serialize>(&mut self, v: &T) -> Result<()> {
        self.count += 1;
        match self.bytes {
            true => v.serialize(Ser { writer: self.writer, expect: Expect::Byte }),
            false => value(self.writer, v),
        }
    }

    fn finish(self) -> Result<()> {
        match self.length {
            Length::Announced(length) if length == self.count => {}
            Length::Announced(_) => {
                return Err(V8Error::new(V8ErrorKind::Invalid("a sequence has another length than it said")));
            }
            Length::Unknown(at) => self.writer.fill(at, self.count)?,
        }
        if self.bytes {
            self.writer.close();
            return Ok(());
        }
        self.writer.tag(tag::DENSE_ARRAY_END);
        self.writer.varint(0);
        self.writer.length(self.count)?;
        self.writer.close();
        match self.in_object {
            true => self.writer.end(tag::OBJECT_END, 1),
            false => Ok(()),
        }
    }
}

/// A struct being written.
pub(super) struct Properties<'w> {
    writer: &'w mut Writer,
    names: Names,
    in_object: bool,
}

/// The names of the fields so far. Two can be the same by renaming.
#[derive(Default)]
struct Names {
    first: [&'static str; 16],
    more: Vec<&'static str>,
    count: usize,
}

impl Names {
    fn add(&mut self, name: &'static str) -> Result<()> {
        let first = &self.first[..self.count.min(16)];
        if first.contains(&name) || self.more.contains(&name) {
            return Err(V8Error::new(V8ErrorKind::Invalid("a struct has two fields of the same name")));
        }
        match self.first.get_mut(self.count) {
            Some(place) => *place = name,
            None => self.more.push(name),
        }
        self.count += 1;
        Ok(())
    }
}

impl<'w> Properties<'w> {
    fn new(writer: &'w mut Writer, in_object: bool) -> Result<Self> {
        writer.open(tag::OBJECT)?;
        Ok(Properties { writer, names: Names::default(), in_object })
    }

    #[inline]
    fn field<T: ?Sized + Serialize>(&mut self, name: &'static str, v: &T) -> Result<()> {
        self.names.add(name)?;
        self.writer.key(name)?;
        value(self.writer, v)
    }

    fn finish(self) -> Result<()> {
        self.writer.end(tag::OBJECT_END, self.names.count)?;
        match self.in_object {
            true => self.writer.end(tag::OBJECT_END, 1),
            false => Ok(()),
        }
    }
}

macro_rules! sequence {
    ($($trait:ident :: $method:ident),*) => {$(
        impl ser::$trait for Sequence<'_> {
            type Ok = ();
            type Error = V8Error;
            #[inline]
            fn $method<T: ?Sized + Serialize>(&mut self, v: &T) -> Result<()> {
                self.element(v)
            }
            fn end(self) -> Result<()> {
                self.finish()
            }
        }
    )*};
}

sequence!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! properties {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Properties<'_> {
            type Ok = ();
            type Error = V8Error;
            #[inline]
            fn serialize_field<T: ?Sized + Serialize>(&mut self, name: &'static str, v: &T) -> Result<()> {
                self.field(name, v)
            }
            fn end(self) -> Result<()> {
                self.finish()
            }
        }
    )*};
}

properties!(SerializeStruct, SerializeStructVariant);

/// A map being written, or a struct with flattened parts.
pub(super) struct Map<'w> {
    writer: &'w mut Writer,
    /// Where the keys are.
    keys: Vec<Range<usize>>,
}

impl ser::SerializeMap for Map<'_> {
    type Ok = ();
    type Error = V8Error;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<()> {
        let begin = self.writer.out.len();
        key.serialize(NameWriter { writer: self.writer })?;
        // Equal keys are equal bytes, but for what aligns them.
        let padded = self.writer.out.get(begin) == Some(&tag::PADDING);
        self.keys.push(begin + usize::from(padded)..self.writer.out.len());
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, v: &T) -> Result<()> {
        value(self.writer, v)
    }

    fn end(self) -> Result<()> {
        distinct(self.keys.iter().map(|key| &self.writer.out[key.clone()]))?;
        self.writer.end(tag::OBJECT_END, self.keys.len())
    }
}
