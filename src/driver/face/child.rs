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

        /// A process that speaks the channel, and the channel.
        #[derive(Debug)]
        #[non_exhaustive]
        pub struct Child {
            /// The process.
            pub process: Process,
            /// The channel. Its end and the end of the process are two events: take what comes from
            /// [`recv`](Channel::recv) until `None`, and then wait for the process.
            pub channel: Channel,
        }

        impl process::Fork<$driver> {
            /// Starts it.
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
            /// Starts it without a channel.
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

            /// Starts it with a channel at this number: Node's `spawn` with `'ipc'` in its `stdio`.
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
            /// Outside of a runtime it panics, at the place of our caller's caller.
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

            /// Ends the child, with growing insistence, and says how it ended: it disconnects, sends a
            /// signal, and at last SIGKILL. A child that leads a
            /// [process group](Command::own_process_group) is signalled with all of the group.
            ///
            /// Several callers may stop it. Each goes through all of the steps with its own times, until
            /// the child has ended.
            ///
            /// # Errors
            /// If it cannot be signalled, because it runs as another user now.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the child is as far as the escalation had come. Called again,
            /// `stop` begins with the first step: what was accepted is still written, and each step is
            /// waited for anew.
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
