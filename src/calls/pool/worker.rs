//! [`Worker`]: one worker of a pool, from its start to its end.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::{CallId, Time};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WorkerId(pub(super) u64);

impl WorkerId {
    /// Counts from 1.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WorkerState {
    /// It has not said that it is ready.
    Starting,
    /// It takes calls.
    Ready,
    /// It takes no more calls, and carries out those that it has.
    Retiring,
    /// It has been asked to end, or its channel is over.
    Ending,
    /// It has been killed.
    Killed,
}

/// How a worker has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// The last of what it wrote to its standard error.
    pub(crate) stderr: String,
    /// Why it was killed, or what went wrong before.
    pub(crate) cause: Option<String>,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.signal, self.exit_code) {
            (Some(cause), ..) => f.write_str(cause)?,
            (None, Some(signal), _) => write!(f, "it was ended by signal {signal}")?,
            (None, None, Some(code)) => write!(f, "it ended with exit code {code}")?,
            (None, None, None) => f.write_str("its channel was closed")?,
        }
        match self.stderr.as_str() {
            "" => Ok(()),
            stderr => write!(f, "\nLast lines of stderr:\n{stderr}"),
        }
    }
}

pub(super) struct Worker {
    pub(super) place: usize,
    pub(super) state: WorkerState,
    pub(super) concurrency: usize,
    /// The calls that it has.
    pub(super) calls: BTreeSet<CallId>,
    /// How many of these were cancelled.
    pub(super) overdue: usize,
    pub(super) handed: u64,
    pub(super) completed: u64,
    /// It takes no more calls than these in its life.
    pub(super) max_calls: u64,
    /// It is replaced then.
    pub(super) expires: Option<Time>,
    /// It is killed then.
    pub(super) limit: Option<Time>,
    pub(super) ready_at: Option<Time>,
    /// Since when it has had nothing to do, or something.
    pub(super) turned_at: Time,
    /// How long it has had something to do, before that.
    pub(super) busy: Duration,
    pub(super) resident: Option<u64>,
    pub(super) cause: Option<String>,
}

impl Worker {
    pub(super) fn new(place: usize, now: Time) -> Self {
        Worker {
            place,
            state: WorkerState::Starting,
            concurrency: 1,
            calls: BTreeSet::new(),
            overdue: 0,
            handed: 0,
            completed: 0,
            max_calls: u64::MAX,
            expires: None,
            limit: None,
            ready_at: None,
            turned_at: now,
            busy: Duration::ZERO,
            resident: None,
            cause: None,
        }
    }

    /// It can have one more call. One that may be killed in a moment cannot, for its calls would be lost.
    pub(super) fn is_free(&self) -> bool {
        self.state == WorkerState::Ready && self.calls.len() < self.concurrency && self.overdue == 0
    }

    pub(super) fn take(&mut self, call: CallId, now: Time) {
        if self.calls.is_empty() {
            self.turned_at = now;
        }
        self.calls.insert(call);
        self.handed += 1;
    }

    pub(super) fn release(&mut self, call: CallId, now: Time) {
        if self.calls.remove(&call) && self.calls.is_empty() {
            self.busy += now.saturating_sub(self.turned_at);
            self.turned_at = now;
        }
    }

    /// The part of the time since it was ready in which it had something to do.
    pub(super) fn utilization(&self, now: Time) -> f64 {
        let Some(life) = self.ready_at.map(|at| now.saturating_sub(at)).filter(|life| !life.is_zero()) else {
            return 0.0;
        };
        let current = if self.calls.is_empty() { Duration::ZERO } else { now.saturating_sub(self.turned_at) };
        ((self.busy + current).as_secs_f64() / life.as_secs_f64()).min(1.0)
    }
}

/// What a worker is doing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// A number that no other worker of the pool has had: 1, 2 and so on.
    pub id: u64,
    /// The process id; `None` until the process has started.
    pub pid: Option<u32>,
    /// What it does.
    pub state: WorkerState,
    /// How many calls it has.
    pub running: usize,
    /// How many it may have at once.
    pub concurrency: usize,
    /// How many it has answered.
    pub completed: u64,
    /// The part of the time since it was ready in which it had something to do, from 0 to 1.
    pub utilization: f64,
    /// Its resident memory in bytes, as it has said last.
    pub resident: Option<u64>,
    /// How long ago it was ready.
    pub age: Duration,
}

impl Worker {
    pub(super) fn stats(&self, id: WorkerId, now: Time) -> WorkerStats {
        WorkerStats {
            id: id.0,
            pid: None,
            state: self.state,
            running: self.calls.len(),
            concurrency: self.concurrency,
            completed: self.completed,
            utilization: self.utilization(now),
            resident: self.resident,
            age: self.ready_at.map(|at| now.saturating_sub(at)).unwrap_or_default(),
        }
    }
}
