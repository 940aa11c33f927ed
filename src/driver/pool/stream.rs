//! [`Items`]: the items of a call whose result is a stream.

use std::task::{Context, Poll};

use serde::de::DeserializeOwned;

use super::PoolError;
use super::call::Taken;
use crate::calls::CallError;
use crate::calls::pool::Outcome;
use crate::driver::calls::InFlight;
use crate::message::part::Part;

/// The items of a call whose result is a stream. Dropped before its end, it cancels the call.
pub(crate) struct Items(State);

enum State {
    /// In this order: a call that is cancelled is so before the pool is told.
    Open {
        first: Option<First>,
        in_flight: InFlight,
        taken: Taken,
    },
    /// The worker is gone: how it ends is still to be told.
    Lost {
        taken: Taken,
    },
    Over,
}

/// What came before the stream was in its reader's hands.
type First = Option<Result<Part, CallError>>;

impl Items {
    pub(super) fn new(first: First, in_flight: InFlight, taken: Taken) -> Self {
        Items(State::Open { first: Some(first), in_flight, taken })
    }

    /// The next item; `None` when there are no more. An error is the last one.
    pub(crate) fn poll_next<R: DeserializeOwned>(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<R, PoolError>>> {
        if let State::Open { first, in_flight, .. } = &mut self.0 {
            let item = match first.take() {
                Some(first) => first,
                None => match in_flight.poll_item(cx) {
                    Poll::Ready(item) => item,
                    Poll::Pending => return Poll::Pending,
                },
            };
            return match item
                .map(|item| item.and_then(|part| part.decode_naming("item").map_err(CallError::Result)))
            {
                Some(Ok(item)) => Poll::Ready(Some(Ok(item))),
                ended => self.ended(ended, cx),
            };
        }
        self.poll_lost(cx)
    }

    fn ended<R>(
        &mut self,
        ended: Option<Result<R, CallError>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<R, PoolError>>> {
        let State::Open { in_flight, mut taken, .. } = std::mem::replace(&mut self.0, State::Over) else {
            return Poll::Ready(None);
        };
        drop(in_flight);
        match ended {
            Some(Err(CallError::Disconnected { .. })) => {
                self.0 = State::Lost { taken };
                self.poll_lost(cx)
            }
            // The rest of it is not wanted: the call is cancelled, and so was not settled.
            Some(Err(error @ CallError::Result(_))) => Poll::Ready(Some(Err(error.into()))),
            Some(Err(error)) => {
                taken.settle(Outcome::Failed);
                Poll::Ready(Some(Err(error.into())))
            }
            _ => {
                taken.settle(Outcome::Completed);
                Poll::Ready(None)
            }
        }
    }

    fn poll_lost<R>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<R, PoolError>>> {
        let State::Lost { taken } = &mut self.0 else {
            return Poll::Ready(None);
        };
        let Poll::Ready(error) = taken.poll_failure(cx) else {
            return Poll::Pending;
        };
        self.0 = State::Over;
        Poll::Ready(Some(Err(error)))
    }
}
