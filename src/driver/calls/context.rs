//! [`Context`]: what a handler knows of its call besides the parameters.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

use super::core::Core;
use super::job::{Job, Running};
use super::reading::Reading;
use super::reply::Replying;
use crate::calls::read::id_in;
use crate::calls::{CallError, RpcError, Upload, write};
use crate::handle::ReceivedHandle;
use crate::message::part::Part;

/// What a handler knows of its call besides the parameters, and the way to the other end.
pub struct Context<P> {
    core: Arc<Core>,
    running: Option<Arc<Running>>,
    params: Option<Part>,
    handle: Mutex<Option<ReceivedHandle>>,
    traceparent: Option<String>,
    peer: P,
}

impl<P> Context<P> {
    pub(crate) fn new(core: Arc<Core>, job: Job, peer: P) -> Self {
        let Job { running, method: _, params, handle, traceparent } = job;
        Context { core, running, params, handle: Mutex::new(handle), traceparent, peer }
    }

    pub(crate) fn params(&self) -> Option<&Part> {
        self.params.as_ref()
    }

    pub(crate) fn replying(&self) -> Replying {
        Replying::new(self.core.clone(), self.running.clone())
    }

    /// Whether the caller has cancelled the call, or the channel is over. A handler that takes long looks
    /// from time to time, and returns any error then: nobody gets it.
    pub fn is_cancelled(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.is_cancelled())
    }

    /// When the caller stops waiting, if it has said so.
    pub fn deadline(&self) -> Option<Instant> {
        self.running.as_ref()?.deadline
    }

    /// Reports how far the call is, to a caller who listens. It gets the latest report: those that have
    /// not been sent when the next one is made are left out. What cannot be written is left out too.
    pub fn progress<T: Serialize + ?Sized>(&self, progress: &T) {
        let Some(running) = &self.running else {
            return;
        };
        let encoder = self.core.encoder();
        let body = if self.core.is_peer_ours() {
            write::progress(encoder, &running.id, progress)
        } else {
            // A peer of the Language Server Protocol has named a token for it, or does not want any.
            match self.params.as_ref().and_then(|params| id_in(params, "workDoneToken")) {
                Some(token) => write::progressed(encoder, &token, progress),
                None => return,
            }
        };
        if let Ok(body) = body {
            self.core.progress(&running.id, body);
        }
    }

    /// The handle that came with the call. One that is not taken is closed when the handler ends.
    pub fn take_handle(&self) -> Option<ReceivedHandle> {
        self.handle.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Reads a parameter that is a stream. To be wrapped by the driver.
    pub(crate) fn reading<T>(&self, upload: Upload<T>) -> Result<Reading, CallError> {
        let token = upload.into_token().zip(self.running.as_ref());
        let why = "this upload does not belong to this call, or was already read";
        let (token, running) = token.ok_or_else(|| RpcError::internal(why))?;
        Reading::begin(&self.core, &running.id, token)
    }

    /// The W3C trace context that the caller has sent along.
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// The other end: to call it, and to notify it.
    pub fn peer(&self) -> &P {
        &self.peer
    }
}

impl<P> fmt::Debug for Context<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("is_cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}
