//! What workers say on their way up.

use super::notice::{ListenFailure, Notice, Subject};
use super::{PROVEN, Place, Policy, State, Time};

impl Policy {
    /// The worker runs.
    pub fn online(&mut self, id: u32, now: Time) {
        if let Some(worker) = self.worker_mut(id) {
            worker.online.get_or_insert(now);
        }
    }

    /// The worker listens.
    pub fn listening(&mut self, id: u32, now: Time) {
        let (Some(Place::Slot(slot) | Place::Newcomer(slot)), Some(worker)) =
            (self.place(id), self.worker_mut(id))
        else {
            return;
        };
        worker.listens = true;
        worker.cannot_listen = None;
        let is_up = worker.is_ready || !self.settings.wait_ready;
        let is_first = !std::mem::replace(&mut self.slots[slot].has_listened, true);
        match self.slots[slot].state {
            // It was said that it does not.
            State::Up(worker, _) if is_first && worker.id == id => {
                self.print(Notice::Up(Subject { slot, pid: worker.pid }, true));
            }
            _ if is_up => self.has_come(id, now),
            _ => {}
        }
    }

    /// The worker was told that it cannot listen on this address. If it listens on nothing else, it is not up,
    /// and has [`SECOND_LISTEN`] for another attempt.
    pub fn listen_failed(&mut self, id: u32, failure: ListenFailure, now: Time) {
        let (Some(place), Some(worker)) = (self.place(id), self.worker_mut(id)) else {
            return;
        };
        let pid = worker.pid;
        let (Place::Slot(slot) | Place::Newcomer(slot)) = place;
        // One that has been up for long has something else to do, or a server of which we do not know.
        let is_proven = self.slots[slot].up_since().is_some_and(|since| now.saturating_sub(since) >= PROVEN)
            && matches!(place, Place::Slot(_));
        let Some(worker) = self.worker_mut(id) else {
            return;
        };
        let listens = worker.listens || is_proven;
        if !listens {
            worker.cannot_listen.get_or_insert(now);
        }
        self.print(Notice::ListenFailed(Subject { slot, pid }, failure));
        match place {
            _ if listens => {}
            Place::Slot(slot) => self.is_not_up(slot),
            Place::Newcomer(slot) => self.newcomer_is_not_up(slot),
        }
    }

    /// The worker may have accepted a connection. To be told at the latest before it is lost.
    pub fn served(&mut self, id: u32) {
        if let Some(worker) = self.worker_mut(id) {
            worker.has_served = true;
        }
    }

    /// The worker has sent the message `'ready'`.
    pub fn ready(&mut self, id: u32, now: Time) {
        let Some(worker) = self.worker_mut(id) else {
            return;
        };
        worker.is_ready = true;
        // Programs say so in the callback of `listen` too when it has failed.
        let is_up = worker.cannot_listen.is_none();
        if self.settings.wait_ready && is_up {
            self.has_come(id, now);
        }
    }

    pub(super) fn is_up(&mut self, id: u32, now: Time) {
        match self.place(id) {
            Some(Place::Slot(slot)) => self.up(slot, now),
            Some(Place::Newcomer(slot)) => self.newcomer_is_up(slot, now),
            None => {}
        }
    }
}
