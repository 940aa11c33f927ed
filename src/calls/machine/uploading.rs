//! Streams among the parameters of calls, both ways.

use super::{Calls, Theirs};
use crate::calls::id::Id;
use crate::message::body::Body;

impl Calls {
    /// How many items of an upload of ours may be sent; `None` if nobody reads them any more.
    pub fn upload_credit(&self, token: &Id) -> Option<u64> {
        self.uploads.credit(token)
    }

    /// Queues an item of an upload of ours. False if there is no credit for it.
    pub fn upload_item(&mut self, token: &Id, body: Body) -> bool {
        let may_go = self.uploads.take(token);
        if may_go {
            self.notify(body);
        }
        may_go
    }

    /// Queues the end of an upload of ours, unless nobody reads it any more.
    pub fn end_upload(&mut self, token: &Id, body: Body) {
        if self.uploads.remove(token).is_some() {
            self.notify(body);
        }
    }

    /// Somebody reads an upload of a call of theirs, and has room for so many items. False if there is none,
    /// or somebody has read it before.
    pub fn open_upload(&mut self, call: &Id, token: &Id, room: u64) -> bool {
        match self.theirs.get_mut(call) {
            Some(Theirs { is_cancelled: false, uploads, .. }) => {
                self.uploads.open(call, uploads, token, room)
            }
            _ => false,
        }
    }

    /// Allows so many more items of an upload. Whether the other end is to be told.
    pub fn grant_upload(&mut self, token: &Id, n: u64) -> bool {
        self.uploads.grant(token, n)
    }

    /// Nobody reads an upload any more. Whether the other end is to be told.
    pub fn close_upload(&mut self, token: &Id) -> bool {
        self.uploads.close(token)
    }
}
