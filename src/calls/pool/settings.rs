//! [`Settings`]: what users say about a pool.

use std::time::Duration;

/// What users say about a pool.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// So many workers at least, and so many at most: one, and no fewer than `min`.
    pub(crate) min: usize,
    pub(crate) max: usize,
    /// Nothing is started before the first call.
    pub(crate) lazy: bool,
    /// How many calls a worker has at once, whatever it announces.
    pub(crate) concurrency: Option<usize>,
    pub(crate) max_queue: usize,
    /// How long a worker beyond `min` may have nothing to do.
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) start_timeout: Duration,
    /// How long a worker may take to answer a call that was cancelled.
    pub(crate) grace: Duration,
    /// How long a worker may take to end.
    pub(crate) close_timeout: Duration,
    /// A worker is replaced after so many calls, after so long, and if it has more memory.
    pub(crate) max_calls: Option<u64>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_memory: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            min: 1,
            max: 1,
            lazy: false,
            concurrency: None,
            max_queue: 100_000,
            idle_timeout: Some(Duration::from_secs(10)),
            start_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(5),
            close_timeout: Duration::from_secs(5),
            max_calls: None,
            max_age: None,
            max_memory: None,
        }
    }
}
