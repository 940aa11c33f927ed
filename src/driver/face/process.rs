//! `Process`: a child process.

macro_rules! process_face {
    (
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::io;
        use std::os::fd::RawFd;
        #[cfg(target_os = "linux")]
        use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
        use std::os::unix::net::UnixStream;
        use std::process::ExitStatus;
        #[cfg(target_os = "linux")]
        use std::sync::OnceLock;
        use std::time::Duration;

        use nix::sys::signal::kill;
        use nix::unistd::Pid;

        use crate::process::{Group, Signal};
        use crate::sys::spawn;

        /// A process that was started. Anybody may signal it while others wait for it.
        ///
        /// Dropped while it runs, it goes on running, unless `kill_on_drop` was asked for; in either case
        /// it does not remain as a zombie.
        #[derive(Debug)]
        pub struct Process {
            /// What it reads from, if that was to be a pipe.
            pub stdin: Option<ChildStdin>,
            /// What it writes to, if that was to be a pipe.
            pub stdout: Option<ChildStdout>,
            /// What it writes errors to, if that was to be a pipe.
            pub stderr: Option<ChildStderr>,
            /// Our ends of the other descriptors that were to be pipes, by number.
            pub pipes: Vec<(RawFd, UnixStream)>,
            id: u32,
            running: Running,
            #[cfg(target_os = "linux")]
            pidfd: OnceLock<OwnedFd>,
            group: Group,
            kill_on_drop: Option<Signal>,
        }

        impl Process {
            /// Its process id.
            pub fn id(&self) -> u32 {
                self.id
            }

            /// A descriptor that can be read when the process has ended (a pidfd), for loops of your own that
            /// wait for many things: wait for it, and then call [`try_wait`](Self::try_wait). It is opened
            /// at the first call, and closed with the `Process`. Linux 5.3 or later.
            ///
            /// # Errors
            /// If the process was waited for before the first call; and if this process has no descriptor
            /// free.
            #[cfg(target_os = "linux")]
            pub fn pidfd(&self) -> io::Result<BorrowedFd<'_>> {
                if let Some(pidfd) = self.pidfd.get() {
                    return Ok(pidfd.as_fd());
                }
                let mut opened = None;
                self.running.unless_reaped(|| {
                    opened = Some(spawn::pidfd(self.id)?);
                    Ok(true)
                })?;
                match opened {
                    Some(pidfd) => Ok(self.pidfd.get_or_init(|| pidfd).as_fd()),
                    None => Err(io::Error::from_raw_os_error(libc::ESRCH)),
                }
            }

            /// Sends it a signal, and nobody else; false if it has ended, when nothing is sent.
            ///
            /// # Errors
            /// If it runs as another user now.
            pub fn kill(&self, signal: Signal) -> io::Result<bool> {
                if self.try_wait()?.is_some() {
                    return Ok(false);
                }
                self.running.unless_reaped(|| {
                    kill(Pid::from_raw(self.id as i32), signal.native())?;
                    Ok(true)
                })
            }

            /// Sends a signal to its process group: to it, and to what it has started. For a process that
            /// leads a group, because it was started with `own_process_group` or `detached`.
            ///
            /// The others are reached also when the process itself has ended, but not once it was waited
            /// for, for the number of the group may be another's then: false is the answer, and nothing is
            /// sent.
            ///
            /// # Errors
            /// If the process leads no group, or all in the group run as another user now.
            pub fn kill_group(&self, signal: Signal) -> io::Result<bool> {
                self.running.unless_reaped(|| self.group.kill(self.id, signal))
            }

            /// Ends it because we have to, and with it its group, if it leads one.
            pub(super) fn end(&self, signal: Signal) -> io::Result<bool> {
                match self.group {
                    Group::Ours => self.kill(signal),
                    Group::Own | Group::OwnSession => self.kill_group(signal),
                }
            }

            /// Waits until it has ended.
            ///
            /// # Errors
            /// If something else in this process has waited for it.
            $(#[$tasks]
            /// # Cancel safety
            /// Nothing is lost if the future is dropped: the next call waits on, and gives the status.
            )?
            pub $($async)? fn wait(&self) -> io::Result<ExitStatus> {
                self.running.wait() $(.$await)?
            }

            /// Waits until it has ended, for so long at the most.
            ///
            /// # Errors
            /// As [`wait`](Self::wait).
            $(#[$tasks]
            /// # Cancel safety
            /// As [`wait`](Self::wait).
            )?
            pub $($async)? fn wait_timeout(&self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
                self.running.wait_timeout(timeout) $(.$await)?
            }

            /// How it ended, if it has.
            ///
            /// # Errors
            /// As [`wait`](Self::wait).
            pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
                self.running.try_wait()
            }
        }

        impl Drop for Process {
            fn drop(&mut self) {
                if let Some(signal) = self.kill_on_drop {
                    let _ = self.end(signal);
                }
                if let Ok(None) = self.try_wait() {
                    spawn::reap_later(self.id);
                }
            }
        }
    };
}
pub(crate) use process_face;
