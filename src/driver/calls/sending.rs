//! [`Sending`]: an upload of a call of ours.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use super::core::Core;
use crate::calls::{Id, Source, write};

/// An upload of a call of ours, as far as the other end has room for it.
pub(super) struct Sending {
    token: Id,
    /// There until the end. Alone in its lock, so that a call can be shared.
    source: Mutex<Option<Source>>,
}

impl Sending {
    pub(super) fn new(token: Id, source: Source) -> Self {
        Sending { token, source: Mutex::new(Some(source)) }
    }

    /// Sends items until there is no credit, no room, or no item that is ready.
    pub(super) fn go_on(&mut self, core: &Core, cx: &mut Context<'_>) {
        let place = self.source.get_mut().unwrap_or_else(PoisonError::into_inner);
        while let Some(source) = place {
            // Not in the `match`, which would keep the lock for as long as it lasts.
            let credit = core.visit().calls.upload_credit(&self.token);
            match credit {
                // Nobody reads it any more.
                None => *place = None,
                Some(0) => return,
                Some(_) if core.poll_room(cx).is_pending() => return,
                Some(_) => match source(cx, core.encoder(), &self.token) {
                    Poll::Pending => return,
                    Poll::Ready(Some(Ok(item))) => {
                        core.visit().calls.upload_item(&self.token, item);
                    }
                    Poll::Ready(end) => {
                        *place = None;
                        let body = match end {
                            Some(Err(error)) => write::upload_error(core.encoder(), &self.token, &error),
                            _ => write::upload_end(core.encoder(), &self.token),
                        };
                        if let Ok(body) = body {
                            core.visit().calls.end_upload(&self.token, body);
                        }
                    }
                },
            }
        }
    }
}
