//! What V8's serializer can carry, without loss.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::bigint::BigInt;
use super::regexp::RegExp;
use super::tag::{ErrorKind, ViewKind};
use super::text::JsString;

/// A JavaScript value that was received, or is to be sent, in the `advanced` mode.
///
/// It is a tree. Where an object occurs more than once, or contains itself, its first occurrence
/// is a [`Shared`](Value::Shared) with a label, and the others are a
/// [`Reference`](Value::Reference) to that label.
///
/// Equality is JavaScript's `Object.is` for numbers (`NaN` equals itself, and `-0` is not `0`) and
/// compares everything else by its parts, the order of keys and the labels included.
///
/// ```
/// use crossfork::v8::Value;
///
/// let value = Value::object([("id", Value::from(7)), ("tags", ["a", "b"].into())]);
/// assert_eq!(value.get("id").and_then(Value::as_f64), Some(7.0));
/// assert_eq!(value.to_string(), "{ id: 7, tags: [ 'a', 'b' ] }");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    /// `undefined`
    Undefined,
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, whole or not.
    Number(f64),
    /// A big integer, `1n`.
    BigInt(BigInt),
    /// A string.
    String(JsString),
    /// An object: its own enumerable properties in their order. An instance of a class arrives
    /// without its class ([ADV-8](crate::protocol#ADV-8)).
    Object(Object),
    /// An array whose elements are all there.
    Array(Vec<Value>),
    /// An array with holes, or with properties beside its elements.
    SparseArray(Box<SparseArray>),
    /// A `Date`, in milliseconds since 1970; `NaN` for an invalid one.
    Date(f64),
    /// `Object(true)`
    BoolObject(bool),
    /// `Object(1)`
    NumberObject(f64),
    /// `Object(1n)`
    BigIntObject(BigInt),
    /// `Object('a')`
    StringObject(JsString),
    /// A regular expression.
    RegExp(Box<RegExp>),
    /// A `Map`, in its order.
    Map(Vec<(Value, Value)>),
    /// A `Set`, in its order.
    Set(Vec<Value>),
    /// An `Error`, or one of its subclasses.
    Error(Box<ErrorObject>),
    /// An `ArrayBuffer`.
    ArrayBuffer(Bytes),
    /// An `ArrayBuffer` that can be resized, up to so many bytes. Node 18 has none: unless
    /// [`Options::oldest_node`](super::Options::oldest_node) says otherwise it is sent as a plain one.
    ResizableArrayBuffer(Bytes, u32),
    /// A view on bytes of its own, as Node sends `Buffer`, typed arrays and `DataView`.
    View(View),
    /// A view on a buffer that others may share. Node does not send these, and reads them.
    BufferView(Box<BufferView>),
    /// A native object of Node's, of which only the enumerable properties travel ([ADV-9](crate::protocol#ADV-9)).
    HostObject(Object),
    /// The first occurrence of an object that [`Reference`](Value::Reference)s refer to.
    Shared(Box<Shared>),
    /// The object with this label.
    Reference(u32),
}

/// The properties of an object, in order.
pub type Object = Vec<(JsString, Value)>;

/// See [`Value::SparseArray`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparseArray {
    /// The array's `length`.
    pub length: u32,
    /// What is there: elements under their indexes, in order, and properties with other names.
    pub properties: Object,
}

/// See [`Value::Error`]. `name`, `code` and other properties do not travel ([ADV-7](crate::protocol#ADV-7)).
///
/// ```
/// use crossfork::v8::{ErrorKind, ErrorObject, Value};
///
/// let mut error = ErrorObject::new(ErrorKind::TypeError);
/// error.message = Some("no number".into());
/// assert_eq!(Value::from(error), Value::error(ErrorKind::TypeError, "no number"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ErrorObject {
    /// Its class.
    pub kind: ErrorKind,
    /// Its own `message`.
    pub message: Option<JsString>,
    /// Its own `stack`.
    pub stack: Option<JsString>,
    /// Its own `cause`.
    pub cause: Option<Value>,
}

impl ErrorObject {
    /// An error of this class, with nothing else.
    pub fn new(kind: ErrorKind) -> Self {
        ErrorObject { kind, ..Default::default() }
    }
}

/// See [`Value::View`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its class.
    pub kind: ViewKind,
    /// What it shows, numbers in little-endian order.
    pub bytes: Bytes,
}

/// See [`Value::BufferView`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferView {
    /// The `ArrayBuffer`, or a reference to it.
    pub buffer: Value,
    /// The view's class.
    pub kind: ViewKind,
    /// Where in the buffer it begins, in bytes.
    pub offset: u32,
    /// How many bytes it shows.
    pub length: u32,
}

/// See [`Value::Shared`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// What references call it. Labels count from 1 in what was received, in the order in which
    /// the objects begin; in what is sent, any numbers will do that are not used twice.
    pub label: u32,
    /// The object.
    pub value: Value,
}

/// Reading.
impl Value {
    /// The property of this name, of an object, of an error (its `cause`) or of an array with properties;
    /// or what a `Map` has under this text.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let properties = match self.unlabelled() {
            Value::Object(properties) | Value::HostObject(properties) => properties,
            Value::SparseArray(array) => &array.properties,
            Value::Error(error) if name == "cause" => return error.cause.as_ref(),
            Value::Map(entries) => {
                let entry = entries.iter().find(|(key, _)| matches!(key, Value::String(key) if *key == name));
                return entry.map(|(_, value)| value);
            }
            _ => return None,
        };
        properties.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The value itself, or what a label was put on.
    pub fn unlabelled(&self) -> &Value {
        match self {
            Value::Shared(shared) => shared.value.unlabelled(),
            other => other,
        }
    }

    /// The object with this label, somewhere in this value.
    pub fn labelled(&self, label: u32) -> Option<&Value> {
        match self {
            Value::Shared(shared) if shared.label == label => Some(&shared.value),
            Value::Shared(shared) => shared.value.labelled(label),
            Value::Object(properties) | Value::HostObject(properties) => {
                properties.iter().find_map(|(_, value)| value.labelled(label))
            }
            Value::SparseArray(array) => array.properties.iter().find_map(|(_, value)| value.labelled(label)),
            Value::Array(values) | Value::Set(values) => {
                values.iter().find_map(|value| value.labelled(label))
            }
            Value::Map(entries) => {
                entries.iter().find_map(|(key, value)| key.labelled(label).or_else(|| value.labelled(label)))
            }
            Value::Error(error) => error.cause.as_ref()?.labelled(label),
            Value::BufferView(view) => view.buffer.labelled(label),
            _ => None,
        }
    }

    /// The number, of a number or a boxed one.
    pub fn as_f64(&self) -> Option<f64> {
        match self.unlabelled() {
            Value::Number(n) | Value::NumberObject(n) => Some(*n),
            _ => None,
        }
    }

    /// The number, if it is whole and this integer can hold it: of a number, a `BigInt`, or a boxed one.
    pub fn as_i64(&self) -> Option<i64> {
        const END: f64 = 9_223_372_036_854_775_808.0;
        match self.unlabelled() {
            Value::BigInt(n) | Value::BigIntObject(n) => n.try_into().ok(),
            other => other.as_f64().filter(|n| n.fract() == 0.0 && (-END..END).contains(n)).map(|n| n as i64),
        }
    }

    /// As [`as_i64`](Self::as_i64), for an unsigned one.
    pub fn as_u64(&self) -> Option<u64> {
        const END: f64 = 18_446_744_073_709_551_616.0;
        match self.unlabelled() {
            Value::BigInt(n) | Value::BigIntObject(n) => n.try_into().ok(),
            other => other.as_f64().filter(|n| n.fract() == 0.0 && (0.0..END).contains(n)).map(|n| n as u64),
        }
    }

    /// The big integer, of a `BigInt` or a boxed one.
    pub fn as_big_int(&self) -> Option<&BigInt> {
        match self.unlabelled() {
            Value::BigInt(n) | Value::BigIntObject(n) => Some(n),
            _ => None,
        }
    }

    /// The boolean, of a boolean or a boxed one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.unlabelled() {
            Value::Bool(b) | Value::BoolObject(b) => Some(*b),
            _ => None,
        }
    }

    /// The string, of a string or a boxed one, unless it has a surrogate without its other half.
    pub fn as_str(&self) -> Option<&str> {
        match self.unlabelled() {
            Value::String(text) | Value::StringObject(text) => text.as_str(),
            _ => None,
        }
    }

    /// The elements of an array without holes, or of a set.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self.unlabelled() {
            Value::Array(values) | Value::Set(values) => Some(values),
            _ => None,
        }
    }

    /// The properties of an object, in their order.
    pub fn as_object(&self) -> Option<&[(JsString, Value)]> {
        match self.unlabelled() {
            Value::Object(properties) | Value::HostObject(properties) => Some(properties),
            _ => None,
        }
    }

    /// The entries of a `Map`, in their order.
    pub fn as_map(&self) -> Option<&[(Value, Value)]> {
        match self.unlabelled() {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The time of a `Date`, unless it is invalid.
    pub fn as_system_time(&self) -> Option<SystemTime> {
        /// JavaScript has no date further from 1970.
        const MAX: f64 = 8.64e15;
        match *self.unlabelled() {
            Value::Date(ms) if (0.0..=MAX).contains(&ms) => {
                SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms as u64))
            }
            Value::Date(ms) if (-MAX..0.0).contains(&ms) => {
                SystemTime::UNIX_EPOCH.checked_sub(Duration::from_millis(-ms as u64))
            }
            _ => None,
        }
    }

    /// The bytes of a buffer, or what a view shows of it.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match self.unlabelled() {
            Value::ArrayBuffer(bytes) | Value::ResizableArrayBuffer(bytes, _) => Some(bytes),
            Value::View(view) => Some(&view.bytes),
            _ => None,
        }
    }

    /// Whether it is `undefined` or `null`.
    pub fn is_nullish(&self) -> bool {
        matches!(self, Value::Undefined | Value::Null)
    }
}

/// Building.
impl Value {
    /// An object with these properties.
    pub fn object<K: Into<JsString>>(properties: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Object(properties.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// A Node `Buffer` with these bytes.
    pub fn buffer(bytes: impl Into<Bytes>) -> Value {
        Value::View(View { kind: ViewKind::Buffer, bytes: bytes.into() })
    }

    /// An `Error` with this message, and no stack.
    pub fn error(kind: ErrorKind, message: impl Into<JsString>) -> Value {
        Value::Error(Box::new(ErrorObject { kind, message: Some(message.into()), ..Default::default() }))
    }

    /// Puts a label on an object, for references to it.
    pub fn with_label(self, label: u32) -> Value {
        Value::Shared(Box::new(Shared { label, value: self }))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        use Value::*;
        match (self, other) {
            (Undefined, Undefined) | (Null, Null) => true,
            (Bool(a), Bool(b)) | (BoolObject(a), BoolObject(b)) => a == b,
            (Number(a), Number(b)) | (NumberObject(a), NumberObject(b)) | (Date(a), Date(b)) => same(*a, *b),
            (BigInt(a), BigInt(b)) | (BigIntObject(a), BigIntObject(b)) => a == b,
            (String(a), String(b)) | (StringObject(a), StringObject(b)) => a == b,
            (Object(a), Object(b)) | (HostObject(a), HostObject(b)) => a == b,
            (Array(a), Array(b)) | (Set(a), Set(b)) => a == b,
            (SparseArray(a), SparseArray(b)) => a == b,
            (RegExp(a), RegExp(b)) => a == b,
            (Map(a), Map(b)) => a == b,
            (Error(a), Error(b)) => a == b,
            (ArrayBuffer(a), ArrayBuffer(b)) => a == b,
            (ResizableArrayBuffer(a, m), ResizableArrayBuffer(b, n)) => a == b && m == n,
            (View(a), View(b)) => a == b,
            (BufferView(a), BufferView(b)) => a == b,
            (Shared(a), Shared(b)) => a == b,
            (Reference(a), Reference(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

/// `Object.is`
fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}
