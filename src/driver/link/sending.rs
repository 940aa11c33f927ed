//! What is accepted to be sent.

use std::os::fd::OwnedFd;

use super::{HIGH_WATER, Link};
use crate::driver::holders::Share;
use crate::error::{Error, SendError};
use crate::handle::{Handle, Outgoing, Unsent};
use crate::proto::Ticket;
use crate::wire::control;

impl Link {
    /// Accepts a frame. It is written when [`sent`](Self::sent) says so.
    pub(in crate::driver) fn submit(&mut self, frame: Vec<u8>) -> Result<Ticket, Error> {
        Ok(self.core.send(frame)?)
    }

    /// Accepts a frame to be written with others, and says how many bytes wait.
    /// A large one is taken, and a small one copied.
    pub(crate) fn feed(&mut self, frame: &mut Vec<u8>) -> Result<usize, Error> {
        match frame.len() > HIGH_WATER {
            true => drop(self.core.send(std::mem::take(frame))?),
            false => self.core.feed(frame)?,
        }
        Ok(self.core.queued_bytes())
    }

    /// Accepts a handle whose message is a frame already, and the share of a list that it is.
    pub(in crate::driver) fn submit_handle(
        &mut self,
        frame: Vec<u8>,
        outgoing: Outgoing,
        share: Option<Share>,
    ) -> Result<Ticket, Unsent> {
        let serialization = self.encoder.serialization();
        // The receiver would take the message for its own, handle and all.
        if let Some(cmd) = control::reserved_cmd(serialization, &frame) {
            return Err(outgoing.unsent(SendError::Reserved { cmd }.into()));
        }
        let checked = outgoing.check(self.bound_sockets)?;
        let frame = control::encode_handle(
            serialization,
            checked.wire_type,
            &frame,
            checked.key.as_ref(),
            checked.dgram_type,
        );
        match self.core.send_handle(frame, checked.handle.into()) {
            Ok(ticket) => {
                self.outcomes.expect(ticket, share);
                Ok(ticket)
            }
            Err((error, fd)) => Err(unsent(error.into(), fd)),
        }
    }

    /// How many bytes were accepted and are not written.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.core.queued_bytes()
    }

    /// Whether the message is written, once that is known.
    pub(in crate::driver) fn sent(&self, ticket: Ticket) -> Option<Result<(), Error>> {
        if self.core.is_written(ticket) {
            Some(Ok(()))
        } else if self.core.is_broken() {
            Some(Err(self.core.closed().into()))
        } else {
            None
        }
    }

    /// Whether all that was accepted is written, once that is known.
    pub(in crate::driver) fn flushed(&self) -> Option<Result<(), Error>> {
        (self.core.queued_bytes() == 0).then(|| match self.core.lost() {
            0 => Ok(()),
            _ => Err(self.core.closed().into()),
        })
    }
}

pub(super) fn unsent(error: Error, fd: OwnedFd) -> Unsent {
    Unsent { error, handle: Handle::try_from(fd).ok() }
}
