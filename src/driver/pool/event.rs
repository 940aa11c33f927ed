//! [`Event`]: what happens to the workers of a pool.

use std::sync::Arc;

use crate::trace;

/// What happens in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A worker takes calls.
    #[non_exhaustive]
    WorkerReady {
        /// Its number in the pool.
        worker: u64,
        /// Its process id.
        pid: u32,
    },
    /// A worker that was ready has ended.
    #[non_exhaustive]
    WorkerExited {
        /// Its number in the pool.
        worker: u64,
        /// The exit code, unless a signal ended it.
        exit_code: Option<i32>,
        /// The number of the signal that ended it.
        signal: Option<i32>,
        /// Why the pool has killed it, if it has.
        reason: Option<String>,
    },
    /// A worker did not start. The pool tries again, after a pause that grows.
    #[non_exhaustive]
    StartFailed {
        /// Its number in the pool.
        worker: u64,
        /// What went wrong.
        reason: String,
    },
    /// More calls waited than the workers could take, and now none waits.
    Drained,
    /// Events, pieces of output, or messages of workers were dropped at this point, because the functions that are
    /// told of them take too long. Only of pools for threads.
    #[non_exhaustive]
    Missed {
        /// How many.
        count: u64,
    },
}

pub(crate) type OnEvent = Arc<dyn Fn(&Event) + Send + Sync>;

impl Event {
    pub(crate) fn trace(&self) {
        match self {
            Event::WorkerReady { worker, pid } => trace::pool_ready(*worker, *pid),
            Event::WorkerExited { worker, exit_code, signal, reason } => {
                trace::pool_exited(*worker, *exit_code, *signal, reason.as_deref());
            }
            Event::StartFailed { worker, reason } => trace::pool_start_failed(*worker, reason),
            Event::Drained => trace::pool_drained(),
            Event::Missed { count } => trace::pool_missed(*count),
        }
    }
}
