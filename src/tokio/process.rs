//! [`Process`]: a child process, for tasks.

use std::io;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use tokio::process::{Child as TokioChild, ChildStderr, ChildStdin, ChildStdout};

use crate::error::Error;
use crate::process::Signal;
use crate::process::{Group, Prepared};
use crate::sys::spawn::reap_later;
use crate::trace;

/// A process that was started.
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
    child: TokioChild,
    group: Group,
    kill_on_drop: Option<Signal>,
}

impl Process {
    #[track_caller]
    pub(super) fn start(mut prepared: Prepared) -> Result<Self, Error> {
        // tokio finds out when the process is there.
        super::require_runtime();
        let command = std::mem::replace(&mut prepared.command, std::process::Command::new(""));
        let mut command = tokio::process::Command::from(command);
        let mut child = prepared.start(|_| command.spawn())?;
        let id = child.id().ok_or_else(|| prepared.failed(io::Error::other("it has no process id")))?;
        trace::spawned(&prepared.program, id);
        let Prepared { pipes, spec, .. } = prepared;
        Ok(Process {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            pipes,
            id,
            child,
            group: spec.group,
            kill_on_drop: spec.kill_on_drop.then_some(spec.kill_signal),
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Sends it a signal, and nobody else; false if it is known to have ended, when nothing is sent.
    ///
    /// # Errors
    /// If it runs as another user now.
    pub fn kill(&self, signal: Signal) -> io::Result<bool> {
        // The id is gone as soon as the process is reaped, and its number may be another's.
        let Some(id) = self.child.id() else {
            return Ok(false);
        };
        kill(Pid::from_raw(id as i32), signal.native())?;
        Ok(true)
    }

    /// Sends a signal to its process group: to it, and to what it has started. For a process that leads
    /// a group, because it was started with `own_process_group` or `detached`.
    ///
    /// The others are reached also when the process itself has ended, but not once it was waited for,
    /// for the number of the group may be another's then: false is the answer, and nothing is sent.
    ///
    /// # Errors
    /// If the process leads no group, or all in the group run as another user now.
    pub fn kill_group(&self, signal: Signal) -> io::Result<bool> {
        match self.child.id() {
            Some(id) => self.group.kill(id, signal),
            None => Ok(false),
        }
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
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped: the next call waits on, and gives the status.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let is_known = self.child.id().is_none();
        self.child.wait().await.inspect(|status| self.ended(is_known, *status))
    }

    /// Waits until it has ended, for so long at the most.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Cancel safety
    /// As [`wait`](Self::wait).
    pub async fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        match tokio::time::timeout(timeout, self.wait()).await {
            Ok(status) => status.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let is_known = self.child.id().is_none();
        let ended = self.child.try_wait()?;
        Ok(ended.inspect(|status| self.ended(is_known, *status)))
    }

    fn ended(&self, is_known: bool, status: ExitStatus) {
        if !is_known {
            trace::exited(self.id, status);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(signal) = self.kill_on_drop {
            let _ = self.end(signal);
        }
        // The runtime would reap it as well, but only when it next has something to do, and not
        // once it has ended.
        if let Ok(None) = self.try_wait() {
            reap_later(self.id);
        }
    }
}
