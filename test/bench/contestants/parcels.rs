//! What is in the messages when the serializations are compared: what `parcels.cjs` has.

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A message, and its number.
#[derive(Deserialize, Serialize)]
pub struct Parcel<T> {
    pub seq: u64,
    pub body: T,
}

#[derive(Deserialize, Serialize)]
pub struct Thing {
    pub id: u32,
    pub name: String,
    pub active: bool,
    pub score: f64,
    pub tags: Vec<String>,
    pub parent: Option<u32>,
}

/// What a `Buffer` is in JSON.
#[derive(Deserialize, Serialize)]
pub struct JsonBuffer {
    #[serde(rename = "type")]
    class: String,
    data: Vec<u8>,
}

/// Bytes that serde knows to be bytes, as `serde_bytes` has them.
pub struct Blob(pub Vec<u8>);

pub fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i * 7) as u8).collect()
}

pub fn thing(i: u32) -> Thing {
    Thing {
        id: i,
        name: format!("user {i}"),
        active: i.is_multiple_of(2),
        score: f64::from(i) / 8.0 + 0.1,
        tags: vec!["blue".into(), "round".into()],
        parent: i.checked_sub(1),
    }
}

pub fn things() -> Vec<Thing> {
    (0..1000).map(thing).collect()
}

pub fn json_buffer(size: usize) -> JsonBuffer {
    JsonBuffer { class: "Buffer".into(), data: bytes(size) }
}

/// Text as long as the base64 of so many bytes. That it means bytes is left out of it, in favour
/// of those who do it so.
pub fn base64(size: usize) -> String {
    "A".repeat(size.div_ceil(3) * 4)
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Blob;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }

        deserializer.deserialize_byte_buf(Bytes)
    }
}
