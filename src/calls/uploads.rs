//! [`Uploads`]: streams among the parameters of calls, in both directions. Each has a token, which is made of
//! the call's id and a number.

use std::collections::{HashMap, HashSet};

use super::id::Id;

/// The token of a call's upload.
pub(crate) fn token(call: &Id, number: u32) -> Id {
    Id::Text(format!("{call}.{number}").into())
}

/// The number that a token has among the uploads of a call.
fn number_of(call: &Id, token: &Id) -> Option<u32> {
    let Id::Text(text) = token else {
        return None;
    };
    text.strip_prefix(&format!("{call}."))?.parse().ok()
}

#[derive(Default)]
pub(super) struct Uploads {
    /// Of our calls: how many items the other end has room for.
    sent: HashMap<Id, Sent>,
    /// Of their calls, while somebody reads.
    read: HashMap<Id, Read>,
}

struct Sent {
    call: u64,
    credit: u64,
}

struct Read {
    call: Id,
    room: u64,
}

/// The uploads that a call of theirs has.
#[derive(Default)]
pub(super) struct Announced {
    pub(super) count: u32,
    pub(super) opened: HashSet<u32>,
}

/// Those of our calls.
impl Uploads {
    /// A call of ours has so many. None of their items may be sent before there is credit.
    pub(super) fn begin(&mut self, call: u64, count: u32) {
        for number in 0..count {
            self.sent.insert(token(&call.into(), number), Sent { call, credit: 0 });
        }
    }

    /// How many items may be sent; `None` if nobody reads them any more.
    pub(super) fn credit(&self, token: &Id) -> Option<u64> {
        self.sent.get(token).map(|sent| sent.credit)
    }

    /// One is sent.
    pub(super) fn take(&mut self, token: &Id) -> bool {
        match self.sent.get_mut(token) {
            Some(sent) if sent.credit > 0 => {
                sent.credit -= 1;
                true
            }
            _ => false,
        }
    }

    /// There is credit for more. The call's id, if there is such an upload.
    pub(super) fn add_credit(&mut self, token: &Id, n: u64) -> Option<u64> {
        let sent = self.sent.get_mut(token)?;
        sent.credit = sent.credit.saturating_add(n);
        Some(sent.call)
    }

    /// Nothing more is sent. The call's id, if there was such an upload.
    pub(super) fn remove(&mut self, token: &Id) -> Option<u64> {
        self.sent.remove(token).map(|sent| sent.call)
    }

    /// The call has ended.
    pub(super) fn remove_sent_by(&mut self, call: u64) {
        self.sent.retain(|_, sent| sent.call != call);
    }
}

/// Those of their calls.
impl Uploads {
    /// Somebody reads an upload. False if the call has none of that token, or somebody has read it before.
    pub(super) fn open(&mut self, call: &Id, announced: &mut Announced, token: &Id, room: u64) -> bool {
        let number = number_of(call, token).filter(|number| *number < announced.count);
        let is_new = number.is_some_and(|number| announced.opened.insert(number));
        if is_new {
            self.read.insert(token.clone(), Read { call: call.clone(), room });
        }
        is_new
    }

    pub(super) fn is_open(&self, token: &Id) -> bool {
        self.read.contains_key(token)
    }

    /// So many items have come. False if nobody has room for them.
    pub(super) fn came(&mut self, token: &Id, count: u64) -> bool {
        match self.read.get_mut(token) {
            Some(read) if read.room >= count => {
                read.room -= count;
                true
            }
            _ => false,
        }
    }

    /// There is room for more.
    pub(super) fn grant(&mut self, token: &Id, n: u64) -> bool {
        let read = self.read.get_mut(token);
        read.map(|read| read.room = read.room.saturating_add(n)).is_some()
    }

    /// Nobody reads it any more. False if nobody did.
    pub(super) fn close(&mut self, token: &Id) -> bool {
        self.read.remove(token).is_some()
    }

    /// The call was answered.
    pub(super) fn close_those_of(&mut self, call: &Id) {
        self.read.retain(|_, read| read.call != *call);
    }
}
