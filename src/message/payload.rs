//! A message's bytes, decoded when somebody asks.

use std::sync::OnceLock;

use bytes::Bytes;
use serde::Deserialize;

use crate::error::{FormatError, ProtocolError};
use crate::wire::advanced::UNDEFINED;
use crate::wire::{self, Serialization, json, v8};

/// The bytes of one message, in its channel's serialization. They are not parsed until
/// [`decode`](Payload::decode) is called, and cloning shares them.
///
/// A small payload shares its memory with the messages that were read beside it (64 KiB at most):
/// for long, keep what you decoded, not the payload.
#[derive(Clone, Debug)]
pub struct Payload {
    bytes: Bytes,
    serialization: Serialization,
    /// The channel that it came on, by its number; 0 if that is not known.
    origin: u64,
    /// What Node would have read, where the bytes are not UTF-8. It is made when it is needed, and kept
    /// so that a decoded value can borrow from it.
    lossy: OnceLock<Box<str>>,
}

impl Payload {
    pub(crate) fn new(serialization: Serialization, bytes: Bytes) -> Self {
        Payload { bytes, serialization, origin: 0, lossy: OnceLock::new() }
    }

    /// Takes note of the channel that it came on.
    pub(crate) fn received_on(self, number: u64) -> Self {
        Payload { origin: number, ..self }
    }

    /// Whether it came from the channel of this number, so that the peer can read it for sure.
    pub(crate) fn is_from(&self, number: u64) -> bool {
        self.origin == number
    }

    /// How it is written.
    pub fn serialization(&self) -> Serialization {
        self.serialization
    }

    /// The message as it came, without framing: a JSON text, or a record of V8's. Empty if the peer sent a handle alone, with what
    /// JavaScript calls `undefined`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same bytes, owned.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Decodes the message straight into `T`, which may borrow from it.
    ///
    /// A string can be borrowed only if the message has it as it is. A quote or a line end in it prevents
    /// that, and in the `advanced` mode an accent does too. Decode into a `String`, or a `Cow<str>` with
    /// `#[serde(borrow)]`, unless you know that there is none.
    ///
    /// `undefined` reads as `null`. Of JSON, a text that is not valid UTF-8 is read as Node reads
    /// it, with U+FFFD for each bad sequence. A lone surrogate (`"\ud800"`), which no Rust string
    /// can hold, is an error for `String`; into a [`RawValue`](serde_json::value::RawValue) or
    /// bytes it can be read.
    ///
    /// # Errors
    /// [`ProtocolError::Decode`], with the bytes: the message is not what its serialization allows,
    /// is not a `T`, or is nested too deeply (JSON: serde_json's 128 levels).
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ProtocolError> {
        match self.serialization {
            Serialization::Json => json::decode(&self.bytes)
                .or_else(|reason| match std::str::from_utf8(&self.bytes) {
                    Ok(_) => Err(reason),
                    Err(_) => serde_json::from_str(self.lossy()),
                })
                .map_err(|reason| self.undecodable(reason.into())),
            Serialization::Advanced => {
                let record = if self.bytes.is_empty() { UNDEFINED } else { &self.bytes };
                v8::from_slice(record).map_err(|reason| self.undecodable(reason.into()))
            }
        }
    }

    /// The message as the JavaScript value that it is, with all that serde's types cannot say:
    /// `Map` and `Set`, `undefined`, shared and circular references.
    ///
    /// # Errors
    /// As [`decode`](Payload::decode).
    pub fn value(&self) -> Result<v8::Value, ProtocolError> {
        match self.serialization {
            Serialization::Json => self.decode(),
            Serialization::Advanced => {
                v8::Value::decode_bytes(&self.record()).map_err(|reason| self.undecodable(reason.into()))
            }
        }
    }

    fn record(&self) -> Bytes {
        if self.bytes.is_empty() { Bytes::from_static(UNDEFINED) } else { self.bytes.clone() }
    }

    fn undecodable(&self, reason: FormatError) -> ProtocolError {
        ProtocolError::Decode { reason, message: wire::quote(self.serialization, self.bytes.clone()) }
    }

    fn lossy(&self) -> &str {
        self.lossy.get_or_init(|| String::from_utf8_lossy(&self.bytes).into())
    }
}
