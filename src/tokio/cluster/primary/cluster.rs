//! The cluster behind a [`Primary`](super::Primary): the machine, and the tasks that feed it. `actions`
//! does what the machine wants.
//!
//! All tasks come here, one at a time. A channel's lock is taken under this one, never the other
//! way round.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;

#[cfg(feature = "calls")]
use super::calls::CallsEnd;
use super::delays::{Answer, Delays};
#[cfg(feature = "cli")]
use super::direct::{self, Direct};
use super::event::{Event, Events};
use super::forked_worker::{Commands, ForkedWorker};
use super::server_socket::ServerSocket;
use super::settings::Settings;
use crate::driver::link::primary::LinkEvent;
use crate::error::Error;
use crate::process::Signal;
use crate::proto::cluster::primary::{self, Balance, ServerId, WorkerId};

/// How many connections are accepted before others come to the lock.
const BATCH: usize = 16;

/// How many are accepted at most before a server stops: as many as the kernel has room for by default. Clients
/// cannot hold up the stop.
const LAST: usize = 4096;

/// How long to wait when this process has no descriptor free for a connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

pub(super) struct Cluster {
    pub(super) events: Events,
    settings: Mutex<Arc<Settings>>,
    state: Mutex<ClusterState>,
    /// The runtime of the tasks.
    pub(super) runtime: Handle,
    pub(super) rebinds_paths: bool,
    pub(super) me: Weak<Cluster>,
}

pub(super) struct ClusterState {
    pub(super) machine: primary::PrimaryMachine<OwnedFd>,
    pub(super) workers: BTreeMap<WorkerId, ForkedWorker>,
    pub(super) servers: BTreeMap<ServerId, ServerSocket>,
    pub(super) delays: Delays,
    last: WorkerId,
}

/// Commands.
impl Cluster {
    #[track_caller]
    pub(super) fn new(settings: Settings) -> Arc<Self> {
        let balance = settings.balance.unwrap_or_else(default_balance);
        let mut machine = primary::PrimaryMachine::new(balance, settings.keep_servers);
        let rebinds_paths = settings.rebind_paths;
        if rebinds_paths {
            machine.rebind_paths();
        }
        let state = ClusterState {
            machine,
            workers: BTreeMap::new(),
            servers: BTreeMap::new(),
            delays: Delays::default(),
            last: 0,
        };
        let runtime = Handle::current();
        // Panics here if there are no timers, and not in a task, whose worker nobody would tend then.
        drop(tokio::time::sleep(Duration::ZERO));
        Arc::new_cyclic(|me| Cluster {
            events: Events::new(),
            settings: Mutex::new(Arc::new(settings)),
            state: Mutex::new(state),
            runtime,
            rebinds_paths,
            me: me.clone(),
        })
    }

    pub(super) fn set_up(&self, settings: Settings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    pub(super) fn fork(&self, env: Vec<(OsString, OsString)>) -> Result<ForkedWorker, Error> {
        let id = {
            let mut state = self.lock();
            state.last += 1;
            state.last
        };
        let _inside = self.runtime.enter();
        let me = self.me.clone();
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let worker = ForkedWorker::new(id, settings.spawn(id, env)?, me.clone());
        {
            let mut state = self.lock();
            state.machine.add_worker(id);
            state.workers.insert(id, worker.clone());
        }
        self.events.push(Event::Fork { worker: worker.clone() });
        self.runtime.spawn(tend(me, worker.clone()));
        self.runtime.spawn(worker.clone().reap());
        Ok(worker)
    }

    pub(super) fn worker(&self, id: WorkerId) -> Option<ForkedWorker> {
        self.lock().workers.get(&id).cloned()
    }

    pub(super) fn workers(&self) -> Vec<ForkedWorker> {
        self.lock().workers.values().cloned().collect()
    }

    /// Accepts what has come before, and closes the sockets. The servers stay, and what was accepted goes to workers.
    pub(super) fn stop_accepting(&self) {
        let mut state = self.lock();
        let ids: Vec<ServerId> = state.servers.keys().copied().collect();
        for id in ids {
            let ClusterState { servers, machine, .. } = &mut *state;
            let Some(listener) = servers.get_mut(&id).and_then(ServerSocket::listener) else {
                continue;
            };
            // Until there is none, or no descriptor is free for it.
            for connection in std::iter::from_fn(|| listener.accept().ok()).take(LAST) {
                machine.handle_connection(id, connection);
            }
            machine.hand_out(id);
            servers.remove(&id);
        }
        self.perform(&mut state);
    }

    pub(super) fn close_unused(&self) {
        let mut state = self.lock();
        state.machine.close_unused();
        self.perform(&mut state);
    }
}

/// What a worker asks of its cluster.
impl Commands for Cluster {
    fn disconnect(&self, id: WorkerId) {
        let mut state = self.lock();
        state.machine.disconnect(id);
        self.perform(&mut state);
    }

    fn ask(&self, id: WorkerId) -> Option<Answer> {
        let mut state = self.lock();
        let answer = state.machine.ask(id).then(|| state.delays.ask(id));
        self.perform(&mut state);
        answer
    }

    #[cfg(feature = "cli")]
    fn connect(&self, id: WorkerId, port: Option<u16>) -> io::Result<Direct> {
        let mut state = self.lock();
        let (server, transport) = state.machine.server_of(id, port).ok_or(io::ErrorKind::NotFound)?;
        let _inside = self.runtime.enter();
        let (ours, its) = direct::pair(transport)?;
        state.machine.connect(id, server, its);
        self.perform(&mut state);
        Ok(ours)
    }

    fn retire(&self, id: WorkerId) {
        let mut state = self.lock();
        state.machine.retire(id);
        self.perform(&mut state);
    }

    fn resume(&self, id: WorkerId) {
        let mut state = self.lock();
        state.machine.resume(id);
        self.perform(&mut state);
    }
}

/// What happens.
impl Cluster {
    /// Something has happened on the link to a worker.
    fn handle(&self, worker: &ForkedWorker, events: Vec<LinkEvent>) {
        let mut state = self.lock();
        for event in events {
            match event {
                LinkEvent::Cluster(message) => state.machine.handle_message(worker.id(), message),
                LinkEvent::Returned(returned) => state.returned(worker.id(), returned),
                LinkEvent::Message(message) => {
                    self.events.push(Event::Message { worker: worker.clone(), message });
                }
                LinkEvent::Invalid(error) => self.events.push(Event::Error { worker: worker.clone(), error }),
                LinkEvent::Disconnected(error) => {
                    if let Some(error) = error {
                        self.events.push(Event::Error { worker: worker.clone(), error });
                    }
                    worker.set_may_have_served(state.machine.may_have_served(worker.id()));
                    state.machine.remove_worker(worker.id());
                    state.delays.forget(worker.id());
                    self.rebind_unreachable(&mut state);
                    self.events.push(Event::Disconnect { worker: worker.clone() });
                }
            }
            self.perform(&mut state);
        }
    }

    /// Accepts some connections; `None` if the server is closed.
    fn poll_accept(&self, id: ServerId, cx: &mut Context<'_>) -> Poll<Option<io::Result<()>>> {
        let mut guard = self.lock();
        for _ in 0..BATCH {
            let state = &mut *guard;
            let listener = state.servers.get_mut(&id).and_then(ServerSocket::listener);
            let Some(listener) = listener.filter(|listener| listener.is_served_here()) else {
                return Poll::Ready(None);
            };
            let demand = state.machine.accept_demand(id);
            match std::task::ready!(listener.poll_accept(demand, cx)) {
                Ok(connection) => state.machine.handle_connection(id, connection),
                Err(e) => return Poll::Ready(Some(Err(e))),
            }
            self.perform(state);
        }
        Poll::Ready(Some(Ok(())))
    }

    pub(super) fn pause_over(&self, server: ServerId) {
        let mut state = self.lock();
        state.machine.handle_pause_over(server);
        self.perform(&mut state);
    }

    fn lock(&self) -> MutexGuard<'_, ClusterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Users may still have them, and must see that the cluster is gone.
        for worker in self.workers() {
            worker.channel().close();
        }
    }
}

/// What happens to a worker, from its start to its exit. Does not keep the cluster alive.
async fn tend(cluster: Weak<Cluster>, worker: ForkedWorker) {
    let mut is_over = false;
    #[cfg(feature = "calls")]
    let calls_end = CallsEnd(worker.clone());
    while !is_over {
        let events = worker.link_events().await;
        #[cfg(feature = "calls")]
        let events = worker.without_calls(events);
        let Some(cluster) = cluster.upgrade() else {
            return;
        };
        is_over = events.iter().any(|event| matches!(event, LinkEvent::Disconnected(_)));
        cluster.handle(&worker, events);
    }
    #[cfg(feature = "calls")]
    drop(calls_end);
    let status = worker.exited().await;
    if let Some(cluster) = cluster.upgrade() {
        let code = status.and_then(|status| status.code());
        let signal = status.and_then(|status| status.signal()).and_then(Signal::from_number);
        let mut state = cluster.lock();
        state.workers.remove(&worker.id());
        cluster.rebind_unreachable(&mut state);
        drop(state);
        cluster.events.push(Event::Exit { worker, code, signal });
    }
}

/// Accepts connections as long as the server is there. Does not keep the cluster alive.
pub(super) async fn accept_connections(cluster: Weak<Cluster>, server: ServerId) {
    loop {
        let batch = poll_fn(|cx| match cluster.upgrade() {
            Some(cluster) => cluster.poll_accept(server, cx),
            None => Poll::Ready(None),
        });
        match batch.await {
            None => return,
            // There may be more: others come first.
            Some(Ok(())) => tokio::task::yield_now().await,
            // No descriptor or no memory is free: trying again at once would fail again.
            Some(Err(_)) => tokio::time::sleep(EXHAUSTED).await,
        }
    }
}

/// Node's default.
fn default_balance() -> Balance {
    match std::env::var_os("NODE_CLUSTER_SCHED_POLICY") {
        Some(policy) if policy == "none" => Balance::Shared,
        _ => Balance::RoundRobin,
    }
}
