//! [`Process`]: a child process, for threads.

use std::process::{Child as StdChild, ChildStderr, ChildStdin, ChildStdout};
use std::sync::{Mutex, MutexGuard};

use crate::error::Error;
use crate::process::Prepared;
use crate::trace;

crate::driver::face::process_face! { threads #[doc = ""] }

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
            running: Running { id: child.id(), state: Mutex::new(State::Running(child)) },
            #[cfg(target_os = "linux")]
            pidfd: OnceLock::new(),
            group: spec.group,
            kill_on_drop: spec.kill_on_drop.then_some(spec.kill_signal),
        })
    }
}

/// The process and its exit status.
#[derive(Debug)]
struct Running {
    id: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Not known to have exited. It may have exited and not be reaped yet.
    Running(StdChild),
    Exited(ExitStatus),
}

impl Running {
    fn wait(&self) -> io::Result<ExitStatus> {
        loop {
            // Check this first: once the process is reaped, another process may get its number.
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            // Wait without the lock, so that other threads can send signals.
            spawn::wait_exit(self.id, None)?;
        }
    }

    fn wait_timeout(&self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        if let Some(status) = self.try_wait()? {
            return Ok(Some(status));
        }
        spawn::wait_exit(self.id, Some(timeout))?;
        self.try_wait()
    }

    fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        let mut state = self.lock();
        let status = match &mut *state {
            State::Exited(status) => return Ok(Some(*status)),
            State::Running(child) => child.try_wait()?,
        };
        if let Some(status) = status {
            *state = State::Exited(status);
            // A subscriber is the code of others, and may use the process.
            drop(state);
            trace::exited(self.id, status);
        }
        Ok(status)
    }

    /// Runs `act` while the process's number cannot go to another process. False if it was reaped.
    fn unless_reaped(&self, act: impl FnOnce() -> io::Result<bool>) -> io::Result<bool> {
        // The process is only reaped under the lock.
        match *self.lock() {
            State::Running(_) => act(),
            State::Exited(_) => Ok(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}
