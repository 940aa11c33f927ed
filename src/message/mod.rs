//! [`Message`]: what a user receives, a [`Payload`] and perhaps a handle. [`encoder`] makes what is sent.

#[cfg(feature = "calls")]
pub(crate) mod body;
pub(crate) mod encoder;
#[cfg(feature = "calls")]
pub(crate) mod part;
mod payload;

use serde::Deserialize;

pub use payload::Payload;

use crate::error::ProtocolError;
use crate::handle::ReceivedHandle;
use crate::wire::v8::Value;

/// A message from the peer, perhaps with a handle.
///
/// A handle that is not taken is closed with the message.
///
/// ```
/// use crossfork::{Limits, blocking::Channel};
///
/// # fn main() -> Result<(), crossfork::Error> {
/// let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
/// let ours = Channel::from_socket(ours, Limits::new())?;
/// let theirs = Channel::from_socket(theirs, Limits::new())?;
/// ours.send(&["a", "b"])?;
/// let message = theirs.recv()?.expect("it was sent");
/// assert_eq!(message.decode::<Vec<String>>()?, ["a", "b"]); // into a type of yours
/// assert_eq!(message.value()?.to_string(), "[ 'a', 'b' ]"); // or as JavaScript has it
/// assert!(message.handle().is_none());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Message {
    payload: Payload,
    handle: Option<ReceivedHandle>,
}

impl Message {
    pub(crate) fn new(payload: Payload, handle: Option<ReceivedHandle>) -> Self {
        Message { payload, handle }
    }

    /// Decodes the message into a type of yours: see [`Payload::decode`].
    ///
    /// # Errors
    /// [`ProtocolError::Decode`] if it is not a `T`, or no message at all.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ProtocolError> {
        self.payload.decode()
    }

    /// The message as the JavaScript value that it is: see [`Payload::value`].
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn value(&self) -> Result<Value, ProtocolError> {
        self.payload.value()
    }

    /// The message as it came.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The handle that came with it.
    pub fn handle(&self) -> Option<&ReceivedHandle> {
        self.handle.as_ref()
    }

    /// Takes the handle that came with it.
    pub fn take_handle(&mut self) -> Option<ReceivedHandle> {
        self.handle.take()
    }
}
