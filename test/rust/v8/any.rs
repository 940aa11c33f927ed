//! Properties of any bytes, whether they are a record or not. Also the fuzzer's body.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;
use crossfork::v8::{self, Kind, Options, Value};
use crossfork::wire::advanced as frames;
use crossfork::wire::control::Control;
use crossfork::wire::control::advanced as control;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Runs every reader on these bytes.
pub fn check(record: &[u8]) {
    let value = read(record);
    types(record, value.as_ref());
    envelope(record, value.as_ref());
}

/// Reads a [`Value`] in every possible way.
fn read(record: &[u8]) -> Option<Value> {
    let value = Value::decode(record);
    let bytes = Bytes::copy_from_slice(record);
    assert_eq!(Value::decode_bytes(&bytes), value, "sharing memory makes a difference");
    // If there are several faults, another one may be found first.
    assert_eq!(v8::from_slice::<Value>(record).ok(), value.clone().ok(), "serde makes a difference");
    // A complete record is returned to its author unchanged, even if it is too deep for us.
    let too_deep = matches!(&value, Err(error) if *error.kind() == Kind::TooDeep);
    let whole = frames::frame_of(record).is_ok();
    assert!(
        whole == value.is_ok() || too_deep,
        "a record that cannot be read is called whole, or the other way round"
    );
    let value = value.map_err(|error| assert!(!error.to_string().is_empty())).ok()?;
    steady(&value);
    Some(value)
}

/// A decoded value is encoded, unless Node could not read it, and decodes to the same value.
fn steady(value: &Value) {
    for options in [Options::new(), newest()] {
        let Ok(record) = value.encode(&options) else { continue };
        let again = Value::decode(&record).expect("what is written can be read");
        if options == newest() {
            assert_eq!(&again, value, "{}", record.escape_ascii());
        }
        assert_eq!(again.encode(&options).as_ref(), Ok(&record), "written the same again");
        let frame = frames::reencode(&record.into(), &options).expect("what is written can be passed on");
        assert_eq!(Value::decode(&frame[frames::PREFIX..]).as_ref(), Ok(&again), "passed on as it was");
    }
    let mut printed = String::new();
    write!(printed, "{value} {value:?}").expect("can be printed");
}

/// Everything that any Node writes.
pub fn newest() -> Options {
    Options::new().oldest_node(26)
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read, and not looked at")]
struct Tree(Vec<Tree>);

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read, and not looked at")]
enum Shape {
    Unit,
    Newtype(Box<Shape>),
    Tuple(i64, Vec<u8>),
    Struct { a: Option<String>, b: Box<[u8]> },
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read, and not looked at")]
struct Typed<'a> {
    #[serde(borrow, default)]
    a: Option<Cow<'a, str>>,
    #[serde(default)]
    b: Vec<u8>,
    #[serde(default)]
    c: BTreeMap<i32, Vec<f32>>,
    d: Option<Shape>,
    #[serde(default)]
    e: (u128, char),
    f: Option<Value>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

fn types(record: &[u8], value: Option<&Value>) {
    let ignored = v8::from_slice::<IgnoredAny>(record);
    assert!(value.is_none() || ignored.is_ok(), "what can be read can be passed over");
    let json = v8::from_slice::<serde_json::Value>(record);
    // Without references, skipping misses no fault except excessive depth.
    let refers = record.contains(&b'^');
    let too_deep = || Value::decode(record).is_err_and(|error| *error.kind() == Kind::TooDeep);
    assert!(json.is_err() || value.is_some() || refers || too_deep(), "serde reads what cannot be read");
    drop(v8::from_slice::<Tree>(record));
    drop(v8::from_slice::<Shape>(record));
    drop(v8::from_slice::<Typed<'_>>(record));
    drop(v8::from_slice::<Vec<Value>>(record));
    drop(v8::from_slice::<&[u8]>(record));
    drop(v8::from_slice::<BTreeMap<String, Value>>(record));
    drop(v8::from_slice::<Vec<(i8, u64, f64, String)>>(record));
    drop(v8::from_slice::<Vec<Option<Box<[u8]>>>>(record));
}

/// Reads an internal message (INT-1).
fn envelope(record: &[u8], value: Option<&Value>) {
    let bytes = Bytes::copy_from_slice(record);
    let parsed = control::parse(&bytes);
    let cmd = control::reserved_cmd(record);
    assert_eq!(parsed.is_some(), cmd.is_some(), "receiving and refusing disagree");
    assert!(parsed.is_none() || control::may_be_internal(record), "may_be_internal missed it");
    if let Some(value) = value {
        assert_eq!(cmd.is_some(), is_internal(value), "{value}");
        let is_handle = cmd.as_deref() == Some("NODE_HANDLE");
        assert!(!is_handle || control::begins_handle(record), "an unfinished handle would be missed");
    }
    if let (Some(Control::Handle(handle)), Some(value)) = (parsed, value) {
        message(&handle.message, value);
    }
}

/// The message in a handle's envelope is a record of its own.
fn message(message: &Bytes, envelope: &Value) {
    if message.is_empty() {
        return;
    }
    // A message that refers to its envelope, which Node does not write, is one that is damaged.
    let Ok(message) = Value::decode(message) else { return };
    let without_labels = |value: &Value| !value.to_string().contains(['<', '*']);
    let of = |value: &Value| last(value, "msg").cloned();
    if without_labels(envelope) {
        let once = of(envelope);
        let twice = once.as_ref().and_then(of);
        assert!([once, twice].contains(&Some(message)), "the message is another one: {envelope}");
    }
}

fn is_internal(value: &Value) -> bool {
    let units = |text: &v8::JsString| text.encode_utf16().collect::<Vec<_>>();
    let prefix: Vec<u16> = "NODE_".encode_utf16().collect();
    match last(value, "cmd") {
        Some(Value::String(cmd)) => units(cmd).starts_with(&prefix) && units(cmd).len() > 5,
        _ => false,
    }
}

/// A property of an object, or of an array, the last of several.
fn last<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let properties = match value.unlabelled() {
        Value::Object(properties) | Value::HostObject(properties) => properties,
        Value::SparseArray(array) => &array.properties,
        _ => return None,
    };
    properties.iter().rfind(|(key, _)| *key == name).map(|(_, value)| value)
}
