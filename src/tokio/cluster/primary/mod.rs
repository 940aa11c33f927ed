//! [`Primary`]: Node's `cluster` in a primary.

mod actions;
mod address;
#[cfg(feature = "calls")]
mod calls;
mod cluster;
mod delays;
#[cfg(feature = "cli")]
mod direct;
mod event;
mod forked_worker;
mod listener;
mod server_socket;
mod settings;
mod unix_path;

#[cfg(feature = "cli")]
pub(crate) use direct::Direct;
pub use event::{Address, Event};
pub use forked_worker::ForkedWorker;
pub use settings::Settings;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::sync::Arc;

use cluster::Cluster;

use crate::error::Error;
use crate::proto::cluster::primary::WorkerId;

/// The primary of a cluster: it starts workers, listens for them, and hands them connections.
///
/// It is cheap to clone. Its own tasks hand out connections, on the runtime that it was started in.
/// Call [`next`](Self::next) all the time, even if the events do not matter. When some hundred messages
/// of a worker wait to be taken, the primary stops reading from that worker. The worker then gets no
/// connections until they are taken.
///
/// Dropping the last clone closes all servers and channels. It kills no process: a Node worker that
/// loses its primary exits by itself, at once ([CLU-19](crate::protocol#CLU-19)).
///
/// This differs from Node in four ways:
///
/// - A connection that no worker has accepted is not lost when the worker exits that it was offered to.
/// - A connection that a worker has refused is offered to another worker. When all have refused, it is
///   offered again after a pause, not at once.
/// - An address that cannot be bound is always reported to the worker.
/// - One worker cannot answer for another.
///
/// ```no_run
/// use crossfork::tokio::cluster::{Event, Primary};
///
/// # async fn example() -> Result<(), crossfork::Error> {
/// let primary = Primary::builder("server.js").env("NODE_ENV", "production").start();
/// for _ in 0..4 {
///     primary.fork()?;
/// }
/// while let Some(event) = primary.next().await {
///     match event {
///         Event::Listening { worker, address } => println!("worker {} listens on {address}", worker.id()),
///         Event::Exit { worker, .. } if !worker.exited_after_disconnect() => drop(primary.fork()?),
///         _ => {}
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Primary(Arc<Cluster>);

impl Primary {
    /// Uses a Node module as the worker: a path that Node understands, relative to the workers'
    /// working directory.
    pub fn builder(module: impl AsRef<OsStr>) -> Settings {
        Settings::module(module.as_ref())
    }

    /// Uses a standalone executable as the worker: one that speaks the protocol of a cluster's worker.
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

    /// Starts a worker with these environment variables, besides those of the settings.
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

    /// The worker of this number, until it has exited. (Node also forgets a worker that it has asked
    /// to disconnect.)
    pub fn worker(&self, id: WorkerId) -> Option<ForkedWorker> {
        self.0.worker(id)
    }

    /// All workers that have not exited, in the order of their numbers.
    pub fn workers(&self) -> Vec<ForkedWorker> {
        self.0.workers()
    }

    /// Shuts the cluster down gracefully: closes the servers, gives connections that have come before to workers, and
    /// asks all workers to disconnect ([CLU-18](crate::protocol#CLU-18)). [`next`](Self::next) gives `None` when all workers have exited.
    pub fn disconnect(&self) {
        self.stop_accepting();
        for worker in self.workers() {
            worker.disconnect();
        }
        self.close_unused_servers();
        self.0.events.end();
    }

    /// Closes the sockets from which the primary accepts. Connections that have come before go to workers, ahead of all
    /// that these are told later.
    pub(crate) fn stop_accepting(&self) {
        self.0.stop_accepting();
    }

    /// Closes the servers on which no worker listens. There are such servers only with
    /// [`Settings::keep_servers`]. Clients that wait to be accepted are disconnected.
    pub fn close_unused_servers(&self) {
        self.0.close_unused();
    }

    /// Waits for the next event. After a [`disconnect`](Self::disconnect) it gives `None` when no
    /// worker is left. Several tasks may call it: each event is given once.
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
