//! The elements of typed arrays, for serde.

use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, SeqAccess, Visitor};

use super::tag::ViewKind;
use crate::error::V8Error;

type Result<T> = std::result::Result<T, V8Error>;

/// The elements of a typed array.
pub(super) struct Numbers<'de> {
    kind: ViewKind,
    bytes: &'de [u8],
}

impl<'de> Numbers<'de> {
    pub(super) fn visit<V: Visitor<'de>>(kind: ViewKind, bytes: &'de [u8], visitor: V) -> Result<V::Value> {
        let mut numbers = Numbers { kind, bytes };
        let value = visitor.visit_seq(&mut numbers)?;
        match numbers.bytes {
            [] => Ok(value),
            _ => Err(V8Error::custom("there are more elements than were expected")),
        }
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*first)
    }
}

/// An element of so many bytes, given to the seed as the number that it is.
macro_rules! element {
    ($self:ident, $seed:ident, $number:expr) => {
        match $self.take() {
            Some(bytes) => $seed.deserialize($number(bytes).into_deserializer()).map(Some),
            None => Ok(None),
        }
    };
}

impl<'de> SeqAccess<'de> for &mut Numbers<'de> {
    type Error = V8Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        match self.kind {
            ViewKind::Uint8Array | ViewKind::Buffer | ViewKind::Uint8ClampedArray | ViewKind::DataView => {
                element!(self, seed, u8::from_le_bytes)
            }
            ViewKind::Int8Array => element!(self, seed, i8::from_le_bytes),
            ViewKind::Int16Array => element!(self, seed, i16::from_le_bytes),
            ViewKind::Uint16Array => element!(self, seed, u16::from_le_bytes),
            ViewKind::Int32Array => element!(self, seed, i32::from_le_bytes),
            ViewKind::Uint32Array => element!(self, seed, u32::from_le_bytes),
            ViewKind::BigInt64Array => element!(self, seed, i64::from_le_bytes),
            ViewKind::BigUint64Array => element!(self, seed, u64::from_le_bytes),
            ViewKind::Float16Array => element!(self, seed, |bytes| half(u16::from_le_bytes(bytes))),
            ViewKind::Float32Array => element!(self, seed, f32::from_le_bytes),
            ViewKind::Float64Array => element!(self, seed, f64::from_le_bytes),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len() / self.kind.bytes_per_element())
    }
}

/// The number of these bits, as IEEE 754 has it for 16.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}
