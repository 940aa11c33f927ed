//! How the calls of a channel end.

use super::{Calls, Outbox, Unanswered, Uploads};

impl Calls {
    /// The channel is over: nothing comes or goes any more. Tells of the calls of ours that have no
    /// answer, without the cancelled ones.
    pub fn end(&mut self) -> Vec<Unanswered> {
        self.has_ended = true;
        self.outbox = Outbox::default();
        self.uploads = Uploads::default();
        self.theirs.clear();
        let has_peer_left = self.has_peer_left;
        let ours = self.ours.drain().filter(|(_, call)| !call.is_cancelled);
        ours.map(|(id, call)| Unanswered { id, begun: call.is_handed_over && !has_peer_left }).collect()
    }

    /// We close the channel: nothing that comes is handled any more, and what is queued may still go, without
    /// our calls. Tells of those, as [`end`](Self::end) does.
    pub fn close(&mut self) -> Vec<Unanswered> {
        let mut outbox = std::mem::take(&mut self.outbox);
        outbox.withdraw_calls();
        let unanswered = self.end();
        self.outbox = outbox;
        unanswered
    }
}
