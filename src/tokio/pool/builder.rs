//! [`Builder`]: what a pool runs, and how.

use std::ffi::OsStr;
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, fs, io, thread};

use ::tokio::runtime::Handle;

use super::Pool;
use super::shared::Shared;
use crate::error::Error;
use crate::tokio::{Child, Command, Fork, Service};
use crate::wire::Serialization;

/// How long a worker may take to be ready, and to react to what it is asked.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(5);
const MOST_QUEUED: usize = 100_000;

/// What a pool runs, and how: made by [`Pool::builder`].
#[must_use]
pub struct Builder {
    worker: Start,
    pub(super) size: Option<NonZero<usize>>,
    pub(super) concurrency: Option<NonZero<usize>>,
    pub(super) max_queue: usize,
    pub(super) start_timeout: Duration,
    pub(super) grace: Duration,
    pub(super) service: Arc<Service>,
}

/// What each worker is started by.
enum Start {
    /// A path, told by what is there.
    Path(Box<OsStr>),
    Fork(Box<Fork>),
    Command(Box<Command>),
}

impl Builder {
    fn new(worker: Start) -> Self {
        Builder {
            worker,
            size: None,
            concurrency: None,
            max_queue: MOST_QUEUED,
            start_timeout: START_TIMEOUT,
            grace: GRACE,
            service: Arc::default(),
        }
    }

    pub(super) fn path(path: &OsStr) -> Self {
        Builder::new(Start::Path(path.into()))
    }

    pub(super) fn fork(fork: Fork) -> Self {
        Builder::new(Start::Fork(Box::new(fork)))
    }

    pub(super) fn command(command: Command) -> Self {
        Builder::new(Start::Command(Box::new(command)))
    }

    /// Sets the number of workers. Default: the number of CPUs that the process may use.
    pub fn size(self, workers: NonZero<usize>) -> Self {
        Builder { size: Some(workers), ..self }
    }

    /// Sets the maximum number of calls that one worker has at once. Default: the number that it announces, or
    /// one.
    pub fn concurrency(self, calls: NonZero<usize>) -> Self {
        Builder { concurrency: Some(calls), ..self }
    }

    /// How many calls may wait for a worker (100,000). Those beyond fail with
    /// [`PoolError::QueueFull`](super::PoolError::QueueFull).
    pub fn max_queue(self, calls: usize) -> Self {
        Builder { max_queue: calls, ..self }
    }

    /// How long a worker may take to be ready (30 s). It is killed then, and another is started.
    pub fn start_timeout(self, timeout: Duration) -> Self {
        Builder { start_timeout: timeout, ..self }
    }

    /// How long a worker has to react to a cancelled call, or to being asked to end (5 s). It is killed
    /// then, and replaced.
    pub fn grace(self, grace: Duration) -> Self {
        Builder { grace, ..self }
    }

    /// What the workers can call: the methods of a service, which is not run otherwise.
    pub fn service(self, service: Service) -> Self {
        Builder { service: Arc::new(service), ..self }
    }

    /// Starts the workers. Calls may be made at once, and wait until one is ready.
    ///
    /// # Errors
    /// [`Error::Spawn`] if the file is neither a script nor a program. If a worker does not start,
    /// [`Pool::ready`] and calls return the error.
    ///
    /// # Panics
    /// Outside of a runtime, and in one without I/O or time.
    #[track_caller]
    pub fn start(mut self) -> Result<Pool, Error> {
        // Panics outside of one, at our caller's place.
        let runtime = Handle::current();
        if let Start::Path(path) = &self.worker {
            self.worker = told_by_what_it_is(path)
                .map_err(|reason| Error::Spawn { program: path.to_string_lossy().into_owned(), reason })?;
        }
        let size = self.size.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
        Ok(Pool::start(&runtime, Shared::new(self, size)))
    }

    /// Starts one worker.
    pub(super) fn spawn(&self) -> Result<Child, Error> {
        match &self.worker {
            Start::Fork(fork) => Fork::clone(fork).kill_on_drop().spawn(),
            Start::Command(command) => Command::clone(command).kill_on_drop().spawn_with_channel(CHANNEL),
            Start::Path(path) => Fork::new(path).kill_on_drop().spawn(),
        }
    }
}

/// Where the channel is in a worker.
const CHANNEL: usize = 3;

/// A script is told by its name, a program by its permissions.
fn told_by_what_it_is(path: &OsStr) -> io::Result<Start> {
    const SCRIPTS: [&str; 6] = ["js", "cjs", "mjs", "ts", "cts", "mts"];
    let what = Path::new(path);
    let extension = what.extension().and_then(OsStr::to_str).unwrap_or_default();
    if SCRIPTS.contains(&extension) {
        return Ok(Start::Fork(Box::new(Fork::new(path).serialization(Serialization::Advanced))));
    }
    let found = fs::metadata(what)?;
    if found.is_file() && found.permissions().mode() & 0o111 != 0 {
        return Ok(Start::Command(Box::new(Command::new(path).serialization(Serialization::Advanced))));
    }
    let why = "it is neither a script, by its name, nor a program that can be executed: say which with \
               Pool::fork or Pool::command";
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("pool::Builder").field("size", &self.size).finish_non_exhaustive()
    }
}
