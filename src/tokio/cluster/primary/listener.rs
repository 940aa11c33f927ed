//! A socket from which the primary accepts, and the task that does.
//!
//! Under load no worker is free most of the time, and then connections can as well wait in the
//! kernel: to be woken by each of them would cost as much as all the rest. So nobody watches the
//! socket as long as some wait here already.
//!
//! ```text
//!            some wait here, and there is one more
//!    Watched -----------------------------------> Looking <-----------------+
//!     ^  ^                                         | |  |                   |
//!     |  +--- no more are there, and none waits ---+ |  +-- too many --> Paused
//!     |                                              |                      ^
//!     |           no more are there, but some wait   v                      |
//!     +---- for a while ------------------------- Resting --- too many -----+
//!                                                    |
//!                                                    +-- none waits any more --> Looking
//! ```

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep};

use super::state::Cluster;
use crate::proto::cluster::primary::{AcceptDemand, ServerId};
use crate::sys::{reactor, server};

/// How long nobody watches while workers are busy. No more clients come in this time than the
/// kernel has room for.
const REST: Duration = Duration::from_millis(20);

/// How long to wait when this process has no descriptor free for a connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

pub(super) struct Listener {
    socket: Arc<OwnedFd>,
    /// Nobody else had it before.
    is_ours: bool,
    /// Its clients can wait in the kernel for a while.
    is_patient: bool,
    watch: Watch,
    /// Rings at the end of a rest, or before: not each rest sets it anew, for that costs a system call.
    alarm: Pin<Box<Sleep>>,
    /// The task, while it waits for more demand.
    waiting: Option<Waker>,
    task: Option<AbortHandle>,
}

/// How we come to know of connections.
enum Watch {
    /// The reactor tells.
    Watched(AsyncFd<Arc<OwnedFd>>),
    /// We look, until there is none.
    Looking,
    /// We don't, until then.
    Resting(Instant),
    /// We don't want to know.
    Paused,
}

impl Listener {
    /// To be called in a runtime.
    pub(super) fn new(socket: OwnedFd, is_ours: bool, is_patient: bool) -> io::Result<Self> {
        let socket = Arc::new(socket);
        let watch = Watch::of(&socket)?;
        let alarm = Box::pin(tokio::time::sleep(REST));
        Ok(Listener { socket, is_ours, is_patient, watch, alarm, waiting: None, task: None })
    }

    /// This task accepts from it, and ends with it.
    pub(super) fn served_by(&mut self, task: AbortHandle) {
        self.task = Some(task);
    }

    /// Accepts once.
    pub(super) fn poll_accept(
        &mut self,
        demand: AcceptDemand,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<OwnedFd>> {
        let rests = demand == AcceptDemand::Low && self.is_patient;
        loop {
            match &mut self.watch {
                Watch::Paused if demand < AcceptDemand::None => self.watch = Watch::Looking,
                _ if demand == AcceptDemand::None => {
                    self.watch = Watch::Paused;
                    return self.wait(cx);
                }
                Watch::Watched(watched) => {
                    let mut guard = ready!(watched.poll_read_ready(cx))?;
                    if rests {
                        self.watch = Watch::Looking;
                        continue;
                    }
                    match server::accept(self.socket.as_fd()) {
                        Err(e) if e.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                        accepted => return Poll::Ready(accepted),
                    }
                }
                Watch::Looking => match server::accept(self.socket.as_fd()) {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock && rests => {
                        self.watch = Watch::Resting(Instant::now() + REST);
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.watch = Watch::of(&self.socket)?,
                    accepted => return Poll::Ready(accepted),
                },
                Watch::Resting(end) if rests => {
                    if self.alarm.is_elapsed() {
                        self.alarm.as_mut().reset(*end);
                    }
                    if self.alarm.as_mut().poll(cx).is_pending() {
                        return self.wait(cx);
                    }
                    if *end <= Instant::now() {
                        self.watch = Watch::of(&self.socket)?;
                    }
                }
                Watch::Resting(_) | Watch::Paused => self.watch = Watch::Looking,
            }
        }
    }

    /// [`resume`](Self::resume) will wake the task.
    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The demand has grown.
    pub(super) fn resume(&mut self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

impl Watch {
    /// What has come before is told of too.
    fn of(socket: &Arc<OwnedFd>) -> io::Result<Self> {
        Ok(Watch::Watched(reactor::register(socket.clone(), Interest::READABLE)?))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        // At once, so that who asks for the same address next can have it.
        if self.is_ours {
            server::stop(self.socket.as_fd());
        }
    }
}

/// Accepts connections as long as the server is there. Does not keep the cluster alive.
pub(super) async fn accept(cluster: Weak<Cluster>, server: ServerId) {
    loop {
        let batch = std::future::poll_fn(|cx| match cluster.upgrade() {
            Some(cluster) => cluster.poll_accept(server, cx),
            None => Poll::Ready(None),
        });
        match batch.await {
            None => return,
            // There may be more: others come first.
            Some(Ok(())) => tokio::task::yield_now().await,
            // No descriptors, or no memory: whatever it is, it would be the same again at once.
            Some(Err(_)) => tokio::time::sleep(EXHAUSTED).await,
        }
    }
}
