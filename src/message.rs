//! A message's bytes, decoded when somebody asks.

use std::sync::OnceLock;

use bytes::Bytes;
use serde::Deserialize;

use crate::error::ProtocolError;
use crate::wire::json;

/// The bytes of one message. They are not parsed until [`json`](Payload::json) is called, and
/// cloning shares them.
///
/// A small payload shares its memory with the messages that were read beside it (64 KiB at most):
/// for long, keep what you decoded, not the payload.
#[derive(Clone, Debug)]
pub struct Payload {
    bytes: Bytes,
    /// What Node would have read, where the bytes are not UTF-8: made when it is needed, which is
    /// hardly ever, and kept so that a decoded value can borrow from it.
    lossy: OnceLock<Box<str>>,
}

impl Payload {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Payload { bytes, lossy: OnceLock::new() }
    }

    /// The message as it came, without framing. Empty if the peer sent a handle alone, with what
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
    /// `undefined` reads as `null`. A text that is not valid UTF-8 is read as Node reads it, with
    /// U+FFFD for each bad sequence. A lone surrogate (`"\ud800"`), which no Rust string can
    /// hold, is an error for `String`; into a [`RawValue`](serde_json::value::RawValue) or bytes
    /// it can be read.
    ///
    /// # Errors
    /// [`ProtocolError::Decode`], with the bytes: the message is not JSON, is not a `T`, or is
    /// nested deeper than serde_json's 128 levels.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ProtocolError> {
        json::decode(&self.bytes)
            .or_else(|reason| match std::str::from_utf8(&self.bytes) {
                Ok(_) => Err(reason),
                Err(_) => serde_json::from_str(self.lossy()),
            })
            .map_err(|reason| ProtocolError::Decode { reason, message: self.bytes.clone() })
    }

    fn lossy(&self) -> &str {
        self.lossy.get_or_init(|| String::from_utf8_lossy(&self.bytes).into())
    }
}
