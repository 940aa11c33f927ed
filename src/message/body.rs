//! [`Body`]: a message that was written and has no frame yet, for it may be sent together with others.

use crate::error::SendError;
use crate::handle::Outgoing;
use crate::wire::{advanced, json};

/// A message that was written, perhaps with a handle. It is framed when it is sent.
pub struct Body {
    written: Written,
    handle: Option<Outgoing>,
}

pub(super) enum Written {
    Json(Vec<u8>),
    Advanced(advanced::Unfinished),
}

impl Body {
    pub(super) fn new(written: Written) -> Self {
        Body { written, handle: None }
    }

    /// The same message with a handle.
    pub(crate) fn with_handle(self, handle: Option<Outgoing>) -> Self {
        Body { handle, ..self }
    }

    /// Takes the handle that is to go with it.
    pub(crate) fn take_handle(&mut self) -> Option<Outgoing> {
        self.handle.take()
    }

    /// How long it is, nearly.
    pub(crate) fn len(&self) -> usize {
        match &self.written {
            Written::Json(text) => text.len(),
            Written::Advanced(record) => record.len(),
        }
    }

    /// Whether it can be sent together with others.
    pub(crate) fn is_movable(&self) -> bool {
        self.handle.is_none()
            && match &self.written {
                Written::Json(_) => true,
                Written::Advanced(record) => record.is_movable,
            }
    }

    /// The frame of one message, or of an array of several.
    pub(crate) fn frame(mut bodies: Vec<Body>) -> Result<Vec<u8>, SendError> {
        if bodies.len() == 1
            && let Some(body) = bodies.pop()
        {
            return match body.written {
                Written::Json(mut text) => json::finish(&mut text).map(|()| text),
                Written::Advanced(record) => Ok(record.alone()),
            };
        }
        let (mut texts, mut records) = (Vec::new(), Vec::new());
        for body in bodies {
            match body.written {
                Written::Json(text) => texts.push(text),
                Written::Advanced(record) => records.push(record),
            }
        }
        match records.is_empty() {
            true => json::together(&texts),
            false => advanced::Unfinished::together(&records),
        }
    }
}
