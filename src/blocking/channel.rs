//! [`Channel`] for threads.

use std::time::Duration;

use super::shared::Watched;

crate::driver::face::channel_face! {
    /// ```no_run
    /// # fn main() -> Result<(), crossfork::Error> {
    /// let channel = crossfork::blocking::Channel::from_env()?;
    /// while let Some(message) = channel.recv()? {
    ///     let text: String = message.decode()?;
    ///     channel.send(&text.to_uppercase())?;
    /// }
    /// # Ok(()) }
    /// ```
    threads #[doc = ""]
}

crate::driver::face::channel_reference_face! {}

/// Timeouts. Tasks use those of their runtime.
impl Channel {
    /// [`recv`](Self::recv) with a timeout.
    ///
    /// # Errors
    /// [`SendError::TimedOut`](crate::SendError::TimedOut) if no message arrived in time; otherwise as
    /// [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<Message>, Error> {
        op::traced(self.0.call_within(Some(timeout), op::recv(|| self.socket_owner())))
    }

    /// Sets how long a send, a flush or a disconnect may wait. `None` means without a limit; this is the
    /// default, as in Node.
    pub fn set_send_timeout(&self, timeout: Option<Duration>) {
        self.0.set_send_timeout(timeout);
    }

    /// Ends the channel and waits for that, up to a timeout. Afterwards the channel is over in any case.
    pub(super) fn end_within(&self, timeout: Duration) {
        let op = op::Disconnect::submit(self.0.visit().link());
        let _ = op.and_then(|op| self.0.call_within(Some(timeout), op));
    }

    /// Waits for an operation that may also become ready when this descriptor is readable.
    pub(super) fn call_watching<O: Operation>(&self, watched: Watched, op: O) -> O::Output {
        self.0.call_watching(Some(watched), op)
    }
}
