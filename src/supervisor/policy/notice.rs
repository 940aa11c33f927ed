//! What the user is told.

use std::borrow::Cow;
use std::fmt;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use super::MANY_RESTARTS;
use crate::process::Signal;

/// A sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// It is of use now; whether because it listens.
    Up(Subject, bool),
    /// The first new worker of a reload is up, and watched for so long.
    OnTrial(Subject, Duration),
    /// It was told that it cannot listen there.
    ListenFailed(Subject, ListenFailure),
    /// It could not listen, listens on nothing else, and is killed.
    ListensNowhere(Subject),
    /// It was not up after so long, and is killed; and why it was not, as in "does not listen".
    NotUp(Subject, Duration, String),
    /// It has not answered for so long; it is ended and replaced.
    Hangs(Subject, Duration),
    /// It has said that it leaves; it is replaced at once.
    Leaving(Subject),
    /// It has ended.
    Ended(Subject, Ended),
    /// It gets the stop signal, for it must end soon.
    Warned(Subject, Signal),
    /// It had to be killed, after so long.
    Killed(Subject, Duration),
    /// The instance is started again after a pause.
    Pause {
        /// The instance.
        slot: usize,
        /// How long.
        pause: Duration,
    },
    /// No worker could be started.
    ForkFailed {
        /// For this instance.
        slot: usize,
        /// Why.
        reason: String,
    },
    /// Workers have ended unusually often.
    ManyRestarts {
        /// How many there were in a minute.
        restarts: usize,
    },
    /// All is given up, for no worker has ever been up.
    GivingUp {
        /// How many starts have failed in each instance.
        attempts: u32,
    },
    /// A reload begins.
    Reloading,
    /// All workers are new.
    Reloaded,
    /// The rest of the old workers stay.
    ReloadFailed {
        /// The instance at which it failed.
        slot: usize,
        /// The new worker.
        worker: Option<Subject>,
        /// What it did.
        why: Cow<'static, str>,
    },
    /// All workers are asked to go.
    Stopping {
        /// What we were told by.
        signal: Signal,
    },
}

/// Why a worker cannot listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenFailure {
    /// On what.
    pub address: String,
    /// A half sentence.
    pub reason: String,
    /// Its name, such as `EADDRINUSE`.
    pub code: &'static str,
}

/// A worker, as the user knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Its instance.
    pub slot: usize,
    /// Its process.
    pub pid: u32,
}

/// How a worker has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(Signal),
    /// Nobody knows.
    Unknown,
}

impl Notice {
    /// The same, if it is about one of many starts, without what differs from one instance to the next.
    pub fn of_any_instance(&self) -> Option<Notice> {
        let any = Subject { slot: 0, pid: 0 };
        Some(match self {
            Notice::Ended(_, how) => Notice::Ended(any, *how),
            Notice::Leaving(_) => Notice::Leaving(any),
            Notice::ListenFailed(_, failure) => Notice::ListenFailed(any, failure.clone()),
            Notice::ListensNowhere(_) => Notice::ListensNowhere(any),
            Notice::NotUp(.., why) => Notice::NotUp(any, Duration::ZERO, why.clone()),
            Notice::Pause { pause, .. } => Notice::Pause { slot: 0, pause: *pause },
            Notice::ForkFailed { reason, .. } => Notice::ForkFailed { slot: 0, reason: reason.clone() },
            _ => return None,
        })
    }

    /// What it is about, if programs that crash as soon as they are up can cause any number of them: the
    /// instance, and what happens there.
    pub fn repeats(&self) -> Option<(usize, Discriminant<Notice>)> {
        let slot = match self {
            Notice::Up(worker, _)
            | Notice::Leaving(worker)
            | Notice::Ended(worker, _)
            | Notice::ListenFailed(worker, _)
            | Notice::ListensNowhere(worker) => worker.slot,
            Notice::Pause { slot, .. } => *slot,
            _ => return None,
        };
        Some((slot, discriminant(self)))
    }

    /// All is as it should be.
    pub fn is_routine(&self) -> bool {
        matches!(
            self,
            Notice::Up(..)
                | Notice::OnTrial(..)
                | Notice::Leaving(_)
                | Notice::Ended(_, Ended::Code(0))
                | Notice::Reloading
                | Notice::Reloaded
                | Notice::Stopping { .. }
        )
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Up(worker, true) => write!(f, "{worker} listens"),
            Notice::Up(worker, false) => write!(f, "{worker} is up, but does not listen"),
            Notice::OnTrial(worker, time) => {
                write!(f, "{worker} is up: watching it for {time:?} before an old worker goes")
            }
            Notice::ListenFailed(worker, ListenFailure { address, reason, code }) => {
                write!(f, "{worker} cannot listen on {address}: {reason} ({code})")
            }
            Notice::ListensNowhere(worker) => write!(f, "{worker} listens on nothing, and is killed"),
            Notice::NotUp(worker, time, why) => {
                let tenths = u64::try_from(time.as_millis() / 100).unwrap_or(u64::MAX);
                let time = Duration::from_millis(tenths.saturating_mul(100));
                write!(f, "{worker} has not come up in {time:?}, and is killed: it {why}")
            }
            Notice::Hangs(worker, time) => write!(
                f,
                "{worker} has not answered for {time:?}: its event loop is blocked. It is ended and replaced"
            ),
            Notice::Leaving(worker) => write!(f, "{worker} leaves, and is replaced"),
            Notice::Ended(worker, how) => write!(f, "{worker} has ended: {how}"),
            Notice::Warned(worker, signal) => {
                write!(f, "{worker} has not ended: sending {signal}, then SIGKILL")
            }
            Notice::Killed(worker, after) => write!(f, "{worker} has not ended in {after:?}, and is killed"),
            Notice::Pause { slot, pause } => write!(f, "instance {slot} is started again in {pause:?}"),
            Notice::ForkFailed { slot, reason } => write!(f, "instance {slot} cannot be started: {reason}"),
            Notice::ManyRestarts { restarts } => write!(
                f,
                "{restarts} restarts in the last 60 s (usual are up to {MANY_RESTARTS}): workers end soon after \
                 they are up, or do not come up"
            ),
            Notice::GivingUp { attempts } => {
                write!(f, "giving up: no worker has come up, and each instance was tried {attempts} times")
            }
            Notice::Reloading => f.write_str("reloading"),
            Notice::Reloaded => f.write_str("reloaded"),
            Notice::ReloadFailed { worker: Some(worker), why, .. } => {
                write!(f, "RELOAD FAILED: the new {worker} {why}. Running workers are not affected.")
            }
            Notice::ReloadFailed { slot, worker: None, why } => {
                write!(
                    f,
                    "RELOAD FAILED: the new worker for instance {slot} {why}. Running workers are not affected."
                )
            }
            Notice::Stopping { signal } => write!(f, "{signal}: stopping"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} (pid {})", self.slot, self.pid)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Code(code) => write!(f, "exit code {code}"),
            Ended::Signal(signal) => signal.fmt(f),
            Ended::Unknown => f.write_str("exit status unknown"),
        }
    }
}
