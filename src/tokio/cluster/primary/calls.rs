//! Calls between a primary and one of its workers. They are taken out of the worker's messages before these become
//! events; the messages of the cluster pass as ever.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use super::forked_worker::ForkedWorker;
use crate::driver::calls::{Core, GoneOnDrop};
use crate::driver::link::Link;
use crate::driver::link::primary::LinkEvent;
use crate::error::Error;
use crate::message::Message;
use crate::tokio::service::Running;
use crate::tokio::{Peer, Service};

/// What the calls of a worker go to.
pub(super) struct WorkerCalls {
    running: Arc<Running>,
    /// So much waits to begin that nothing is read from the worker.
    is_held: Arc<AtomicBool>,
}

impl Service {
    /// Connects this process with a worker of its cluster: calls the worker's methods, and carries out what it calls,
    /// as [`connect`](Self::connect) does over a channel. Call it right after
    /// [`fork`](super::Primary::fork), before the worker can have sent anything. What the worker has sent before is an
    /// event.
    ///
    /// ```no_run
    /// use crossfork::calls::RpcError;
    /// use crossfork::tokio::cluster::Primary;
    /// use crossfork::tokio::{Context, Service};
    ///
    /// async fn visits((): (), _: Context) -> Result<u64, RpcError> {
    ///     Ok(42)
    /// }
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// // In Node: connectCalls(process, { methods: { load: () => loadavg()[0] } })
    /// let primary = Primary::builder("server.mjs").start();
    /// let worker = primary.fork()?;
    /// let peer = Service::new().method("visits", visits).connect_worker(&worker)?;
    /// let load: f64 = peer.call("load", &()).await?;
    /// # let _ = load;
    /// # Ok(()) }
    /// ```
    ///
    /// Messages that are no calls stay events of the primary ([`Event::Message`](super::Event::Message)), in their
    /// order, and [`on_message`](Self::on_message) does not get them. As without calls, a worker is not read while too
    /// many of its events wait to be taken: go on to call [`next`](super::Primary::next).
    ///
    /// The calls end with the worker's channel. Dropping the peer ends nothing. [`Peer::close`] ends the calls, and asks
    /// the worker to shut down gracefully, as [`ForkedWorker::disconnect`] does.
    ///
    /// # Errors
    /// [`SendError::HasCalls`](crate::SendError::HasCalls) if a service is connected to this worker already.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect_worker(self, worker: &ForkedWorker) -> Result<Peer, Error> {
        worker.channel().with_link(Link::claim_calls)?;
        let core = self.core(worker.channel());
        let running = Running::new(self, core.clone());
        ::tokio::spawn(stay_with(worker.clone(), running.clone()));
        worker.set_calls(WorkerCalls { running, is_held: Arc::default() });
        // Its end may have been seen before there were calls.
        if !worker.is_connected() {
            core.end();
        }
        Ok(Peer::new(core))
    }
}

/// Prepares the service, and writes what there is for the worker.
async fn stay_with(worker: ForkedWorker, running: Arc<Running>) {
    let _gone = GoneOnDrop(running.core.clone());
    let start = async {
        let started = running.start().await;
        if started.is_err() {
            worker.disconnect();
        }
        started
    };
    let write = async {
        if running.write_all(worker.channel()).await {
            worker.disconnect();
            // It goes on to send until it has left.
            poll_fn(|cx| running.core.poll_over(cx)).await;
        }
    };
    let (started, ()) = ::tokio::join!(start, write);
    poll_fn(|cx| running.core.poll_idle(cx)).await;
    running.tear_down().await;
    running.core.gone(started);
}

impl WorkerCalls {
    pub(super) fn core(&self) -> &Core {
        &self.running.core
    }

    /// Takes what is a call, or about one.
    fn take(&self, message: Message, worker: &ForkedWorker) -> Option<Message> {
        let other = self.running.core.receive(message);
        if other.is_none() {
            self.running.dispatch();
            self.hold_if_full(worker);
        }
        other
    }

    /// Reads nothing from the worker while too much of it waits to begin.
    fn hold_if_full(&self, worker: &ForkedWorker) {
        let core = &self.running.core;
        // In this order: while it is held, another waits for it to be read.
        if self.is_held.load(Ordering::Acquire)
            || core.poll_reading(&mut Context::from_waker(Waker::noop())).is_ready()
        {
            return;
        }
        self.is_held.store(true, Ordering::Release);
        worker.hold();
        let (core, worker, is_held) = (core.clone(), worker.clone(), self.is_held.clone());
        ::tokio::spawn(async move {
            ::tokio::select! {
                () = poll_fn(|cx| core.poll_reading(cx)) => {}
                // Nobody waits for answers any more, and its last messages are to be read.
                _ = worker.exited() => core.end(),
            }
            is_held.store(false, Ordering::Release);
            worker.release();
        });
    }
}

impl ForkedWorker {
    /// What has happened that is no call.
    pub(super) fn without_calls(&self, events: Vec<LinkEvent>) -> Vec<LinkEvent> {
        let Some(calls) = self.calls() else {
            return events;
        };
        let other = |event| match event {
            LinkEvent::Message(message) => calls.take(message, self).map(LinkEvent::Message),
            event => Some(event),
        };
        events.into_iter().filter_map(other).collect()
    }
}

/// Ends the calls of a worker when nobody reads from it any more.
pub(super) struct CallsEnd(pub(super) ForkedWorker);

impl Drop for CallsEnd {
    fn drop(&mut self) {
        if let Some(calls) = self.0.calls() {
            calls.core().end();
        }
    }
}
