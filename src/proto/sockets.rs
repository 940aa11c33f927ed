//! The socket lists: how many sockets of each key are open here, and what we asked the peer about
//! those that it was sent. A process can be holder and owner at once.

use std::collections::{HashMap, VecDeque};

use super::Ticket;
use crate::wire::control::SocketKey;

/// The holder's side (SOCK-2).
#[derive(Default)]
pub(super) struct Sockets {
    lists: HashMap<SocketKey, List>,
    /// Requests of all lists that wait for the last socket to be closed.
    notifies: usize,
}

/// How many requests may wait: a Node owner makes one for each `server.close()`.
const MAX_NOTIFIES: usize = 1024;

/// When a request to be notified is answered.
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
                self.lists.insert(key.clone(), List { open: 1, notify: 0 });
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

    /// How much the names of the lists take, as UTF-16.
    pub(super) fn name_bytes(&self) -> usize {
        self.lists.keys().map(|key| 2 * key.name().encode_utf16().count()).sum()
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

/// The owner's side (SOCK-5): our questions that the peer has not answered.
#[derive(Default)]
pub(super) struct Questions {
    asked: HashMap<(SocketKey, Question), VecDeque<Ticket>>,
}

/// What we ask a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// How many are open?
    Count,
    /// Answer when none is.
    AllClosed,
}

impl Questions {
    pub(super) fn ask(&mut self, key: &SocketKey, question: Question, ticket: Ticket) {
        self.asked.entry((key.clone(), question)).or_default().push_back(ticket);
    }

    /// Which question of ours an answer is to; `None` if nobody asked.
    pub(super) fn answered(&mut self, key: SocketKey, question: Question) -> Option<Ticket> {
        let of_key = (key, question);
        let tickets = self.asked.get_mut(&of_key)?;
        let ticket = tickets.pop_front();
        if tickets.is_empty() {
            self.asked.remove(&of_key);
        }
        ticket
    }

    /// Whether a count is asked for, which the peer answers at once.
    pub(super) fn has_count(&self) -> bool {
        self.asked.keys().any(|(_, question)| *question == Question::Count)
    }

    /// The channel is over: none will be answered any more.
    pub(super) fn end(&mut self) -> impl Iterator<Item = Ticket> + use<> {
        std::mem::take(&mut self.asked).into_values().flatten()
    }
}
