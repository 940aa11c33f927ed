//! Node's internal messages in the advanced mode (ADV-10): recognition, content and encoding.

mod handles;
mod internal;
mod transcripts;

use bytes::Bytes;
use crossfork::v8::Value;
use crossfork::wire::advanced::PREFIX;
use crossfork::wire::control::{Control, HandleFrame, advanced as control};

use crate::any;
use crate::kit::newest;

fn encoded(value: &Value) -> Vec<u8> {
    value.encode(&newest()).unwrap_or_else(|e| panic!("{value}: {e}"))
}

fn parse(record: &[u8]) -> Option<Control> {
    any::check(record);
    control::parse(&Bytes::copy_from_slice(record))
}

fn handle(record: &[u8]) -> HandleFrame {
    match parse(record) {
        Some(Control::Handle(frame)) => frame,
        other => panic!("{} is {other:?}", record.escape_ascii()),
    }
}

/// The record in a frame of ours.
fn content(frame: &[u8]) -> &[u8] {
    let (length, record) = frame.split_first_chunk::<PREFIX>().expect("a length");
    assert_eq!(u32::from_be_bytes(*length) as usize, record.len());
    record
}

/// An object as a handle's envelope.
fn envelope<const N: usize>(fields: [(&str, Value); N]) -> Vec<u8> {
    let cmd = ("cmd", Value::from("NODE_HANDLE"));
    encoded(&Value::object([cmd].into_iter().chain(fields)))
}
