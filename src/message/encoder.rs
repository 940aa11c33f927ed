//! Values to frames, as a channel's peer reads them. This is done outside of the channel's lock, because
//! a value's own code runs meanwhile, and may use the channel.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use serde::Serialize;

use crate::error::{Error, SendError};
use crate::message::Payload;
#[cfg(feature = "calls")]
use crate::message::body::{Body, Written};
use crate::wire::v8::Options;
use crate::wire::{Serialization, advanced, json};

/// How large a frame's memory may be to be kept for the next one.
const KEPT: usize = 64 * 1024;

pub(crate) struct Encoder {
    serialization: Serialization,
    /// What the peer can read, in the advanced mode.
    v8: RwLock<Options>,
    /// The channel's own, by which it knows what came on it.
    number: u64,
}

impl Encoder {
    pub(crate) fn new(serialization: Serialization) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = 1 + LAST.fetch_add(1, Ordering::Relaxed);
        Encoder { serialization, v8: RwLock::default(), number }
    }

    pub(crate) fn serialization(&self) -> Serialization {
        self.serialization
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn set_v8_options(&self, options: Options) {
        *self.v8.write().unwrap_or_else(PoisonError::into_inner) = options;
    }

    fn v8_options(&self) -> Options {
        *self.v8.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the frame of a message.
    pub(crate) fn frame<T: Serialize + ?Sized>(&self, message: &T) -> Result<Vec<u8>, Error> {
        Ok(match self.serialization {
            Serialization::Json => json::encode(message)?,
            Serialization::Advanced => advanced::encode(message, &self.v8_options())?,
        })
    }

    /// Writes a message that may be sent together with others.
    #[cfg(feature = "calls")]
    pub(crate) fn body<T: Serialize + ?Sized>(&self, message: &T) -> Result<Body, Error> {
        Ok(Body::new(match self.serialization {
            Serialization::Json => Written::Json(json::unfinished(message)?),
            Serialization::Advanced => {
                Written::Advanced(advanced::Unfinished::new(message, &self.v8_options())?)
            }
        }))
    }

    /// Makes the frame of a message in memory that this thread keeps for it, unless it is taken.
    pub(crate) fn with_frame<T: Serialize + ?Sized, R>(
        &self,
        message: &T,
        then: impl FnOnce(&mut Vec<u8>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        thread_local!(static FRAME: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });
        // Taken out, for the message's own code runs now, and may come here again.
        let mut frame = FRAME.take();
        frame.clear();
        match self.serialization {
            Serialization::Json => json::encode_to(&mut frame, message)?,
            Serialization::Advanced => advanced::encode_to(&mut frame, message, &self.v8_options())?,
        }
        let result = then(&mut frame);
        if frame.capacity() <= KEPT {
            FRAME.set(frame);
        }
        result
    }

    /// Makes the frame of a message that was received, to be sent with a handle: it may be empty.
    pub(crate) fn forward_with_handle(&self, payload: &Payload) -> Result<Vec<u8>, Error> {
        if payload.as_bytes().is_empty() { Ok(Vec::new()) } else { self.forward(payload) }
    }

    /// Makes the frame of a message that was received, on this channel or another.
    pub(crate) fn forward(&self, payload: &Payload) -> Result<Vec<u8>, Error> {
        if payload.serialization() != self.serialization {
            return Err(SendError::OtherSerialization {
                message: payload.serialization().as_str(),
                channel: self.serialization.as_str(),
            }
            .into());
        }
        Ok(match self.serialization {
            Serialization::Json => json::reencode(payload.as_bytes())?,
            // Our peer can read what it has written itself, however new it is.
            Serialization::Advanced if payload.is_from(self.number) => {
                advanced::frame_of(payload.as_bytes())?
            }
            Serialization::Advanced => advanced::reencode(&payload.clone().into_bytes(), &self.v8_options())?,
        })
    }
}
