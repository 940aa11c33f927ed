//! The machines of a cluster under arbitrary scripts: a [`primary`] with arbitrary workers, and a
//! [`worker`] with an arbitrary primary. Their messages pass through either serialization.

pub mod primary;
mod script;
pub mod worker;

use crossfork::Serialization;
use crossfork::proto::cluster::Message;
use crossfork::v8::{self, Options, Value};

/// The parsed message, if it is valid.
fn heard(serialization: Serialization, text: &[u8]) -> Option<Message> {
    if serialization == Serialization::Json {
        return serde_json::from_slice(text).ok();
    }
    match serde_json::from_slice::<Value>(text) {
        Ok(value) => v8::from_slice(&v8::to_vec(&value, &Options::default()).ok()?).ok(),
        Err(_) => v8::from_slice(text).ok(),
    }
}

/// A machine's message can be parsed, and is encoded identically again.
fn check_said(serialization: Serialization, message: &Message) {
    let write = |message: &Message| match serialization {
        Serialization::Json => serde_json::to_vec(message).expect("is written"),
        _ => v8::to_vec(message, &Options::default()).expect("is written"),
    };
    let said = write(message);
    let again = heard(serialization, &said).expect("is understood");
    assert_eq!(write(&again), said, "{message:?} is understood as {again:?}");
}
