//! [`Body`]: a message that was written and has no frame yet, for it may be sent together with others.

use crate::error::SendError;
use crate::wire::{advanced, json};

/// A message that was written, and is framed when it is sent.
pub enum Body {
    Json(Vec<u8>),
    Advanced(advanced::Unfinished),
}

impl Body {
    /// How long it is, nearly.
    pub(crate) fn len(&self) -> usize {
        match self {
            Body::Json(text) => text.len(),
            Body::Advanced(record) => record.len(),
        }
    }

    /// Whether it can be sent together with others.
    pub(crate) fn is_movable(&self) -> bool {
        match self {
            Body::Json(_) => true,
            Body::Advanced(record) => record.is_movable,
        }
    }

    /// The frame of one message, or of an array of several.
    pub(crate) fn frame(mut bodies: Vec<Body>) -> Result<Vec<u8>, SendError> {
        if bodies.len() == 1
            && let Some(body) = bodies.pop()
        {
            return match body {
                Body::Json(mut text) => json::finish(&mut text).map(|()| text),
                Body::Advanced(record) => Ok(record.alone()),
            };
        }
        let (mut texts, mut records) = (Vec::new(), Vec::new());
        for body in bodies {
            match body {
                Body::Json(text) => texts.push(text),
                Body::Advanced(record) => records.push(record),
            }
        }
        match records.is_empty() {
            true => json::together(&texts),
            false => advanced::Unfinished::together(&records),
        }
    }
}
