//! Who was sent sockets of a list: what is common to both drivers' `SocketList`.

use std::sync::{Mutex, MutexGuard};

/// The holders of a list, each by a reference `C` that does not keep its channel open.
#[derive(Debug)]
pub(crate) struct Holders<C>(Mutex<Vec<Holder<C>>>);

#[derive(Debug)]
struct Holder<C> {
    channel: C,
    /// How many sockets it was sent, or is being sent.
    sent: usize,
}

/// A reference to a channel.
pub(crate) trait Reference: Clone {
    fn is_connected(&self) -> bool;
    fn is_same(&self, other: &Self) -> bool;
}

impl<C: Reference> Holders<C> {
    pub(crate) fn new() -> Self {
        Holders(Mutex::new(Vec::new()))
    }

    /// One is being sent. To be called before, for the peer may have it even if its
    /// acknowledgement comes too late for us.
    pub(crate) fn enter(&self, channel: C) {
        let mut holders = self.lock();
        holders.retain(|holder| holder.channel.is_connected());
        match holders.iter_mut().find(|holder| holder.channel.is_same(&channel)) {
            Some(holder) => holder.sent += 1,
            None => holders.push(Holder { channel, sent: 1 }),
        }
    }

    /// One was not sent after all. Who never got any must not be asked: a Node process would not
    /// answer.
    pub(crate) fn leave(&self, channel: &C) {
        self.lock().retain_mut(|holder| {
            holder.sent -= usize::from(holder.channel.is_same(channel));
            holder.sent > 0
        });
    }

    pub(crate) fn all(&self) -> Vec<C> {
        self.lock().iter().map(|holder| holder.channel.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Holder<C>>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}
