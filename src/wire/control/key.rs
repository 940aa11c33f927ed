//! The keys of socket lists (SOCK-1), ours and those of peers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::wire::v8::JsString;

/// The name that the owner of a server gave to a socket list (SOCK-1). It is opaque, and independent of the
/// serialization: one list may span channels of both modes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SocketKey(Arc<JsString>);

impl SocketKey {
    /// The longest name, in bytes of UTF-16. Node's names are an address and a port, or the path of a Unix
    /// socket. A key is kept as long as its sockets are open, and each answer repeats it.
    pub const MAX_LENGTH: usize = 2048;

    /// The key with this name. Node counts a socket only if its key is truthy in JavaScript. A name longer
    /// than [`MAX_LENGTH`](Self::MAX_LENGTH) is rejected.
    pub fn new(name: JsString) -> Option<SocketKey> {
        let units = name.encode_utf16().take(Self::MAX_LENGTH / 2 + 1).count();
        (1..=Self::MAX_LENGTH / 2).contains(&units).then(|| SocketKey(Arc::new(name)))
    }

    /// Its name.
    pub fn name(&self) -> &JsString {
        &self.0
    }
}

/// The key of one of our lists, different from all other keys in use. The peer returns it unchanged.
///
/// A Node process never removes its listener for a key that it has seen, and warns of a leak when there are
/// more than ten. So a list whose sockets are all closed leaves its key to the next list.
#[derive(Debug)]
pub(crate) struct ListKey {
    key: SocketKey,
    number: u64,
    /// The number of sockets that were sent under this key, and how many of them are known to be closed.
    sent: AtomicU64,
    closed: AtomicU64,
}

/// Numbers that are free for reuse.
static FREE: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

impl ListKey {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
        let number = free.unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed));
        let name = JsString::from(format!("crossfork:{number}").as_str());
        ListKey { key: SocketKey(Arc::new(name)), number, sent: AtomicU64::new(0), closed: AtomicU64::new(0) }
    }

    /// The key, for questions to the peer.
    pub(crate) fn key(&self) -> &SocketKey {
        &self.key
    }

    /// The key for one more socket.
    pub(crate) fn for_one_more(&self) -> SocketKey {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.key.clone()
    }

    /// The number of sockets that were sent under this key. Read it before asking whether all are closed.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Records that the first `sent` of them are closed.
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
