//! Values in words, much as Node's `util.inspect` prints them.

use std::fmt::{self, Display, Formatter, Write};

use super::text::JsString;
use super::value::{ErrorObject, Value};

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Undefined => f.write_str("undefined"),
            Value::Null => f.write_str("null"),
            Value::Bool(b) => b.fmt(f),
            Value::Number(n) => number(f, *n),
            Value::BigInt(n) => n.fmt(f),
            Value::String(text) => quoted(f, text),
            Value::Object(properties) => {
                list(f, "{", properties, |f, (key, value)| property(f, key, value), "}")
            }
            Value::Array(values) => list(f, "[", values, |f, value| value.fmt(f), "]"),
            Value::SparseArray(array) => {
                write!(f, "Array({}) ", array.length)?;
                list(f, "[", &array.properties, |f, (key, value)| property(f, key, value), "]")
            }
            Value::Date(ms) => {
                f.write_str("Date(")?;
                number(f, *ms)?;
                f.write_str(")")
            }
            Value::BoolObject(b) => write!(f, "[Boolean: {b}]"),
            Value::NumberObject(n) => {
                f.write_str("[Number: ")?;
                number(f, *n)?;
                f.write_str("]")
            }
            Value::BigIntObject(n) => write!(f, "[BigInt: {n}]"),
            Value::StringObject(text) => {
                f.write_str("[String: ")?;
                quoted(f, text)?;
                f.write_str("]")
            }
            Value::RegExp(regexp) => write!(f, "/{}/{}", regexp.source, regexp.flags.letters()),
            Value::Map(entries) => {
                write!(f, "Map({}) ", entries.len())?;
                list(f, "{", entries, |f, (key, value)| write!(f, "{key} => {value}"), "}")
            }
            Value::Set(values) => {
                write!(f, "Set({}) ", values.len())?;
                list(f, "{", values, |f, value| value.fmt(f), "}")
            }
            Value::Error(error) => self::error(f, error),
            Value::ArrayBuffer(bytes) => binary(f, "ArrayBuffer", bytes),
            Value::ResizableArrayBuffer(bytes, _) => binary(f, "ArrayBuffer", bytes),
            Value::View(view) => binary(f, view.kind.as_str(), &view.bytes),
            Value::BufferView(view) => {
                write!(f, "{}({}, {}, {})", view.kind.as_str(), view.buffer, view.offset, view.length)
            }
            Value::HostObject(properties) => {
                f.write_str("[native] ")?;
                list(f, "{", properties, |f, (key, value)| property(f, key, value), "}")
            }
            Value::Shared(shared) => write!(f, "<ref *{}> {}", shared.label, shared.value),
            Value::Reference(label) => write!(f, "[Circular *{label}]"),
        }
    }
}

fn list<T>(
    f: &mut Formatter<'_>,
    open: &str,
    items: &[T],
    item: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
    close: &str,
) -> fmt::Result {
    f.write_str(open)?;
    for (i, of) in items.iter().enumerate() {
        f.write_str(if i == 0 { " " } else { ", " })?;
        item(f, of)?;
    }
    f.write_str(if items.is_empty() { "" } else { " " })?;
    f.write_str(close)
}

fn property(f: &mut Formatter<'_>, key: &JsString, value: &Value) -> fmt::Result {
    let plain = |key: &str| {
        key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$')
    };
    match key.as_str() {
        Some(key) if plain(key) || super::text::index_of(key).is_some() => f.write_str(key)?,
        _ => quoted(f, key)?,
    }
    write!(f, ": {value}")
}

fn number(f: &mut Formatter<'_>, n: f64) -> fmt::Result {
    if n.is_infinite() {
        return f.write_str(if n > 0.0 { "Infinity" } else { "-Infinity" });
    }
    write!(f, "{n}")
}

fn quoted(f: &mut Formatter<'_>, text: &JsString) -> fmt::Result {
    f.write_char('\'')?;
    for unit in char::decode_utf16(text.encode_utf16()) {
        match unit {
            Ok('"') => f.write_char('"')?,
            Ok(c) if c.is_control() || c == '\'' || c == '\\' => write!(f, "{}", c.escape_default())?,
            Ok(c) => f.write_char(c)?,
            Err(lone) => write!(f, "\\u{:x}", lone.unpaired_surrogate())?,
        }
    }
    f.write_char('\'')
}

fn error(f: &mut Formatter<'_>, error: &ErrorObject) -> fmt::Result {
    write!(f, "[{}", error.kind.as_str())?;
    if let Some(message) = &error.message {
        write!(f, ": {message}")?;
    }
    if let Some(cause) = &error.cause {
        write!(f, ", cause: {cause}")?;
    }
    f.write_str("]")
}

fn binary(f: &mut Formatter<'_>, name: &str, bytes: &[u8]) -> fmt::Result {
    const SHOWN: usize = 50;
    write!(f, "<{name}")?;
    bytes.iter().take(SHOWN).try_for_each(|byte| write!(f, " {byte:02x}"))?;
    match bytes.len() {
        0..=SHOWN => f.write_str(">"),
        more => write!(f, " ... {} more bytes>", more - SHOWN),
    }
}
