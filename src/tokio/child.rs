//! [`Child`]: a process and the channel to it, for tasks.

use std::process::ExitStatus;
use std::time::Instant;

use super::{Channel, Process};
use crate::error::{Error, SendError};
use crate::launch::{self, Prepared};
use crate::signal::Signal;
use crate::stop::Escalation;

/// Marks a builder as one for tasks.
#[derive(Debug)]
pub struct Tokio(());

/// See [`crossfork::launch::Fork`](launch::Fork).
pub type Fork = launch::Fork<Tokio>;

/// See [`crossfork::launch::Command`](launch::Command).
pub type Command = launch::Command<Tokio>;

/// A process that speaks the channel, and the channel.
#[derive(Debug)]
pub struct Child {
    /// The process.
    pub process: Process,
    /// The channel. Its end and the end of the process are two events: take what comes from
    /// [`recv`](Channel::recv) until `None`, and then wait for the process.
    pub channel: Channel,
}

impl launch::Fork<Tokio> {
    /// Starts it.
    ///
    /// # Errors
    /// [`Error::Spawn`], which names the program.
    ///
    /// # Panics
    /// Outside of a runtime, and in one without I/O.
    pub fn spawn(self) -> Result<Child, Error> {
        Child::start(self.prepare()?)
    }
}

impl launch::Command<Tokio> {
    /// Starts it without a channel.
    ///
    /// # Errors
    /// [`Error::Spawn`], which names the program.
    ///
    /// # Panics
    /// Outside of a runtime, and in one without I/O.
    pub fn spawn(self) -> Result<Process, Error> {
        Process::start(self.prepare(None)?)
    }

    /// Starts it with a channel at this number: Node's `spawn` with `'ipc'` in its `stdio`.
    ///
    /// # Errors
    /// [`Error::Spawn`], which names the program.
    ///
    /// # Panics
    /// Outside of a runtime, and in one without I/O.
    pub fn spawn_with_channel(self, number: usize) -> Result<Child, Error> {
        Child::start(self.prepare(Some(number))?)
    }
}

impl Child {
    fn start(mut prepared: Prepared) -> Result<Self, Error> {
        let ours = prepared.channel.take().ok_or(SendError::Closed)?;
        let channel = Channel::from_socket_with(ours, prepared.spec.serialization, prepared.spec.limits)
            .map_err(|e| match e {
                Error::Io(e) => prepared.failed(e),
                other => other,
            })?;
        Ok(Child { process: Process::start(prepared)?, channel })
    }

    /// Ends the child, with growing insistence, and says how it ended.
    ///
    /// # Errors
    /// If it cannot be signalled, because it runs as another user now.
    ///
    /// # Cancel safety
    /// If the future is dropped, what was done until then remains done: the channel is being closed,
    /// and a signal may have been sent. The child is not ended any further. Call this again to go on.
    pub async fn stop(&mut self, escalation: Escalation) -> Result<ExitStatus, Error> {
        let Escalation { disconnect, signal, after_signal } = escalation;
        let start = Instant::now();
        if tokio::time::timeout(disconnect, self.channel.disconnect()).await.is_err() {
            self.channel.close();
        }
        let left = disconnect.saturating_sub(start.elapsed());
        if let Some(status) = self.process.wait_timeout(left).await? {
            return Ok(status);
        }
        self.process.kill(signal)?;
        if let Some(status) = self.process.wait_timeout(after_signal).await? {
            return Ok(status);
        }
        self.process.kill(Signal::KILL)?;
        Ok(self.process.wait().await?)
    }
}
