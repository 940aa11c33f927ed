//! A [`Value`] inside a type of your own, by serde and yet without loss.
//!
//! serde's data model has no `Map`, no `undefined` and no references, so a `Value` would arrive as
//! its nearest relative. Instead our serializer hands its writer over. When it is told of a newtype
//! with a name that only `Value` uses, it puts the writer into a thread-local variable and calls the
//! value. The value takes the writer from there and writes itself. Reading goes the same way. Other formats know
//! nothing of this and get the nearest relative.

use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};

use super::encode;
use super::value::{Object, Value};
use super::writer::Writer;
use crate::error::V8Error;

/// The name of the newtype that only [`Value`] uses.
pub(super) const NAME: &str = "$crossfork::v8::Value";

thread_local! {
    static WRITER: Cell<Option<HandedOver>> = const { Cell::new(None) };
    static VALUE: Cell<Option<Value>> = const { Cell::new(None) };
}

/// A writer that is handed over.
struct HandedOver {
    writer: Writer,
    /// What came of it; `None` while no value has taken it.
    written: Option<Result<(), V8Error>>,
}

/// Lets a value write itself. `call` is to serialize what came under [`NAME`]. `None` if that was
/// no value: serde keeps the name, and something else under it, where it buffers.
pub(super) fn write(writer: &mut Writer, call: impl FnOnce()) -> Option<Result<(), V8Error>> {
    let ours = HandedOver { writer: std::mem::take(writer), written: None };
    // Another one is there already if something else than a value is being tried.
    let outer = WRITER.replace(Some(ours));
    call();
    let returned = WRITER.replace(outer)?;
    *writer = returned.writer;
    returned.written
}

/// Hands a value over. `call` is to visit with it.
pub(super) fn read<T>(value: Value, call: impl FnOnce() -> T) -> T {
    VALUE.set(Some(value));
    let called = call();
    VALUE.take();
    called
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(NAME, &Content(self))
    }
}

struct Content<'a>(&'a Value);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match WRITER.take() {
            Some(HandedOver { mut writer, written: None }) => {
                let written = Some(encode::value(&mut writer, self.0));
                WRITER.set(Some(HandedOver { writer, written }));
                serializer.serialize_unit()
            }
            other => {
                WRITER.set(other);
                plain(self.0, serializer)
            }
        }
    }
}

/// What is nearest to it in other formats.
fn plain<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Value::Undefined | Value::Null => serializer.serialize_unit(),
        Value::Bool(b) | Value::BoolObject(b) => serializer.serialize_bool(*b),
        Value::Number(n) | Value::NumberObject(n) | Value::Date(n) => number(*n, serializer),
        Value::String(text) | Value::StringObject(text) => match text.as_str() {
            Some(text) => serializer.serialize_str(text),
            None => Err(S::Error::custom("a surrogate without its other half")),
        },
        Value::Object(properties) | Value::HostObject(properties) => object(properties, serializer),
        Value::Array(values) => serializer.collect_seq(values),
        Value::SparseArray(array) => object(&array.properties, serializer),
        Value::Map(_) | Value::Set(_) | Value::Error(_) | Value::RegExp(_) => object(&Vec::new(), serializer),
        Value::ArrayBuffer(bytes) | Value::ResizableArrayBuffer(bytes, _) => {
            serializer.serialize_bytes(bytes)
        }
        Value::View(view) => serializer.serialize_bytes(&view.bytes),
        Value::Shared(shared) => plain(&shared.value, serializer),
        Value::BigInt(_) | Value::BigIntObject(_) => {
            Err(S::Error::custom("a BigInt cannot be written as JSON"))
        }
        Value::BufferView(_) | Value::Reference(_) => Err(S::Error::custom(
            "an object that occurs more than once can be sent in the advanced mode alone",
        )),
    }
}

fn number<S: Serializer>(n: f64, serializer: S) -> Result<S::Ok, S::Error> {
    match n as i64 {
        whole if whole as f64 == n && whole.unsigned_abs() <= super::writer::MAX_SAFE as u64 => {
            serializer.serialize_i64(whole)
        }
        _ => serializer.serialize_f64(n),
    }
}

fn object<S: Serializer>(properties: &Object, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(properties.len()))?;
    for (key, value) in properties {
        // As JSON has it: a property that is undefined is not there.
        if !matches!(value, Value::Undefined) {
            map.serialize_entry(&*key.to_string_lossy(), value)?;
        }
    }
    map.end()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, ValueVisitor)
    }
}

/// Takes the value that was handed over, or what another format has.
struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JavaScript value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(VALUE.take().unwrap_or(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(b.into())
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Number(n as f64))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(Value::Number(n as f64))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::buffer(bytes.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut properties = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Value>()? {
            properties.push((key.into(), value));
        }
        Ok(Value::Object(properties))
    }
}
