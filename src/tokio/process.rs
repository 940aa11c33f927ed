//! [`Process`]: a child process, for tasks.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};
use std::task::Waker;

use tokio::process::{Child as TokioChild, ChildStderr, ChildStdin, ChildStdout};

use crate::error::Error;
use crate::process::Prepared;
use crate::trace;

crate::driver::face::process_face! { tasks #[doc = ""] async await }

impl Process {
    #[track_caller]
    pub(super) fn start(mut prepared: Prepared) -> Result<Self, Error> {
        // tokio reports a missing runtime only after it has started the process.
        super::require_driver();
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
            running: Running { turn: Default::default(), state: Mutex::new(State { child, waits: None }) },
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
    /// One task at a time waits in the reactor, which remembers only one waker. When that task leaves, the
    /// next takes its place.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    child: TokioChild,
    /// The task that waits now. The reactor forgets it when another call reaps the process.
    waits: Option<Waker>,
}

impl Running {
    async fn wait(&self) -> io::Result<ExitStatus> {
        let _turn = self.turn.lock().await;
        let (id, status) = poll_fn(|cx| {
            let mut state = self.lock();
            state.waits = Some(cx.waker().clone());
            let id = state.child.id();
            // The wait is started again on each poll, so that the lock is not held in between.
            let ended = pin!(state.child.wait()).poll(cx);
            if ended.is_ready() {
                state.waits = None;
            }
            ended.map_ok(|status| (id, status))
        })
        .await?;
        Ok(report(id, status))
    }

    async fn wait_timeout(&self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        match tokio::time::timeout(timeout, self.wait()).await {
            Ok(status) => status.map(Some),
            Err(_) => Ok(None),
        }
    }

    fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        let mut state = self.lock();
        let id = state.child.id();
        let status = state.child.try_wait()?;
        let waits = status.and_then(|_| state.waits.take());
        drop(state);
        waits.into_iter().for_each(Waker::wake);
        Ok(status.map(|status| report(id, status)))
    }

    /// Runs `act` while the process's number cannot go to another process. False if it was reaped.
    fn unless_reaped(&self, act: impl FnOnce() -> io::Result<bool>) -> io::Result<bool> {
        // The process is only reaped under the lock.
        let state = self.lock();
        if state.child.id().is_some() { act() } else { Ok(false) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Traces the exit of a process. `id` is `Some` until the process was waited for. Call it when the lock is free: a
/// subscriber may use the process.
fn report(id: Option<u32>, status: ExitStatus) -> ExitStatus {
    if let Some(id) = id {
        trace::exited(id, status);
    }
    status
}
