//! [`Child`]: a process and the channel to it, for threads.

use std::marker::PhantomData;
use std::process::ExitStatus;
use std::time::Instant;

use super::{Channel, Process};
use crate::error::{Error, SendError};
use crate::process::Escalation;
use crate::process::Signal;
use crate::process::{self, Prepared};

/// Marks a builder as one for threads.
#[derive(Clone, Copy, Debug)]
pub struct Blocking(PhantomData<()>);

/// See [`crossfork::process::Fork`](process::Fork).
pub type Fork = process::Fork<Blocking>;

/// See [`crossfork::process::Command`](process::Command).
pub type Command = process::Command<Blocking>;

/// A process that speaks the channel, and the channel.
#[derive(Debug)]
pub struct Child {
    /// The process.
    pub process: Process,
    /// The channel. Its end and the end of the process are two events: take what comes from
    /// [`recv`](Channel::recv) until `None`, and then wait for the process.
    pub channel: Channel,
}

impl process::Fork<Blocking> {
    /// Starts it.
    ///
    /// # Errors
    /// [`Error::Spawn`], which names the program.
    pub fn spawn(self) -> Result<Child, Error> {
        Child::start(self.prepare()?)
    }
}

impl process::Command<Blocking> {
    /// Starts it without a channel.
    ///
    /// # Errors
    /// [`Error::Spawn`], which names the program.
    pub fn spawn(self) -> Result<Process, Error> {
        Process::start(self.prepare(None)?)
    }

    /// Starts it with a channel at this number: Node's `spawn` with `'ipc'` in its `stdio`.
    ///
    /// # Errors
    /// [`Error::Spawn`], which names the program.
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

    /// Ends the child, with growing insistence, and says how it ended: it disconnects, sends a signal,
    /// and at last SIGKILL. A child that leads a [process group](Command::own_process_group) is
    /// signalled with all of the group.
    ///
    /// Several threads may call it. Each goes through all of the steps with its own times, until the
    /// child has ended.
    ///
    /// # Errors
    /// If it cannot be signalled, because it runs as another user now.
    pub fn stop(&self, escalation: Escalation) -> Result<ExitStatus, Error> {
        let Escalation { disconnect, signal, after_signal } = escalation;
        let start = Instant::now();
        self.channel.set_send_timeout(Some(disconnect));
        // Whatever comes of it, the channel is closed then.
        let _ = self.channel.disconnect();
        let left = disconnect.saturating_sub(start.elapsed());
        if let Some(status) = self.process.wait_timeout(left)? {
            return Ok(status);
        }
        self.process.end(signal)?;
        if let Some(status) = self.process.wait_timeout(after_signal)? {
            return Ok(status);
        }
        self.process.end(Signal::KILL)?;
        Ok(self.process.wait()?)
    }
}
