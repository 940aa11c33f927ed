//! [`ForkedWorker`]: a worker as its primary sees it.

mod backpressure;

use std::fmt;
use std::io;
use std::process::ExitStatus;
#[cfg(feature = "calls")]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::Serialize;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;

#[cfg(feature = "calls")]
use super::calls::WorkerCalls;
use super::delays::Answer;
#[cfg(feature = "cli")]
use super::direct::Direct;
use crate::driver::link::Link;
use crate::driver::link::primary::LinkEvent;
use crate::error::{Error, SendError};
use crate::handle::{IntoOutgoing, Unsent};
#[cfg(feature = "cli")]
use crate::message::Payload;
use crate::process::Signal;
use crate::proto::cluster::primary::WorkerId;
use crate::tokio::{Channel, Child, Process};

/// A worker, as its primary sees it: Node's `cluster.Worker`.
///
/// It is cheap to clone, and does not keep the cluster alive. A clone that outlives the worker keeps two
/// descriptors open.
#[derive(Clone)]
pub struct ForkedWorker(Arc<Forked>);

struct Forked {
    id: WorkerId,
    pid: u32,
    channel: Channel,
    process: Process,
    streams: Mutex<Streams>,
    /// How the process has exited. The inner `None`: something else in this process has reaped it.
    ended: watch::Sender<Option<Option<ExitStatus>>>,
    /// Its exit is voluntary.
    leaving: AtomicBool,
    /// It has accepted a connection, as far as we can know. Set when it leaves, or its channel ends.
    may_have_served: AtomicBool,
    /// What its events make us keep that nobody has taken.
    unread_pages: AtomicUsize,
    #[cfg(feature = "calls")]
    calls: OnceLock<WorkerCalls>,
    cluster: Weak<dyn Commands>,
}

/// The pipes of a process that nobody has taken.
struct Streams {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

/// What a worker asks of its cluster, whose tasks it knows nothing of.
pub(super) trait Commands: Send + Sync {
    /// Asks whether its event loop runs. `None` if it cannot be asked.
    fn ask(&self, id: WorkerId) -> Option<Answer>;
    #[cfg(feature = "cli")]
    /// Connects with it, at this port or at its first server.
    fn connect(&self, id: WorkerId, port: Option<u16>) -> io::Result<Direct>;
    /// Gives it no more connections.
    fn retire(&self, id: WorkerId);
    /// Gives it connections again.
    fn resume(&self, id: WorkerId);
    /// Asks it to end.
    fn disconnect(&self, id: WorkerId);
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

    /// Measures how long its event loop takes to come to a message: below a millisecond when it is idle, and as
    /// long as the program computes without a pause otherwise. The program has no part in it. Use it to find
    /// workers that hang: put a [timeout](tokio::time::timeout) around it.
    ///
    /// A connection that is on its way to the worker serves as the question. If there is none, the worker is sent
    /// a connection for a server that does not exist, which it refuses ([CLU-13](crate::protocol#CLU-13)), and it gets no other before
    /// it has. So a worker that hangs gets no more connections while this waits, if others listen on the same
    /// address. Several calls at once ask once.
    ///
    /// In a Rust worker, the task or thread that has the channel answers, whatever others do. Do not call it for
    /// Deno, which can lose what it is sent and then seems to hang.
    ///
    /// ```no_run
    /// # async fn example(worker: crossfork::tokio::cluster::ForkedWorker) -> std::io::Result<()> {
    /// use crossfork::Signal;
    /// use std::time::Duration;
    ///
    /// match tokio::time::timeout(Duration::from_secs(10), worker.event_loop_delay()).await {
    ///     Ok(Ok(delay)) => println!("worker {}: {delay:?}", worker.id()),
    ///     Ok(Err(_)) => {} // it does not run yet, is shutting down, or is gone
    ///     Err(_) => drop(worker.kill(Signal::KILL)?), // blocked for 10 s
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] of the kind [`NotConnected`](io::ErrorKind::NotConnected) if the worker cannot be asked: it has
    /// not said that it runs ([`Event::Online`](super::Event::Online)), or is shutting down. Another
    /// [`Error::Io`] if this process has no descriptor free. [`SendError::Closed`] if the channel has ended, or
    /// ends while this waits.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped. The next call waits for the same answer.
    pub async fn event_loop_delay(&self) -> Result<Duration, Error> {
        let answer = match self.0.cluster.upgrade() {
            Some(cluster) if self.is_connected() => cluster.ask(self.0.id),
            _ => return Err(SendError::Closed.into()),
        };
        let cannot_be_asked = || {
            let why = "the worker cannot be asked: it does not run yet, or is shutting down";
            io::Error::new(io::ErrorKind::NotConnected, why)
        };
        answer.ok_or_else(cannot_be_asked)?.delay().await
    }

    /// Offers it no more connections, without telling it: it goes on with those that it has. Call this
    /// some time before [`disconnect`](Self::disconnect), because an HTTP server of Node 26 then closes
    /// connections that have not brought a request yet. Under
    /// [`Balance::Shared`](crate::tokio::cluster::Balance) workers accept by themselves, and this does
    /// nothing.
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

    /// Asks it to shut down gracefully: it gets no more connections, closes its servers, finishes what
    /// it is doing, and disconnects ([CLU-18](crate::protocol#CLU-18)). Does nothing if it was asked before, or is gone.
    pub fn disconnect(&self) {
        if let Some(cluster) = self.0.cluster.upgrade()
            && self.is_connected()
        {
            self.set_leaving();
            cluster.disconnect(self.0.id);
        }
    }

    /// Sends a signal to its process. Returns false, and sends nothing, if the process has exited.
    ///
    /// # Errors
    /// If the process runs as another user now.
    pub fn kill(&self, signal: Signal) -> io::Result<bool> {
        self.0.process.kill(signal)
    }

    /// Sends a signal to its process group: to it, and to what it has started. Returns false, and sends
    /// nothing, if the worker's process has exited. The worker must lead a group: the settings have
    /// [`own_process_group`](super::Settings::own_process_group) or
    /// [`detached`](super::Settings::detached).
    ///
    /// # Errors
    /// If the worker leads no group, or all processes of the group run as another user now.
    pub fn kill_group(&self, signal: Signal) -> io::Result<bool> {
        self.0.process.kill_group(signal)
    }

    /// Whether messages can still be sent.
    pub fn is_connected(&self) -> bool {
        self.0.channel.is_connected()
    }

    /// Whether its process has exited.
    pub fn is_dead(&self) -> bool {
        self.0.ended.borrow().is_some()
    }

    /// Whether its exit, past or to come, is voluntary: it has announced it, or was asked to disconnect
    /// ([CLU-21](crate::protocol#CLU-21)).
    pub fn exited_after_disconnect(&self) -> bool {
        self.0.leaving.load(Ordering::Relaxed)
    }

    /// Takes its standard input, if that is a pipe. Once.
    pub fn take_stdin(&self) -> Option<ChildStdin> {
        self.streams().stdin.take()
    }

    /// Takes its standard output, if that is a pipe. Once.
    pub fn take_stdout(&self) -> Option<ChildStdout> {
        self.streams().stdout.take()
    }

    /// Takes its standard error, if that is a pipe. Once.
    pub fn take_stderr(&self) -> Option<ChildStderr> {
        self.streams().stderr.take()
    }

    /// Whether it has accepted a connection, as far as the primary can know. Known from its
    /// [`Leaving`](super::Event::Leaving) or its [`Disconnect`](super::Event::Disconnect) on.
    #[cfg(feature = "cli")]
    pub(crate) fn may_have_served(&self) -> bool {
        self.0.may_have_served.load(Ordering::Relaxed)
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.0.streams.lock().unwrap_or_else(PoisonError::into_inner)
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

/// For the supervisor.
#[cfg(feature = "cli")]
impl ForkedWorker {
    /// Connects with this worker, whichever is next: over TCP at this port or at its first server, or over a Unix
    /// socket if that is its first server. Works for a worker that is retired, and for one that accepts by
    /// itself. A worker that refuses it closes it.
    ///
    /// # Errors
    /// [`Error::Io`] of the kind [`NotFound`](io::ErrorKind::NotFound) if it does not listen there. Another
    /// [`Error::Io`] if this process has no descriptor free. [`SendError::Closed`] if its channel has ended.
    pub(crate) fn connect(&self, port: Option<u16>) -> Result<Direct, Error> {
        match self.0.cluster.upgrade() {
            Some(cluster) if self.is_connected() => Ok(cluster.connect(self.0.id, port)?),
            _ => Err(SendError::Closed.into()),
        }
    }
}

/// For the cluster.
impl ForkedWorker {
    pub(super) fn new(id: WorkerId, child: Child, cluster: Weak<dyn Commands>) -> Self {
        let Child { mut process, channel } = child;
        let streams = Streams {
            stdin: process.stdin.take(),
            stdout: process.stdout.take(),
            stderr: process.stderr.take(),
        };
        channel.join_as_primary();
        ForkedWorker(Arc::new(Forked {
            id,
            pid: process.id(),
            channel,
            process,
            streams: Mutex::new(streams),
            ended: watch::Sender::new(None),
            leaving: AtomicBool::new(false),
            may_have_served: AtomicBool::new(false),
            unread_pages: AtomicUsize::new(0),
            #[cfg(feature = "calls")]
            calls: OnceLock::new(),
            cluster,
        }))
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.0.channel
    }

    /// Once.
    #[cfg(feature = "calls")]
    pub(super) fn set_calls(&self, calls: WorkerCalls) {
        let _ = self.0.calls.set(calls);
    }

    #[cfg(feature = "calls")]
    pub(super) fn calls(&self) -> Option<&WorkerCalls> {
        self.0.calls.get()
    }

    pub(super) fn set_leaving(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
    }

    pub(super) fn set_may_have_served(&self, served: bool) {
        self.0.may_have_served.fetch_or(served, Ordering::Relaxed);
    }

    /// What happens on its channel.
    pub(super) async fn link_events(&self) -> Vec<LinkEvent> {
        self.0.channel.link_events().await
    }

    /// Waits for the exit of its process, and for nothing else, so that it is noticed whatever the
    /// state of its channel.
    pub(super) async fn reap(self) {
        let status = self.0.process.wait().await;
        self.0.ended.send_replace(Some(status.ok()));
        self.0.channel.with_link(Link::on_process_exit);
    }

    /// How its process has exited, once [`reap`](Self::reap) has noticed. `None` if that is unknown.
    pub(super) async fn exited(&self) -> Option<ExitStatus> {
        let mut ended = self.0.ended.subscribe();
        // Cannot fail, for the worker is here.
        ended.wait_for(Option::is_some).await.ok().and_then(|status| *status).flatten()
    }
}

/// For `crossfork run`, which passes on messages among its workers, and must not wait for any of them.
#[cfg(feature = "cli")]
impl ForkedWorker {
    /// Makes the frame of a message that another worker has sent, for this one and all with its serialization.
    pub(crate) fn frame_of(&self, payload: &Payload) -> Result<Vec<u8>, Error> {
        self.0.channel.with_link(|link| link.encoder()).forward(payload)
    }

    /// Sends such a frame, as soon as the worker reads, unless more than `most` bytes would wait for it. Gives how
    /// many bytes wait now.
    pub(crate) fn offer_frame(&self, frame: &[u8], most: usize) -> Option<usize> {
        self.0.channel.with_link(|link| link.offer_frame(frame, most))
    }

    /// How many bytes wait for it.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.0.channel.queued_bytes()
    }
}
