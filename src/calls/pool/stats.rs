//! [`Stats`]: what has become of a pool's calls, and how long it took.

use super::histogram::Histogram;
use super::{Machine, Time, Times, WorkerStats};

/// What has become of a call, for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Completed,
    Failed,
    TimedOut,
    Cancelled,
    Lost,
    Refused,
}

#[derive(Default)]
pub(super) struct Stats {
    pub(super) counts: Counts,
    pub(super) waited: Histogram,
    pub(super) ran: Histogram,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) cancelled: u64,
    pub(crate) lost: u64,
    pub(crate) refused: u64,
    pub(crate) restarts: u64,
}

impl Machine {
    /// A caller has been told what has become of its call.
    pub(crate) fn settled(&mut self, outcome: Outcome) {
        let counts = &mut self.stats.counts;
        *match outcome {
            Outcome::Completed => &mut counts.completed,
            Outcome::Failed => &mut counts.failed,
            Outcome::TimedOut => &mut counts.timed_out,
            Outcome::Cancelled => &mut counts.cancelled,
            Outcome::Lost => &mut counts.lost,
            Outcome::Refused => &mut counts.refused,
        } += 1;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.stats.counts
    }

    /// How long calls have waited and run.
    pub(crate) fn times(&self) -> (Times, Times) {
        (self.stats.waited.times(), self.stats.ran.times())
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    pub(crate) fn worker_stats(&self, now: Time) -> Vec<WorkerStats> {
        self.workers.iter().map(|(id, worker)| worker.stats(*id, now)).collect()
    }
}
