//! [`Stats`]: what a pool is doing, and has done.

use crate::calls::pool::{Times, WorkerStats};

/// What a pool is doing, and has done.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// How many calls wait for a worker.
    pub waiting: usize,
    /// How many calls workers have.
    pub running: usize,
    /// How many workers have ended although nobody had asked them to.
    pub restarts: u64,
    /// How many calls have a result.
    pub completed: u64,
    /// How many calls were answered with an error, or with a result that could not be read.
    pub failed: u64,
    /// How many calls have timed out.
    pub timed_out: u64,
    /// How many calls were cancelled.
    pub cancelled: u64,
    /// How many calls were lost with their workers.
    pub lost: u64,
    /// How many calls the pool did not carry out: it was full, closed, or could not start.
    pub refused: u64,
    /// The part of the time in which workers had something to do, from 0 to 1.
    pub utilization: f64,
    /// How long calls waited in the pool before a worker got them.
    pub wait_time: Times,
    /// How long workers had them.
    pub run_time: Times,
    /// The workers, in the order in which they were started.
    pub workers: Vec<WorkerStats>,
}
