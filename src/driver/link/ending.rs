//! How a link ends: by us, by the peer, or by accident. The states are those of the channel.
//!
//! A disconnect has three steps, and every call on the link drives it. Everything that was accepted is
//! written and acknowledged (drain). Then the peer is told. Then we wait for the peer to close its end,
//! for a bounded time (`linger`).

use std::io;

use super::{Link, Step, linger};
use crate::error::{Error, SendError};

/// The state.
impl Link {
    pub(crate) fn is_connected(&self) -> bool {
        self.core.is_connected()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    /// Whether the peer reads no more.
    pub(crate) fn is_broken(&self) -> bool {
        self.core.is_broken()
    }

    /// Whether everything is written and acknowledged, and we only wait for the peer to close its end.
    pub(crate) fn is_half_closed(&self) -> bool {
        self.core.is_half_closed()
    }
}

/// By us.
impl Link {
    /// Begins to disconnect, unless we did before.
    pub(in crate::driver) fn disconnect(&mut self) -> Result<(), Error> {
        if !self.core.has_left() {
            self.leave()?;
            self.readable();
        }
        Ok(())
    }

    /// From now on the channel ends by itself as soon as everything is written and acknowledged.
    pub(super) fn leave(&mut self) -> Result<(), SendError> {
        self.core.disconnect()?;
        if self.core.is_closed() {
            // The peer reads no more, and so nothing is to be written.
            self.end();
        }
        Ok(())
    }

    /// If we disconnect and everything is written and acknowledged, tells the peer. Reads first what has
    /// come until now, because a handle among it must be acknowledged (LIFE-5).
    pub(super) fn finish(&mut self) {
        // No socket's buffer holds more than this: a peer that goes on writing cannot delay us.
        let (mut reads, mut bytes) = (4096, 4 << 20);
        while self.core.has_left()
            && self.core.is_flushed()
            && !self.core.is_half_closed()
            && !self.core.is_closed()
        {
            let (before, step) = (self.socket.received(), self.read_once());
            (reads, bytes) = (reads - 1, bytes - (self.socket.received() - before) as i64);
            if step == Step::Blocked || reads == 0 || bytes < 0 {
                self.half_close();
            }
            self.write_out();
        }
    }

    /// Closes our end, and gives the peer a bounded time to close its own.
    fn half_close(&mut self) {
        self.core.half_close();
        let bound = if self.core.awaits_count() { linger::FOR_ANSWERS } else { linger::FOR_THE_END };
        let told = self.socket.shut_down_output();
        if told.is_err() || linger::end_after(bound, self.socket.stream()).is_err() {
            self.end();
        }
    }

    /// Ends the channel at once, whatever is not written.
    pub(crate) fn close(&mut self) {
        if self.core.is_closed() {
            return;
        }
        // The answer to a question of ours may still be in flight.
        let lingers =
            self.core.awaits_count() && linger::keep_for(linger::FOR_ANSWERS, self.socket.stream()).is_ok();
        self.core.close();
        if lingers {
            let _ = self.socket.shut_down_output();
            self.settle();
        } else {
            self.end();
        }
    }
}

/// By the peer, or by accident.
impl Link {
    /// The peer reads no more.
    pub(crate) fn broken(&mut self) {
        self.core.handle_broken();
        self.settle();
        if self.core.is_closed() {
            self.end();
        }
    }

    /// The peer is gone.
    pub(super) fn peer_is_gone(&mut self) {
        self.exit_if_orphaned();
        self.end();
    }

    /// Waiting is not possible any more.
    pub(crate) fn fail(&mut self, error: io::Error) {
        self.failure = Some(error);
        self.end();
    }

    /// The channel is over: closes it for us and for the peer.
    pub(super) fn end(&mut self) {
        self.core.handle_end();
        self.settle();
        self.socket.shut_down();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Fed messages, as far as the kernel takes them without waiting.
        self.write();
        self.leave_cluster();
        self.close();
    }
}
