//! The encoding where V8's choice is not the only one, and refused values.

mod keys;
mod labels;
mod newer;
mod numbers;
mod strings;

use crossfork::v8::{self, Kind, Value};
use serde::Serialize;

use crate::kit::{newest, record};

/// A value is encoded in these bytes, and decoded again.
fn written(value: &Value, text: &str) {
    let (bytes, expected) = (value.encode(&newest()).expect(text), record(text));
    assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{value}");
    assert_eq!(&Value::decode(&bytes).expect(text), value);
}

/// The same for a user type.
fn serialized<T: Serialize + ?Sized>(value: &T, text: &str) {
    let bytes = v8::to_vec(value, &newest()).expect(text);
    assert_eq!(bytes.escape_ascii().to_string(), record(text).escape_ascii().to_string());
}

/// No peer could read the value, or it would crash Node.
fn invalid(value: &Value, because: &str) {
    match value.encode(&newest()) {
        Ok(record) => panic!("{value} is written as {}", record.escape_ascii()),
        Err(error) => {
            assert!(matches!(error.kind(), Kind::Invalid(_)), "{value}: {error}");
            assert!(error.to_string().contains(because), "{value}: {error}");
            assert_eq!(error.offset(), None);
        }
    }
}
