//! [`ConnectionHold`]: keeps a connection counted as open.

use std::fmt;
use std::sync::Arc;

use crate::proto::cluster::worker::ServerId;

/// Counts a connection as open while this value exists. It also keeps the channel open: a worker that was
/// asked to stop ends its channel with its last connection (CLU-18).
pub(crate) struct ConnectionHold {
    server: ServerId,
    owner: Arc<dyn ConnectionOwner>,
}

impl ConnectionHold {
    /// For a connection that the machine already counts.
    pub(crate) fn new(server: ServerId, owner: Arc<dyn ConnectionOwner>) -> Self {
        ConnectionHold { server, owner }
    }
}

impl Drop for ConnectionHold {
    fn drop(&mut self) {
        self.owner.connection_closed(self.server);
    }
}

impl fmt::Debug for ConnectionHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionHold").field(&self.server).finish()
    }
}

/// The driver, as seen by a [`ConnectionHold`].
pub(crate) trait ConnectionOwner: Send + Sync {
    fn connection_closed(&self, server: ServerId);
}
