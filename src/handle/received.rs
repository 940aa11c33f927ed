//! [`ReceivedHandle`], and the hold that keeps a received socket counted.

use std::fmt;
use std::ops::Deref;
use std::sync::Weak;

use super::Handle;
use crate::wire::control::{HandleType, SocketKey};

/// A handle that was received with a [`Message`](crate::Message). It can be used as the [`Handle`] that
/// it is; [`into_parts`](Self::into_parts) gives the socket.
#[derive(Debug)]
pub struct ReceivedHandle {
    // In this order: a socket is closed before it is reported as closed.
    handle: Handle,
    wire_type: HandleType,
    hold: Option<SocketHold>,
}

impl ReceivedHandle {
    pub(crate) fn new(handle: Handle, wire_type: HandleType, hold: Option<SocketHold>) -> Self {
        ReceivedHandle { handle, wire_type, hold }
    }

    /// What the sender meant it to be.
    pub fn wire_type(&self) -> HandleType {
        self.wire_type
    }

    /// The handle by itself, and the hold that keeps it counted: drop the hold after the socket.
    pub fn into_parts(self) -> (Handle, Option<SocketHold>) {
        (self.handle, self.hold)
    }
}

impl Deref for ReceivedHandle {
    type Target = Handle;
    fn deref(&self) -> &Handle {
        &self.handle
    }
}

/// Keeps a received connection counted as open at its sender ([SOCK-2](crate::protocol#SOCK-2)): a Node parent's
/// `server.getConnections()` includes it, and `server.close()` waits for it. Keep it exactly as
/// long as the socket.
pub struct SocketHold {
    key: SocketKey,
    owner: Weak<dyn SocketOwner>,
}

impl SocketHold {
    pub(crate) fn new(key: SocketKey, owner: Weak<dyn SocketOwner>) -> Self {
        SocketHold { key, owner }
    }

    /// Lets go without telling the owner.
    pub(crate) fn release(mut self) -> SocketKey {
        self.owner = Weak::<NoOwner>::new();
        self.key.clone()
    }
}

impl Drop for SocketHold {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.upgrade() {
            owner.socket_closed(&self.key);
        }
    }
}

impl fmt::Debug for SocketHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SocketHold").field(&self.key).finish()
    }
}

/// A driver, as a [`SocketHold`] knows it.
pub(crate) trait SocketOwner: Send + Sync {
    fn socket_closed(&self, key: &SocketKey);
}

/// Is told nothing: a hold that was released has it.
struct NoOwner;

impl SocketOwner for NoOwner {
    fn socket_closed(&self, _: &SocketKey) {}
}
