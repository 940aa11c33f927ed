//! [`Bytes`], which travel as such in both serializations.

use std::fmt;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use crate::wire::base64;

/// Bytes as a parameter, a result, or a part of one: a `Buffer` in Node, whatever the serialization is.
///
/// In [`Serialization::Advanced`](crate::Serialization::Advanced) they travel as they are. In JSON they
/// travel as `{"type":"Buffer","data":"<base64>"}`, which is a fifth of the time and a third of the length
/// of the numbers that a `Vec<u8>` becomes there. What Node itself makes of a `Buffer` in JSON is read too,
/// and so are numbers from 0 to 255 in an array.
///
/// ```
/// use crossfork::blocking::Context;
/// use crossfork::calls::{Bytes, RpcError};
///
/// fn reverse(image: Bytes, _: &Context) -> Result<Bytes, RpcError> {
///     Ok(image.iter().rev().copied().collect())
/// }
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Bytes(bytes::Bytes);

impl Bytes {
    /// The bytes, without a copy.
    pub fn into_inner(self) -> bytes::Bytes {
        self.0
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<bytes::Bytes>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        Bytes(bytes.into())
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.0.into()
    }
}

impl FromIterator<u8> for Bytes {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Bytes(bytes.into_iter().collect())
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes::Bytes::copy_from_slice(bytes)))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    /// Numbers.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
        // A length that somebody else has chosen reserves no memory.
        let mut bytes = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(4096));
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes.into())
    }

    /// A `Buffer` in JSON: ours with a text, and Node's with numbers.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Bytes, A::Error> {
        let (mut is_buffer, mut data) = (false, None);
        while let Some(name) = map.next_key::<String>()? {
            match &*name {
                "type" => is_buffer = map.next_value::<String>()? == "Buffer",
                "data" => data = Some(map.next_value::<Data>()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match data {
            Some(Data(bytes)) if is_buffer => Ok(bytes),
            _ => Err(de::Error::invalid_type(de::Unexpected::Map, &self)),
        }
    }
}

/// What a `Buffer` in JSON has inside.
struct Data(Bytes);

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DataVisitor;
        impl<'de> Visitor<'de> for DataVisitor {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64, or an array of bytes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Data, E> {
                match base64::decode(text) {
                    Some(bytes) => Ok(Data(bytes.into())),
                    None => Err(E::invalid_value(de::Unexpected::Str("text that is no base64"), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Data, A::Error> {
                BytesVisitor.visit_seq(seq).map(Data)
            }
        }
        deserializer.deserialize_any(DataVisitor)
    }
}
