//! The keys of socket lists (SOCK-1), the peers' and ours.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::wire::v8::JsString;

/// The name that the owner of a server gave it (SOCK-1). Opaque, and independent of how it was
/// written: one list may span channels of both serializations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SocketKey(Arc<JsString>);

impl SocketKey {
    /// The longest name, in bytes of UTF-16. Node's are an address and a port, or the path of a
    /// Unix socket. A key is kept as long as its sockets are open, and repeated in each answer.
    pub const MAX_LENGTH: usize = 2048;

    /// The key of this name. Node counts a socket only under one that JavaScript calls true. One
    /// that is longer than [`MAX_LENGTH`](Self::MAX_LENGTH) is no key.
    pub fn new(name: JsString) -> Option<SocketKey> {
        let units = name.encode_utf16().take(Self::MAX_LENGTH / 2 + 1).count();
        (1..=Self::MAX_LENGTH / 2).contains(&units).then(|| SocketKey(Arc::new(name)))
    }

    /// The string that it is.
    pub fn name(&self) -> &JsString {
        &self.0
    }
}

/// The key of a list of ours, unlike those of all others that there are. The peer gives it back as
/// it is.
///
/// A Node process never stops listening for questions about a key that it has seen, and warns of a leak
/// when these are more than ten. So a list whose sockets are all closed leaves its key to
/// the next.
#[derive(Debug)]
pub(crate) struct ListKey {
    key: SocketKey,
    number: u64,
    /// How many sockets were sent under it, and how many of these are known to be closed.
    sent: AtomicU64,
    closed: AtomicU64,
}

/// Numbers that were used, and may be again.
static FREE: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

impl ListKey {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
        let number = free.unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed));
        let name = JsString::from(format!("crossfork:{number}").as_str());
        ListKey { key: SocketKey(Arc::new(name)), number, sent: AtomicU64::new(0), closed: AtomicU64::new(0) }
    }

    /// The key, to ask with.
    pub(crate) fn key(&self) -> &SocketKey {
        &self.key
    }

    /// The key for one more socket.
    pub(crate) fn for_one_more(&self) -> SocketKey {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.key.clone()
    }

    /// How many were sent under it: to be remembered before it is asked whether all are closed.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// So many, of those that were sent first, are closed.
    pub(crate) fn closed(&self, sent: u64) {
        self.closed.fetch_max(sent, Ordering::Relaxed);
    }
}

impl Drop for ListKey {
    fn drop(&mut self) {
        if self.sent.get_mut() == self.closed.get_mut() {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).insert(self.number);
        }
    }
}
