//! [`ForkedWorker`]: a worker as its primary sees it, and the tasks that tend to it.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde::Serialize;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;

use super::event::Event;
use super::state::Cluster;
use crate::driver::link::Link;
use crate::driver::link::primary::News;
use crate::error::Error;
use crate::handle::{IntoOutgoing, Unsent};
use crate::process::Signal;
use crate::proto::cluster::primary::WorkerId;
use crate::tokio::{Channel, Child, Process};

/// How much a worker's events may cost before it is not read any more, until some are taken.
const MOST: usize = 256;

/// A worker, as its primary sees it: Node's `cluster.Worker`.
///
/// It is cheap to clone, and does not keep the cluster alive. Kept beyond the worker's end, it keeps
/// two descriptors.
#[derive(Clone)]
pub struct ForkedWorker(Arc<Forked>);

struct Forked {
    id: WorkerId,
    pid: u32,
    channel: Channel,
    process: Mutex<Process>,
    /// How the process ended; nobody knows if somebody else in this process has waited for it.
    ended: watch::Sender<Option<Option<ExitStatus>>>,
    /// Its end is voluntary.
    leaving: AtomicBool,
    /// What its events cost that nobody has taken.
    debt: AtomicUsize,
    cluster: Weak<Cluster>,
}

impl ForkedWorker {
    /// Its number among the workers of its primary, from 1.
    pub fn id(&self) -> WorkerId {
        self.0.id
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// Sends it a message: see [`Channel::send`].
    ///
    /// # Errors
    /// As [`Channel::send`].
    ///
    /// # Cancel safety
    /// As [`Channel::send`].
    pub async fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.0.channel.send(message).await
    }

    /// Sends it a message with a handle: see [`Channel::send_handle`].
    ///
    /// # Errors
    /// As [`Channel::send_handle`].
    ///
    /// # Cancel safety
    /// As [`Channel::send_handle`].
    pub async fn send_handle<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: impl IntoOutgoing,
    ) -> Result<(), Unsent> {
        self.0.channel.send_handle(message, handle).await
    }

    /// Gives it no more connections from now on, without a word: it goes on with those that it has.
    /// Some time before a [`disconnect`](Self::disconnect), for an HTTP server of Node 26 closes what
    /// has not brought a request yet. Under [`Balance::Shared`](crate::tokio::cluster::Balance) workers accept by
    /// themselves, and nothing happens.
    pub fn retire(&self) {
        if let Some(cluster) = self.0.cluster.upgrade() {
            cluster.retire(self.0.id);
        }
    }

    /// Gives it connections again, after a [`retire`](Self::retire): a worker that is retired when it is forked
    /// gets none until it says, in words of its own, that it can serve them.
    pub fn resume(&self) {
        if let Some(cluster) = self.0.cluster.upgrade() {
            cluster.resume(self.0.id);
        }
    }

    /// Asks it to end: it gets no more connections, closes its servers, finishes what it is doing,
    /// and disconnects (CLU-18). Nothing happens if it was asked before, or is gone.
    pub fn disconnect(&self) {
        if let Some(cluster) = self.0.cluster.upgrade()
            && self.is_connected()
        {
            self.set_leaving();
            cluster.disconnect(self.0.id);
        }
    }

    /// Sends it a signal, and nobody else; false if its process has ended, when nothing is sent.
    ///
    /// # Errors
    /// If it runs as another user now.
    pub fn kill(&self, signal: Signal) -> io::Result<bool> {
        self.process().kill(signal)
    }

    /// Sends a signal to its process group: to it, and to what it has started. False if its process has
    /// ended, when nothing is sent. For workers that lead a group, because the settings have
    /// [`own_process_group`](super::Settings::own_process_group) or
    /// [`detached`](super::Settings::detached).
    ///
    /// # Errors
    /// If the worker leads no group, or all in the group run as another user now.
    pub fn kill_group(&self, signal: Signal) -> io::Result<bool> {
        self.process().kill_group(signal)
    }

    /// Whether messages can still be sent.
    pub fn is_connected(&self) -> bool {
        self.0.channel.is_connected()
    }

    /// Whether its process has ended.
    pub fn is_dead(&self) -> bool {
        self.0.ended.borrow().is_some()
    }

    /// Whether its end is voluntary, to come or past: it said so, or was asked to end (CLU-21).
    pub fn exited_after_disconnect(&self) -> bool {
        self.0.leaving.load(Ordering::Relaxed)
    }

    /// Takes what it reads from, if that was to be a pipe.
    pub fn take_stdin(&self) -> Option<ChildStdin> {
        self.process().stdin.take()
    }

    /// Takes what it writes to, if that was to be a pipe.
    pub fn take_stdout(&self) -> Option<ChildStdout> {
        self.process().stdout.take()
    }

    /// Takes what it writes errors to, if that was to be a pipe.
    pub fn take_stderr(&self) -> Option<ChildStderr> {
        self.process().stderr.take()
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.0.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for ForkedWorker {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ForkedWorker {}

impl fmt::Debug for ForkedWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkedWorker")
            .field("id", &self.0.id)
            .field("pid", &self.0.pid)
            .finish_non_exhaustive()
    }
}

/// For the cluster.
impl ForkedWorker {
    pub(super) fn new(id: WorkerId, child: Child, cluster: Weak<Cluster>) -> Self {
        let Child { process, channel } = child;
        channel.lead();
        ForkedWorker(Arc::new(Forked {
            id,
            pid: process.id(),
            channel,
            process: Mutex::new(process),
            ended: watch::Sender::new(None),
            leaving: AtomicBool::new(false),
            debt: AtomicUsize::new(0),
            cluster,
        }))
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.0.channel
    }

    pub(super) fn set_leaving(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
    }

    /// An event of this cost waits.
    pub(super) fn owes(&self, cost: usize) {
        if cost > 0 && self.0.debt.fetch_add(cost, Ordering::Relaxed) + cost >= MOST {
            self.settle();
        }
    }

    /// It was taken.
    pub(super) fn paid(&self, cost: usize) {
        if cost > 0 && self.0.debt.fetch_sub(cost, Ordering::Relaxed) >= MOST {
            self.settle();
        }
    }

    /// Looks under the channel's lock, so that of two calls at once the later one sees it all.
    fn settle(&self) {
        self.0.channel.hold_back(|| self.0.debt.load(Ordering::Relaxed) >= MOST);
    }
}

/// What becomes of a worker, from its start to its end. Does not keep the cluster alive.
pub(super) async fn tend(worker: ForkedWorker) {
    let mut over = false;
    while !over {
        let news = worker.0.channel.news().await;
        let Some(cluster) = worker.0.cluster.upgrade() else {
            return;
        };
        over = news.iter().any(|news| matches!(news, News::Over(_)));
        cluster.handle(&worker, news.into_iter());
    }
    let mut ended = worker.0.ended.subscribe();
    // Cannot fail, for the worker is here.
    let status = ended.wait_for(Option::is_some).await.ok().and_then(|status| *status);
    if let (Some(cluster), Some(status)) = (worker.0.cluster.upgrade(), status) {
        let code = status.and_then(|status| status.code());
        let signal = status.and_then(|status| status.signal()).and_then(Signal::from_number);
        cluster.forget(worker.id());
        cluster.events.push(Event::Exit { worker, code, signal });
    }
}

/// Waits for the end of its process, and for nothing else, so that it is noticed whatever the
/// state of its channel.
pub(super) async fn reap(worker: ForkedWorker) {
    let status = poll_fn(|cx| {
        let process = worker.process();
        // Begun anew each time, so that the lock is not kept.
        pin!(process.wait()).poll(cx)
    })
    .await;
    worker.0.ended.send_replace(Some(status.ok()));
    worker.0.channel.with_link(Link::bury);
}
