//! How many sockets of each key are open here: the holder's side of the socket lists (SOCK-2).

use std::collections::HashMap;

use crate::wire::control::SocketKey;

#[derive(Default)]
pub(super) struct Sockets {
    lists: HashMap<SocketKey, List>,
    /// Requests of all lists that wait for the last socket to be closed.
    notifies: usize,
}

/// How many requests may wait: a Node owner makes one for each `server.close()`.
const MAX_NOTIFIES: usize = 1024;

/// When a request to be told is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notify {
    /// None is open.
    Now,
    /// When the last one is closed.
    Later,
    /// Never: too many wait already.
    TooMany,
}

#[derive(Default)]
struct List {
    open: usize,
    /// Requests to be answered when the last one is closed.
    notify: usize,
}

impl Sockets {
    /// A socket with this key has come.
    pub(super) fn opened(&mut self, key: &SocketKey) {
        match self.lists.get_mut(key) {
            Some(list) => list.open += 1,
            None => {
                self.lists.insert(key.detached(), List { open: 1, notify: 0 });
            }
        }
    }

    /// A socket with this key was closed here. Gives the number of answers that are due now.
    pub(super) fn closed(&mut self, key: &SocketKey) -> usize {
        let Some(list) = self.lists.get_mut(key) else {
            return 0;
        };
        list.open -= 1;
        if list.open > 0 {
            return 0;
        }
        let due = self.lists.remove(key).map_or(0, |list| list.notify);
        self.notifies -= due;
        due
    }

    /// How many sockets of this key are open (SOCK-3).
    pub(super) fn count(&self, key: &SocketKey) -> usize {
        self.lists.get(key).map_or(0, |list| list.open)
    }

    /// The owner wants to know when the last one is closed (SOCK-4).
    pub(super) fn notify_close(&mut self, key: &SocketKey) -> Notify {
        match self.lists.get_mut(key) {
            None => Notify::Now,
            Some(_) if self.notifies == MAX_NOTIFIES => Notify::TooMany,
            Some(list) => {
                list.notify += 1;
                self.notifies += 1;
                Notify::Later
            }
        }
    }
}
