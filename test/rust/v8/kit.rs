//! Shared helpers: handwritten records, and Node's records.

use std::fs;
use std::path::Path;

use crossfork::v8::{JsString, Value};
use serde::Deserialize;

pub use crate::any::newest;

/// What Node wrote for one value.
pub struct Vector {
    pub id: String,
    /// The source text of the value.
    pub js: String,
    /// The versions that wrote exactly this.
    pub node: Vec<String>,
    pub record: Vec<u8>,
}

#[derive(Deserialize)]
struct Recorded {
    id: String,
    js: String,
    node: Vec<String>,
    frame_hex: Option<String>,
}

#[derive(Deserialize)]
struct File {
    vectors: Vec<Recorded>,
}

/// All records of Node, without values that it cannot send.
pub fn vectors() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("test/vectors/advanced.json");
    let file: File = serde_json::from_slice(&fs::read(path).expect("is readable")).expect("is JSON");
    let written = file.vectors.into_iter().filter_map(|of| {
        let frame = hex(&of.frame_hex?);
        let (length, record) = frame.split_first_chunk::<4>().expect("a length");
        assert_eq!(u32::from_be_bytes(*length) as usize, record.len(), "{}", of.id);
        Some(Vector { id: of.id, js: of.js, node: of.node, record: record.to_vec() })
    });
    let written: Vec<_> = written.collect();
    assert!(written.len() > 130, "only {} vectors", written.len());
    written
}

/// Bytes as they are printed; white space is for the reader.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    bytes.unwrap_or_else(|| panic!("{text:?} is not hexadecimal"))
}

/// A record with these bytes after the header.
pub fn record(value: &str) -> Vec<u8> {
    [hex("ff0f"), hex(value)].concat()
}

/// The value of a handwritten record.
pub fn value(text: &str) -> Value {
    Value::decode(&record(text)).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// As V8 writes lengths and counts.
pub fn varint(mut n: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

/// An empty object.
pub fn empty() -> Value {
    Value::Object(Vec::new())
}

pub fn js(text: &str) -> JsString {
    JsString::from(text)
}
