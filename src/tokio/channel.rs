//! [`Channel`] for tasks.

#[cfg(feature = "futures")]
pub(super) mod futures;

use std::time::Duration;

use crate::driver::link::primary;

crate::driver::face::channel_face! {
    /// ```no_run
    /// # async fn example() -> Result<(), crossfork::Error> {
    /// let channel = crossfork::tokio::Channel::from_env()?;
    /// while let Some(message) = channel.recv().await? {
    ///     let text: String = message.decode()?;
    ///     channel.send(&text.to_uppercase()).await?;
    /// }
    /// # Ok(()) }
    /// ```
    tasks #[doc = ""] async await
}

crate::driver::face::channel_reference_face! {}

impl Channel {
    /// Ends the channel and waits for that, up to a timeout. Afterwards the channel is over in any case.
    pub(super) async fn end_within(&self, timeout: Duration) {
        let _ = tokio::time::timeout(timeout, self.disconnect()).await;
        self.close();
    }
}

/// For a primary and its channels to its workers.
impl Channel {
    /// Makes this a primary's channel to a worker of its cluster.
    pub(super) fn join_as_primary(&self) {
        self.0.visit().link().join_as_primary();
    }

    /// Waits for events that the primary has to handle, and takes all of them.
    pub(super) async fn link_events(&self) -> Vec<primary::LinkEvent> {
        let events = self.0.call(op::link_events(|| self.socket_owner())).await;
        for event in &events {
            if let primary::LinkEvent::Invalid(error) = event {
                trace::skipped(error);
            }
        }
        events
    }

    /// Stops reading from the worker, or resumes.
    pub(super) fn pause_reading(&self, pause: impl FnOnce() -> bool) {
        self.0.visit().link().pause_reading(pause());
    }
}
