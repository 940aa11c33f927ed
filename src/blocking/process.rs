//! [`Process`]: a child process, for threads.

use std::io;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::process::{Child as StdChild, ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::error::Error;
use crate::process::Signal;
use crate::process::{Group, Prepared};
use crate::sys::spawn::{reap_later, wait_exit};
use crate::trace;

/// A process that was started. Any thread may signal it while others wait for it.
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
    state: Mutex<State>,
    group: Group,
    kill_on_drop: Option<Signal>,
}

#[derive(Debug)]
enum State {
    /// As far as we know; it may have ended, and waits to be reaped.
    Running(StdChild),
    Exited(ExitStatus),
}

impl Process {
    pub(super) fn start(mut prepared: Prepared) -> Result<Self, Error> {
        let mut child = prepared.start(|command| command.spawn())?;
        trace::spawned(&prepared.program, child.id());
        let Prepared { pipes, spec, .. } = prepared;
        Ok(Process {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            pipes,
            id: child.id(),
            state: Mutex::new(State::Running(child)),
            group: spec.group,
            kill_on_drop: spec.kill_on_drop.then_some(spec.kill_signal),
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Sends it a signal, and nobody else; false if it has ended, when nothing is sent.
    ///
    /// # Errors
    /// If it runs as another user now.
    pub fn kill(&self, signal: Signal) -> io::Result<bool> {
        let mut state = self.lock();
        // While it is not reaped, its number is nobody else's.
        if state.try_wait()?.is_some() {
            return Ok(false);
        }
        kill(Pid::from_raw(self.id as i32), signal.native())?;
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
        // Whoever reaps it does so under the lock.
        match *self.lock() {
            State::Running(_) => self.group.kill(self.id, signal),
            State::Exited(_) => Ok(false),
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
    pub fn wait(&self) -> io::Result<ExitStatus> {
        loop {
            // First, for once it is reaped its number may be another's.
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            // Not under the lock, so that others can signal it.
            wait_exit(self.id, None)?;
        }
    }

    /// Waits until it has ended, for so long at the most.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_timeout(&self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        if let Some(status) = self.try_wait()? {
            return Ok(Some(status));
        }
        wait_exit(self.id, Some(timeout))?;
        self.try_wait()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.lock().try_wait()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl State {
    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = match self {
            State::Exited(status) => return Ok(Some(*status)),
            State::Running(child) => child.try_wait()?.inspect(|status| trace::exited(child.id(), *status)),
        };
        if let Some(status) = status {
            *self = State::Exited(status);
        }
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(signal) = self.kill_on_drop {
            let _ = self.end(signal);
        }
        let exited = self.try_wait();
        let state = self.state.get_mut().unwrap_or_else(|e| e.into_inner());
        if let (Ok(None), State::Running(child)) = (exited, state) {
            reap_later(child.id());
        }
    }
}
