//! The holders of a list's sockets: shared by the `SocketList` of both drivers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// The holders of a list. `C` is a reference that does not keep the holder's channel open.
#[derive(Debug)]
pub(crate) struct Holders<C>(Mutex<Vec<Holder<C>>>);

#[derive(Debug)]
struct Holder<C> {
    channel: C,
    /// Each socket in flight has a [`Share`].
    sent: Arc<Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    /// At least one socket has arrived.
    has_arrived: AtomicBool,
}

/// A socket of a list on its way to a holder. It is kept while it is unknown whether the peer has the socket.
/// Dropping it means that the socket was not sent.
#[derive(Debug)]
pub(crate) struct Share(Arc<Sent>);

impl Share {
    /// Records that the peer has the socket.
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

    /// Records that a socket is being sent. Call it before sending, because the peer may have the socket even
    /// if its acknowledgement comes too late for us.
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

    /// All channels that have a socket, or may have one. Ask only these: a Node process without a socket of
    /// the list does not answer.
    pub(crate) fn all(&self) -> Vec<C> {
        self.lock().iter().filter(|holder| holder.is_one()).map(|holder| holder.channel.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Holder<C>>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl<C> Holder<C> {
    /// Whether the peer has a socket, or one is in flight to it.
    fn is_one(&self) -> bool {
        Arc::strong_count(&self.sent) > 1 || self.sent.has_arrived.load(Ordering::Relaxed)
    }
}
