//! Messages as JSON texts in either serialization, so that one test body covers both. The order of keys
//! is kept.

use crossfork::Serialization;
use crossfork::v8::{self, Value};
use crossfork::wire::advanced;

/// The frame of a message, as we write it.
pub fn frame(serialization: Serialization, text: &str) -> Vec<u8> {
    match serialization {
        Serialization::Json => format!("{text}\n").into_bytes(),
        _ => advanced::encode(&value(text), &v8::Options::default()).expect("encodes"),
    }
}

/// The frame of a message, as Node writes it.
pub fn nodes_frame(serialization: Serialization, text: &str) -> Vec<u8> {
    match serialization {
        Serialization::Json => format!("{text}\n").into_bytes(),
        _ => {
            let record = v8::to_vec(&value(text), &v8::Options::default()).expect("encodes");
            [&(record.len() as u32).to_be_bytes(), record.as_slice()].concat()
        }
    }
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{text:?} is no message: {e}"))
}

/// The message in a frame, without its framing. No bytes mean no message.
pub fn text(serialization: Serialization, content: &[u8]) -> String {
    match serialization {
        Serialization::Json => String::from_utf8(content.to_vec()).expect("a channel writes UTF-8"),
        _ if content.is_empty() => String::new(),
        _ => {
            let value: Value = v8::from_slice(content)
                .unwrap_or_else(|e| panic!("{} is no message: {e}", content.escape_ascii()));
            serde_json::to_string(&value).expect("a message that JSON has words for")
        }
    }
}

/// How many bytes the first frame of a stream takes, if all of it is there.
pub fn first_frame(serialization: Serialization, stream: &[u8]) -> Option<usize> {
    let length = match serialization {
        Serialization::Json => stream.iter().position(|byte| *byte == b'\n')? + 1,
        _ => advanced::PREFIX + u32::from_be_bytes(*stream.first_chunk()?) as usize,
    };
    (stream.len() >= length).then_some(length)
}
