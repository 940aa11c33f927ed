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

        /// A running or exited child process. It can be signalled while other callers wait for it.
        ///
        /// If it is dropped while the process runs, the process goes on running, unless `kill_on_drop` is
        /// set. In both cases no zombie remains.
        #[derive(Debug)]
        pub struct Process {
            /// The process's standard input, if it is a pipe.
            pub stdin: Option<ChildStdin>,
            /// The process's standard output, if it is a pipe.
            pub stdout: Option<ChildStdout>,
            /// The process's standard error, if it is a pipe.
            pub stderr: Option<ChildStderr>,
            /// Our ends of the other pipes, by descriptor number.
            pub pipes: Vec<(RawFd, UnixStream)>,
            id: u32,
            running: Running,
            #[cfg(target_os = "linux")]
            pidfd: OnceLock<OwnedFd>,
            group: Group,
            kill_on_drop: Option<Signal>,
        }

        impl Process {
            /// The process id.
            pub fn id(&self) -> u32 {
                self.id
            }

            /// A descriptor that becomes readable when the process has exited (a pidfd). Use it in an event
            /// loop of your own: wait for it, and then call [`try_wait`](Self::try_wait). It is opened by the
            /// first call, and closed with the `Process`. Linux 5.3 or later.
            ///
            /// # Errors
            /// If the process was waited for before the first call, or if this process cannot open another
            /// descriptor.
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

            /// Sends a signal to this process only. Returns false, and sends nothing, if it has exited.
            ///
            /// # Errors
            /// If the process now runs as another user.
            pub fn kill(&self, signal: Signal) -> io::Result<bool> {
                if self.try_wait()?.is_some() {
                    return Ok(false);
                }
                self.running.unless_reaped(|| {
                    kill(Pid::from_raw(self.id as i32), signal.native())?;
                    Ok(true)
                })
            }

            /// Sends a signal to the process group: to the process and to the processes that it started. Only
            /// for a process that leads a group, because it was started with `own_process_group` or
            /// `detached`.
            ///
            /// The rest of the group gets the signal even if the process itself has exited. Once the process
            /// was waited for, the group's number may belong to others: then this returns false and sends
            /// nothing.
            ///
            /// # Errors
            /// If the process does not lead a group, or if the whole group now runs as another user.
            pub fn kill_group(&self, signal: Signal) -> io::Result<bool> {
                self.running.unless_reaped(|| self.group.kill(self.id, signal))
            }

            /// Kills the process, and its group if it leads one.
            pub(super) fn end(&self, signal: Signal) -> io::Result<bool> {
                match self.group {
                    Group::Ours => self.kill(signal),
                    Group::Own | Group::OwnSession => self.kill_group(signal),
                }
            }

            /// Waits until the process has exited.
            ///
            /// # Errors
            /// If other code in this program has already waited for it.
            $(#[$tasks]
            /// # Cancel safety
            /// Dropping the future loses nothing: the next call goes on waiting, and returns the status.
            )?
            pub $($async)? fn wait(&self) -> io::Result<ExitStatus> {
                self.running.wait() $(.$await)?
            }

            /// Waits until the process has exited, up to a timeout.
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

            /// The exit status, if the process has exited.
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
