//! The ids of a peer's calls: strings and numbers, answered as they came.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use std::fmt;

/// The id of a call. `1` and `"1"` are two ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Id {
    /// A whole number.
    Number(i64),
    /// Any other number, by its bits.
    Fraction(u64),
    /// A string.
    Text(Box<str>),
}

/// What stands in the place of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// One.
    Id(Id),
    /// `null`, or something else that no id is.
    Invalid,
}

/// Of our own, which are never that large.
impl From<u64> for Id {
    fn from(n: u64) -> Self {
        Id::Number(n as i64)
    }
}

impl Id {
    /// The number, if it can be an id of ours.
    pub(crate) fn ours(&self) -> Option<u64> {
        match self {
            Id::Number(n) => u64::try_from(*n).ok(),
            _ => None,
        }
    }
}

impl From<f64> for Id {
    fn from(n: f64) -> Self {
        // Beyond that a number in JavaScript is not exact, and stays what it is.
        let whole = n as i64;
        if whole as f64 == n && whole.unsigned_abs() < 1 << 53 {
            Id::Number(whole)
        } else {
            Id::Fraction(n.to_bits())
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Number(n) => n.fmt(f),
            Id::Fraction(bits) => f64::from_bits(*bits).fmt(f),
            Id::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Id::Number(n) => serializer.serialize_i64(*n),
            Id::Fraction(bits) => serializer.serialize_f64(f64::from_bits(*bits)),
            Id::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FoundVisitor)
    }
}

struct FoundVisitor;

impl<'de> Visitor<'de> for FoundVisitor {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id")
    }

    fn visit_i64<E>(self, n: i64) -> Result<Found, E> {
        // Beyond that it was no whole number in JavaScript, and is not written as one.
        Ok(Found::Id(if n.unsigned_abs() < 1 << 53 { Id::Number(n) } else { (n as f64).into() }))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Found, E> {
        Ok(Found::Id((n as f64).into()))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Found, E> {
        Ok(if n.is_nan() { Found::Invalid } else { Found::Id(n.into()) })
    }

    fn visit_str<E>(self, text: &str) -> Result<Found, E> {
        Ok(Found::Id(Id::Text(text.into())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found, E> {
        Ok(Found::Invalid)
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::Invalid)
    }

    fn visit_none<E>(self) -> Result<Found, E> {
        Ok(Found::Invalid)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Found, E> {
        Ok(Found::Invalid)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Found, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::Invalid)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Found::Invalid)
    }
}
