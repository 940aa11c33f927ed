//! Who was sent sockets of a list: what is common to both drivers' `SocketList`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// The holders of a list, each by a reference `C` that does not keep its channel open.
#[derive(Debug)]
pub(crate) struct Holders<C>(Mutex<Vec<Holder<C>>>);

#[derive(Debug)]
struct Holder<C> {
    channel: C,
    /// Of each socket that is being sent there is a [`Share`].
    sent: Arc<Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    /// One has arrived.
    has_arrived: AtomicBool,
}

/// A socket of a list on its way to a holder. It lives as long as the peer may have it and nobody
/// knows: dropped, it was not sent after all.
#[derive(Debug)]
pub(crate) struct Share(Arc<Sent>);

impl Share {
    /// The peer has it.
    pub(crate) fn arrived(self) {
        self.0.has_arrived.store(true, Ordering::Relaxed);
    }
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
    pub(crate) fn enter(&self, channel: C) -> Share {
        let mut holders = self.lock();
        holders.retain(|holder| holder.channel.is_connected() && holder.is_one());
        let known = holders.iter().find(|holder| holder.channel.is_same(&channel));
        let sent = known.map(|holder| holder.sent.clone()).unwrap_or_else(|| {
            let sent = Arc::<Sent>::default();
            holders.push(Holder { channel, sent: sent.clone() });
            sent
        });
        Share(sent)
    }

    /// All that have one, or may have. Who never got any must not be asked: a Node process would
    /// not answer.
    pub(crate) fn all(&self) -> Vec<C> {
        self.lock().iter().filter(|holder| holder.is_one()).map(|holder| holder.channel.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Holder<C>>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl<C> Holder<C> {
    /// Whether the peer has a socket, or one is on its way.
    fn is_one(&self) -> bool {
        Arc::strong_count(&self.sent) > 1 || self.sent.has_arrived.load(Ordering::Relaxed)
    }
}
