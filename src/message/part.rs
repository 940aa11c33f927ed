//! [`Part`]: a value inside of a message, decoded when somebody asks.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Payload;
use crate::error::{FormatError, brief};
use crate::wire::v8::place::Record;
use crate::wire::v8::tag;
use crate::wire::{Serialization, advanced};

/// A value inside of a message that was received. It shares the message's memory.
#[derive(Clone)]
pub struct Part(Place);

#[derive(Clone)]
enum Place {
    /// One JSON value.
    Json(Bytes),
    /// Where it begins in a record.
    Advanced(Record, usize),
}

/// What a part is, as far as its beginning tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Other,
}

type Result<T> = std::result::Result<T, FormatError>;

impl Part {
    /// All of a message. Its own value is looked through when its parts are asked for.
    pub(crate) fn of(payload: &Payload) -> Result<Part> {
        let bytes = payload.clone().into_bytes();
        Ok(Part(match payload.serialization() {
            Serialization::Json => match std::str::from_utf8(&bytes) {
                Ok(_) => Place::Json(bytes),
                // As Node reads it (SER-6).
                Err(_) => Place::Json(String::from_utf8_lossy(&bytes).into_owned().into()),
            },
            Serialization::Advanced => {
                let bytes = if bytes.is_empty() { Bytes::from_static(advanced::UNDEFINED) } else { bytes };
                let record = Record::new(bytes)?;
                let start = record.start()?;
                Place::Advanced(record, start)
            }
        }))
    }

    pub(crate) fn kind(&self) -> Kind {
        match &self.0 {
            Place::Json(text) => match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(b'{') => Kind::Object,
                Some(b'[') => Kind::Array,
                _ => Kind::Other,
            },
            Place::Advanced(record, at) => match record.tag(*at) {
                Ok(tag::OBJECT) => Kind::Object,
                Ok(tag::DENSE_ARRAY | tag::SPARSE_ARRAY) => Kind::Array,
                _ => Kind::Other,
            },
        }
    }

    /// Whether it is `null` or `undefined`.
    pub(crate) fn is_null(&self) -> bool {
        match &self.0 {
            Place::Json(text) => text.as_ref() == b"null",
            Place::Advanced(record, at) => matches!(record.tag(*at), Ok(tag::NULL | tag::UNDEFINED)),
        }
    }

    /// Whether it is `undefined`.
    pub(crate) fn is_undefined(&self) -> bool {
        match &self.0 {
            Place::Json(_) => false,
            Place::Advanced(record, at) => matches!(record.tag(*at), Ok(tag::UNDEFINED)),
        }
    }

    /// Tells the name of each property of an object, with its value. Of those of one name, the last is the
    /// one that counts, as in JavaScript.
    pub(crate) fn properties(&self, mut found: impl FnMut(&str, Part)) -> Result<()> {
        match &self.0 {
            Place::Json(text) => {
                let mut deserializer = serde_json::Deserializer::from_slice(text);
                let found = |name: &str, raw: &RawValue| found(name, Part(Place::Json(cut(text, raw))));
                (&mut deserializer).deserialize_map(Properties(found))?;
                deserializer.end()?;
            }
            Place::Advanced(record, at) => {
                let found = |name: &str, at| found(name, Part(Place::Advanced(record.clone(), at)));
                record.properties(*at, found)?;
            }
        }
        Ok(())
    }

    /// The property of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Part> {
        let mut value = None;
        if self.kind() == Kind::Object {
            let found = |found: &str, part: Part| {
                if found == name {
                    value = Some(part);
                }
            };
            self.properties(found).ok()?;
        }
        value
    }

    /// Tells each element of an array, or the first million, once all of it was looked through.
    pub(crate) fn elements(&self, mut found: impl FnMut(Part)) -> Result<()> {
        match &self.0 {
            Place::Json(text) => {
                let mut deserializer = serde_json::Deserializer::from_slice(text);
                let elements = (&mut deserializer).deserialize_seq(Elements)?;
                deserializer.end()?;
                elements.into_iter().for_each(|raw| found(Part(Place::Json(cut(text, raw)))));
            }
            Place::Advanced(record, at) => {
                let places = record.elements(*at, MOST_ELEMENTS)?;
                places.into_iter().for_each(|at| found(Part(Place::Advanced(record.clone(), at))));
            }
        }
        Ok(())
    }

    /// Whether it is this text, which has nothing to be escaped.
    pub(crate) fn is_text(&self, text: &str) -> bool {
        let is_plain = |json: &Bytes| {
            json.strip_prefix(b"\"").and_then(|json| json.strip_suffix(b"\"")) == Some(text.as_bytes())
        };
        matches!(&self.0, Place::Json(json) if is_plain(json))
            || self.decode::<String>().is_ok_and(|own| own == text)
    }

    /// Decodes the value, as [`Payload::decode`] does it.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(match &self.0 {
            Place::Json(text) => serde_json::from_slice(text)?,
            Place::Advanced(record, at) => record.decode(*at)?,
        })
    }

    /// Decodes the value; an error names the place inside of it, below `root`.
    pub(crate) fn decode_naming<T: DeserializeOwned>(&self, root: &str) -> std::result::Result<T, String> {
        // The second time, for an error, costs what the first does not have to.
        self.decode().map_err(|first| self.explain::<T>(root).unwrap_or_else(|| first.to_string()))
    }

    fn explain<T: DeserializeOwned>(&self, root: &str) -> Option<String> {
        let (path, reason) = match &self.0 {
            Place::Json(text) => {
                let mut deserializer = serde_json::Deserializer::from_slice(text);
                let error = serde_path_to_error::deserialize::<_, T>(&mut deserializer).err()?;
                let reason = error.inner().to_string();
                // The place in the text says less than the path.
                let end = reason.rfind(" at line ").unwrap_or(reason.len());
                (error.path().to_string(), reason[..end].to_owned())
            }
            Place::Advanced(record, at) => {
                let mut path = String::new();
                let read = record.read(*at, |de| {
                    serde_path_to_error::deserialize::<_, T>(de).map_err(|error| {
                        path = error.path().to_string();
                        error.into_inner()
                    })
                });
                (path, read.err()?.to_string())
            }
        };
        let dot = if path == "." || path.starts_with('[') { "" } else { "." };
        let path = if path == "." { "" } else { &path };
        Some(format!("{root}{dot}{path}: {}", brief(&reason)))
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Json(text) => f.write_str(&brief(&String::from_utf8_lossy(text))),
            Place::Advanced(record, at) => match record.decode::<crate::wire::v8::Value>(*at) {
                Ok(value) => f.write_str(&brief(&value.to_string())),
                Err(e) => write!(f, "({e})"),
            },
        }
    }
}

/// Places of elements take more memory than elements do.
const MOST_ELEMENTS: usize = 1 << 20;

/// Finds the elements of a JSON array.
struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while elements.len() < MOST_ELEMENTS {
            match seq.next_element()? {
                Some(element) => elements.push(element),
                None => return Ok(elements),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(elements)
    }
}

/// The bytes of a value that was found in a text.
fn cut(text: &Bytes, raw: &RawValue) -> Bytes {
    text.slice_ref(raw.get().as_bytes())
}

/// Tells the properties of a JSON object.
struct Properties<F>(F);

impl<'de, F: FnMut(&str, &'de RawValue)> Visitor<'de> for Properties<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some(name) = map.next_key::<Name<'de>>()? {
            self.0(&name.0, map.next_value()?);
        }
        Ok(())
    }
}

/// A name, borrowed if it has no escapes in it.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_bytes<E>(self, name: &'de [u8]) -> std::result::Result<Name<'de>, E> {
                // It nearly always is text, which this finds out in less time than the other.
                Ok(Name(str::from_utf8(name).map_or_else(|_| String::from_utf8_lossy(name), Cow::Borrowed)))
            }
            fn visit_bytes<E>(self, name: &[u8]) -> std::result::Result<Name<'de>, E> {
                Ok(Name(String::from_utf8_lossy(name).into_owned().into()))
            }
        }
        // As bytes, for a name may have half a surrogate in it.
        deserializer.deserialize_bytes(NameVisitor)
    }
}
