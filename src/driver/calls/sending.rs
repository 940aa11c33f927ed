//! [`Sending`]: an upload of a call of ours.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::core::Core;
use crate::calls::{Id, Source, write};

/// So many items are sent, for so long, before the task looks whether the call is over or out of time.
const MOST_ITEMS: usize = 8;
const TURN: Duration = Duration::from_millis(1);

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

    /// Sends items until there is no credit, no room, no item that is ready, or the call has an outcome. An
    /// iterator is always ready: after a few items the task is woken again.
    pub(super) fn go_on(&mut self, core: &Core, call: u64, cx: &mut Context<'_>) {
        let place = self.source.get_mut().unwrap_or_else(PoisonError::into_inner);
        let (began, mut sent) = (Instant::now(), 0);
        while let Some(source) = place {
            if sent == MOST_ITEMS || (sent > 0 && began.elapsed() >= TURN) {
                cx.waker().wake_by_ref();
                return;
            }
            sent += 1;
            // Not in the `match`, which would keep the lock for as long as it lasts.
            let credit = {
                let visit = core.visit();
                let is_waiting = visit.pending.get(&call).is_some_and(|call| call.outcome.is_none());
                if is_waiting { visit.calls.upload_credit(&self.token) } else { None }
            };
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
