//! Progress of calls of ours, and what becomes of those that are not sent, and of their handles.

use super::Calls;
use crate::calls::id::Id;
use crate::handle::Outgoing;

impl Calls {
    /// An end that is none of ours reports the progress of a call that was queued with this token.
    pub fn has_token(&mut self, id: u64, token: Id) {
        if let Some(call) = self.ours.get_mut(&id) {
            call.token = Some(token);
        }
    }

    /// The call of ours whose progress is reported with this token, if somebody waits for it.
    pub(super) fn reported(&mut self, token: &Id) -> Option<u64> {
        let has_it = |(id, call): (&u64, &super::Ours)| (call.token.as_ref() == Some(token)).then_some(*id);
        // Between our ends the token is the id of the call.
        let named = if self.is_peer_ours { None } else { self.ours.iter().find_map(has_it) };
        let token = named.map_or_else(|| token.clone(), Id::from);
        self.in_flight(&token).map(|(id, _)| id)
    }

    /// Nobody reads what this end writes any more. Calls stay, so that the end can tell that they were not begun.
    pub fn is_read_no_more(&mut self) {
        self.is_unread = true;
        self.outbox.keep_calls();
    }

    /// Takes the handles of calls of ours that were not sent, with the ids of these calls.
    pub fn take_unsent_handles(&mut self) -> Vec<(u64, Outgoing)> {
        self.outbox.take_handles()
    }
}
