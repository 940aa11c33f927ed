//! `Child`: a process and the channel to it; and how the builders start one.

macro_rules! child_face {
    (
        $driver:ident
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::process::ExitStatus;
        use std::time::Instant;

        use super::{Channel, Process};
        use crate::error::{Error, SendError};
        use crate::process::{self, Escalation, Prepared, Signal};

        /// See [`crossfork::process::Fork`](process::Fork).
        pub type Fork = process::Fork<$driver>;

        /// See [`crossfork::process::Command`](process::Command).
        pub type Command = process::Command<$driver>;

        /// A process and the channel to it.
        #[derive(Debug)]
        #[non_exhaustive]
        pub struct Child {
            /// The process.
            pub process: Process,
            /// The channel. The end of the channel and the end of the process are two events: call
            /// [`recv`](Channel::recv) until it returns `None`, and then wait for the process.
            pub channel: Channel,
        }

        impl process::Fork<$driver> {
            /// Starts the process.
            ///
            /// # Errors
            /// [`Error::Spawn`], which names the program.
            $(#[$tasks]
            /// # Panics
            /// Outside of a runtime, and in one without I/O.
            #[track_caller]
            )?
            pub fn spawn(self) -> Result<Child, Error> {
                Child::start(self.prepare()?)
            }
        }

        impl process::Command<$driver> {
            /// Starts the process without a channel.
            ///
            /// # Errors
            /// [`Error::Spawn`], which names the program.
            $(#[$tasks]
            /// # Panics
            /// Outside of a runtime, and in one without I/O.
            #[track_caller]
            )?
            pub fn spawn(self) -> Result<Process, Error> {
                Process::start(self.prepare(None)?)
            }

            /// Starts the process with a channel at this descriptor number: Node's `spawn` with `'ipc'` in
            /// its `stdio`.
            ///
            /// # Errors
            /// [`Error::Spawn`], which names the program.
            $(#[$tasks]
            /// # Panics
            /// Outside of a runtime, and in one without I/O.
            #[track_caller]
            )?
            pub fn spawn_with_channel(self, number: usize) -> Result<Child, Error> {
                Child::start(self.prepare(Some(number))?)
            }
        }

        impl Child {
            $(#[$tasks]
            /// Panics outside a runtime, and reports the location of our caller's caller.
            #[track_caller]
            )?
            fn start(mut prepared: Prepared) -> Result<Self, Error> {
                let ours = prepared.channel.take().ok_or(SendError::Closed)?;
                let channel =
                    Channel::from_socket_with(ours, prepared.spec.serialization, prepared.spec.limits)
                        .map_err(|e| match e {
                            Error::Io(e) => prepared.failed(e),
                            other => other,
                        })?;
                Ok(Child { process: Process::start(prepared)?, channel })
            }

            /// Stops the child in steps and returns its exit status: it disconnects, then sends a signal, and
            /// finally SIGKILL. If the child leads a [process group](Command::own_process_group), the whole
            /// group gets the signals.
            ///
            /// Several callers may stop the child. Each performs all of the steps with its own timeouts,
            /// until the child has exited.
            ///
            /// # Errors
            /// If the child cannot be signalled, because it now runs as another user.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the steps taken so far remain in effect. A new call of `stop` begins
            /// with the first step: queued messages are still written, and each step waits its full time
            /// again.
            )?
            pub $($async)? fn stop(&self, escalation: Escalation) -> Result<ExitStatus, Error> {
                let Escalation { disconnect, signal, after_signal } = escalation;
                let start = Instant::now();
                self.channel.end_within(disconnect) $(.$await)?;
                let left = disconnect.saturating_sub(start.elapsed());
                if let Some(status) = self.process.wait_timeout(left) $(.$await)?? {
                    return Ok(status);
                }
                self.process.end(signal)?;
                if let Some(status) = self.process.wait_timeout(after_signal) $(.$await)?? {
                    return Ok(status);
                }
                self.process.end(Signal::KILL)?;
                Ok(self.process.wait() $(.$await)??)
            }
        }
    };
}
pub(crate) use child_face;
