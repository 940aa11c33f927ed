//! What happened to handles and questions, for the calls that wait for it.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

#[cfg(feature = "tokio")]
use super::Role;
use super::sending::unsent;
use super::{Link, Topic};
use crate::driver::holders::Share;
use crate::error::{Error, SendError};
use crate::handle::{Handle, Unsent};
use crate::proto::{LossReason, Outcome, Question, Ticket};
use crate::wire::control::SocketKey;

#[derive(Default)]
pub(super) struct Outcomes {
    /// By ticket, of what a call waits for. `None` until the outcome is known.
    awaited: HashMap<Ticket, Option<Outcome<OwnedFd>>>,
    /// The sockets of lists that are in flight, whether or not a call still waits for them.
    shares: HashMap<Ticket, Share>,
}

impl Outcomes {
    pub(super) fn expect(&mut self, ticket: Ticket, share: Option<Share>) {
        self.awaited.insert(ticket, None);
        self.shares.extend(share.map(|share| (ticket, share)));
    }

    /// False if nobody waits for it.
    fn known(&mut self, outcome: Outcome<OwnedFd>) -> bool {
        let ticket = outcome.ticket();
        if let Some(share) = self.shares.remove(&ticket)
            && matches!(outcome, Outcome::Acked { .. })
        {
            share.arrived();
        }
        let slot = self.awaited.get_mut(&ticket);
        slot.map(|slot| *slot = Some(outcome)).is_some()
    }

    fn take(&mut self, ticket: Ticket) -> Option<Outcome<OwnedFd>> {
        self.awaited.get(&ticket)?.as_ref()?;
        self.awaited.remove(&ticket)?
    }
}

impl Link {
    /// Hands each known outcome to the call that waits for it. The descriptor of one that nobody waits
    /// for is closed.
    pub(super) fn settle(&mut self) {
        while let Some(outcome) = self.core.poll_outcome() {
            #[cfg(feature = "tokio")]
            let outcome = match &mut self.role {
                Role::Primary(primary) => match primary.settle(outcome) {
                    Some(outcome) => outcome,
                    None => continue,
                },
                Role::Plain | Role::Worker(_) => outcome,
            };
            let ticket = outcome.ticket();
            if self.outcomes.known(outcome) {
                self.waiters.wake_all(Topic::Outcome(ticket));
            }
        }
    }

    /// What happened to the handle, once that is known.
    pub(in crate::driver) fn handle_sent(&mut self, ticket: Ticket) -> Option<Result<(), Unsent>> {
        Some(match self.outcomes.take(ticket)? {
            // The peer has it, and our copy is closed here (HND-13).
            Outcome::Acked { fd, .. } => {
                drop(fd);
                Ok(())
            }
            Outcome::Answered { .. } | Outcome::Unanswered { .. } => Ok(()),
            Outcome::Lost { fd, reason, .. } => {
                let error = match reason {
                    LossReason::Refused { transmissions } => SendError::Refused { transmissions }.into(),
                    LossReason::Disconnected => self.core.closed().into(),
                    LossReason::System { errno } => io::Error::from_raw_os_error(errno).into(),
                };
                Err(unsent(error, fd))
            }
        })
    }

    /// Nobody waits for this message any more: it is taken back if it has not begun to be
    /// written. A handle that is taken back is returned.
    pub(in crate::driver) fn withdraw(&mut self, ticket: Ticket) -> Option<Handle> {
        let fd = match self.outcomes.awaited.remove(&ticket).flatten() {
            Some(Outcome::Lost { fd, .. }) => fd,
            Some(_) => return None,
            None => {
                let taken_back = self.withdraw_unwritten(ticket)?;
                self.outcomes.shares.remove(&ticket);
                taken_back?
            }
        };
        Handle::try_from(fd).ok()
    }

    /// Takes a message without a handle back, if it has not begun to be written. False if it has.
    pub(in crate::driver) fn take_back(&mut self, ticket: Ticket) -> bool {
        self.withdraw_unwritten(ticket).is_some()
    }

    fn withdraw_unwritten(&mut self, ticket: Ticket) -> Option<Option<OwnedFd>> {
        let taken_back = self.core.withdraw(ticket)?;
        // It may be the last that a disconnect has waited for.
        self.finish();
        Some(taken_back)
    }

    /// Asks the peer about sockets that it was sent.
    pub(in crate::driver) fn ask(&mut self, key: &SocketKey, question: Question) -> Result<Ticket, Error> {
        let ticket = self.core.ask(key, question)?;
        self.outcomes.expect(ticket, None);
        Ok(ticket)
    }

    /// Nobody waits for this answer any more. The question stays open, because its answer will come.
    pub(in crate::driver) fn forget(&mut self, ticket: Ticket) {
        self.outcomes.awaited.remove(&ticket);
    }

    /// How many sockets the peer has open, once that is known. A peer that is gone has none.
    pub(in crate::driver) fn open_at_peer(&mut self, ticket: Ticket) -> Option<usize> {
        Some(match self.outcomes.take(ticket)? {
            Outcome::Answered { open, .. } => open,
            Outcome::Acked { .. } | Outcome::Lost { .. } | Outcome::Unanswered { .. } => 0,
        })
    }
}
