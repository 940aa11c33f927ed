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

/// Timeouts, which tasks do not need.
impl Channel {
    /// [`recv`](Self::recv), for so long at the most.
    ///
    /// # Errors
    /// [`SendError::TimedOut`](crate::SendError::TimedOut) if nothing came; otherwise as
    /// [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<Message>, Error> {
        op::traced(self.0.call_within(Some(timeout), op::recv(|| self.socket_owner())))
    }

    /// How long a send, a flush or a disconnect may wait: for ever if `None`, which is the
    /// default, as it is Node's.
    pub fn set_send_timeout(&self, timeout: Option<Duration>) {
        self.0.set_send_timeout(timeout);
    }

    /// Ends the channel, and waits for that for so long at the most. It is over then.
    pub(super) fn end_within(&self, timeout: Duration) {
        let op = op::Disconnect::submit(self.0.visit().link());
        let _ = op.and_then(|op| self.0.call_within(Some(timeout), op));
    }

    /// Waits for an operation that may also be ready when this descriptor can be read.
    pub(super) fn call_watching<O: Operation>(&self, watched: Watched, op: O) -> O::Output {
        self.0.call_watching(Some(watched), op)
    }
}
