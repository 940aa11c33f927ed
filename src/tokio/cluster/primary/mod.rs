//! [`Primary`]: Node's `cluster` in a primary.

mod address;
mod event;
mod forked_worker;
mod listener;
mod server;
mod settings;
mod state;

pub use event::{Address, Event};
pub use forked_worker::ForkedWorker;
pub use settings::Settings;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::sync::Arc;

use state::Cluster;

use crate::error::Error;
use crate::proto::cluster::primary::WorkerId;

/// The primary of a cluster: it starts workers, listens for them, and hands them connections.
///
/// It is cheap to clone. Tasks of its own hand out connections, on the runtime that it was started
/// in. [`next`](Self::next) is to be called all the time, whether or not the events matter: a worker
/// of which some hundred messages wait to be taken is not heard, and gets no connections until they
/// are.
///
/// The last clone closes all servers and channels. It kills nobody: a Node worker that loses its
/// primary exits by itself, at once (CLU-19).
///
/// Where this differs from Node: a connection that no worker has accepted is not lost with the
/// worker to whom it was offered; a connection that was refused is offered to another worker, and
/// after a pause, not again at once; an address that cannot be had is always reported as such; and
/// one worker cannot answer for another.
#[derive(Clone)]
pub struct Primary(Arc<Cluster>);

impl Primary {
    /// For workers that are a Node module: a path that Node understands, relative to their working
    /// directory.
    pub fn builder(module: impl AsRef<OsStr>) -> Settings {
        Settings::module(module.as_ref())
    }

    /// For workers that are a program of their own which can be a worker of a cluster.
    pub fn program(program: impl AsRef<OsStr>) -> Settings {
        Settings::program(program.as_ref())
    }

    #[track_caller]
    pub(super) fn new(settings: Settings) -> Self {
        Primary(Cluster::new(settings))
    }

    /// Changes what workers are from the next [`fork`](Self::fork) on: Node's `cluster.setupPrimary`, called
    /// again. How connections are given out, and whether servers are kept, stays as it was at the start.
    pub fn set_up(&self, settings: Settings) {
        self.0.set_up(settings);
    }

    /// Starts a worker.
    ///
    /// # Errors
    /// [`Error::Spawn`], which names the program.
    pub fn fork(&self) -> Result<ForkedWorker, Error> {
        self.0.fork(Vec::new())
    }

    /// Starts a worker with these variables in its environment, besides those of the settings.
    ///
    /// # Errors
    /// As [`fork`](Self::fork).
    pub fn fork_with<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &self,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Result<ForkedWorker, Error> {
        let env = env.into_iter();
        let own = |text: &OsStr| -> OsString { text.to_owned() };
        self.0.fork(env.map(|(name, value)| (own(name.as_ref()), own(value.as_ref()))).collect())
    }

    /// The worker of this number, unless it has exited. (Node also forgets a worker that it has
    /// asked to disconnect.)
    pub fn worker(&self, id: WorkerId) -> Option<ForkedWorker> {
        self.0.worker(id)
    }

    /// All workers that have not exited, in the order of their numbers.
    pub fn workers(&self) -> Vec<ForkedWorker> {
        self.0.workers()
    }

    /// Asks all workers to end (CLU-18), and closes the servers. [`next`](Self::next) gives `None`
    /// when all are gone.
    pub fn disconnect(&self) {
        for worker in self.workers() {
            worker.disconnect();
        }
        self.close_unused_servers();
        self.0.events.end();
    }

    /// Closes the servers on which no worker listens, of which there are some only with
    /// [`Settings::keep_servers`]. Clients that wait for them are refused.
    pub fn close_unused_servers(&self) {
        self.0.close_unused();
    }

    /// Waits for the next event; `None` when, after a [`disconnect`](Self::disconnect), no worker
    /// is left. It may be called from several tasks: each event is given once.
    ///
    /// # Cancel safety
    /// No event is lost if the future is dropped: the next call gives it.
    pub async fn next(&self) -> Option<Event> {
        self.0.events.next().await
    }
}

impl fmt::Debug for Primary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("cluster::Primary").field("workers", &self.workers()).finish_non_exhaustive()
    }
}
