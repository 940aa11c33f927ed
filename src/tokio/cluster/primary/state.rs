//! The cluster behind a [`Primary`](super::Primary): the machine, and what it wants done.
//!
//! All tasks come here, one at a time. A channel's lock is taken under this one, never the other
//! way round.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;

use super::address;
use super::event::{Event, Events};
use super::forked_worker::{self, ForkedWorker};
use super::listener;
use super::server::Server;
use super::settings::Settings;
use crate::driver::link::primary::{News, Parcel, Returned};
use crate::error::Error;
use crate::proto::cluster::primary::{self, Action, Balance, ServerId, WorkerId};
use crate::proto::cluster::{Message, Query};
use crate::wire::control::HandleType;

/// How many connections are accepted before others come to the lock.
const BATCH: usize = 16;

/// How long workers that have refused a connection are left alone.
const PAUSE: Duration = Duration::from_millis(25);

pub(super) struct Cluster {
    pub(super) events: Events,
    settings: Mutex<Arc<Settings>>,
    state: Mutex<State>,
    /// That of the tasks.
    runtime: Handle,
    me: Weak<Cluster>,
}

struct State {
    machine: primary::Primary<OwnedFd>,
    workers: BTreeMap<WorkerId, ForkedWorker>,
    servers: BTreeMap<ServerId, Server>,
    last: WorkerId,
}

impl Cluster {
    #[track_caller]
    pub(super) fn new(settings: Settings) -> Arc<Self> {
        let balance = settings.balance.unwrap_or_else(default_balance);
        let state = State {
            machine: primary::Primary::new(balance, settings.keep_servers),
            workers: BTreeMap::new(),
            servers: BTreeMap::new(),
            last: 0,
        };
        let runtime = Handle::current();
        Arc::new_cyclic(|me| Cluster {
            events: Events::new(),
            settings: Mutex::new(Arc::new(settings)),
            state: Mutex::new(state),
            runtime,
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
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let worker = ForkedWorker::new(id, settings.spawn(id, env)?, self.me.clone());
        {
            let mut state = self.lock();
            state.machine.add_worker(id);
            state.workers.insert(id, worker.clone());
        }
        self.events.push(Event::Fork { worker: worker.clone() });
        self.runtime.spawn(forked_worker::tend(worker.clone()));
        self.runtime.spawn(forked_worker::reap(worker.clone()));
        Ok(worker)
    }

    pub(super) fn worker(&self, id: WorkerId) -> Option<ForkedWorker> {
        self.lock().workers.get(&id).cloned()
    }

    pub(super) fn workers(&self) -> Vec<ForkedWorker> {
        self.lock().workers.values().cloned().collect()
    }

    pub(super) fn disconnect(&self, id: WorkerId) {
        let mut state = self.lock();
        state.machine.disconnect(id);
        self.perform(&mut state);
    }

    pub(super) fn retire(&self, id: WorkerId) {
        let mut state = self.lock();
        state.machine.retire(id);
        self.perform(&mut state);
    }

    pub(super) fn resume(&self, id: WorkerId) {
        let mut state = self.lock();
        state.machine.resume(id);
        self.perform(&mut state);
    }

    pub(super) fn close_unused(&self) {
        let mut state = self.lock();
        state.machine.close_unused();
        self.perform(&mut state);
    }

    /// A worker's process has ended, and all is told of it.
    pub(super) fn forget(&self, id: WorkerId) {
        self.lock().workers.remove(&id);
    }

    /// What is new of a worker.
    pub(super) fn handle(&self, worker: &ForkedWorker, news: impl Iterator<Item = News>) {
        let mut state = self.lock();
        for news in news {
            match news {
                News::Cluster(message) => state.machine.handle_message(worker.id(), message),
                News::Returned(returned) => state.returned(worker.id(), returned),
                News::Message(message) => {
                    self.events.push(Event::Message { worker: worker.clone(), message });
                }
                News::Invalid(error) => self.events.push(Event::Error { worker: worker.clone(), error }),
                News::Over(error) => {
                    if let Some(error) = error {
                        self.events.push(Event::Error { worker: worker.clone(), error });
                    }
                    state.machine.remove_worker(worker.id());
                    self.events.push(Event::Disconnect { worker: worker.clone() });
                }
            }
            self.perform(&mut state);
        }
    }

    /// Accepts some connections; `None` if the server is closed.
    pub(super) fn poll_accept(&self, id: ServerId, cx: &mut Context<'_>) -> Poll<Option<io::Result<()>>> {
        let mut guard = self.lock();
        for _ in 0..BATCH {
            let state = &mut *guard;
            let Some(listener) = state.servers.get_mut(&id).and_then(Server::listener) else {
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

    fn pause_over(&self, server: ServerId) {
        let mut state = self.lock();
        state.machine.handle_pause_over(server);
        self.perform(&mut state);
    }

    /// Does what the machine wants.
    fn perform(&self, state: &mut State) {
        while let Some(action) = state.machine.poll_action() {
            match action {
                Action::Send { worker, message } => state.send(worker, &message),
                Action::Offer { worker, message, fd } => state.offer(worker, &message, fd),
                Action::Share { worker, server, reply } => state.share(worker, server, reply),
                Action::Bind { server, query, accept } => self.bind(state, server, &query, accept),
                Action::Close { server } => drop(state.servers.remove(&server)),
                Action::Resume { server } => {
                    if let Some(listener) = state.servers.get_mut(&server).and_then(Server::listener) {
                        listener.resume();
                    }
                }
                Action::Pause { server } => {
                    let cluster = self.me.clone();
                    self.runtime.spawn(async move {
                        tokio::time::sleep(PAUSE).await;
                        if let Some(cluster) = cluster.upgrade() {
                            cluster.pause_over(server);
                        }
                    });
                }
                Action::Online { worker } => {
                    self.tell(state, worker, |worker| Event::Online { worker });
                }
                Action::Listening { worker, query } => {
                    self.tell(state, worker, |worker| Event::Listening { worker, address: query.into() });
                }
                Action::Leaving { worker } => self.tell(state, worker, |worker| {
                    worker.set_leaving();
                    Event::Leaving { worker }
                }),
            }
        }
    }

    fn tell(&self, state: &State, worker: WorkerId, event: impl FnOnce(ForkedWorker) -> Event) {
        if let Some(worker) = state.workers.get(&worker) {
            self.events.push(event(worker.clone()));
        }
    }

    fn bind(&self, state: &mut State, id: ServerId, query: &Query, accept: bool) {
        let _inside = self.runtime.enter();
        let made = address::bind(query).and_then(|bound| {
            let sockname = address::sockname(&bound.socket);
            Ok(match accept {
                true => (Server::listening(bound, address::is_patient(query))?, sockname),
                false => (Server::shared(bound, query.address_type.is_udp()), None),
            })
        });
        let bound = made.map(|(mut server, sockname)| {
            if let Some(listener) = server.listener() {
                let task = self.runtime.spawn(listener::accept(self.me.clone(), id));
                listener.served_by(task.abort_handle());
            }
            state.servers.insert(id, server);
            sockname
        });
        state.machine.handle_bound(id, bound.map_err(|e| errno(&e)));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Their users may have them, and must see that there is no cluster any more.
        for worker in self.workers() {
            worker.channel().close();
        }
    }
}

impl State {
    fn send(&mut self, worker: WorkerId, message: &Message) {
        if let Some(worker) = self.workers.get(&worker) {
            // Fails if the channel is over, and we shall hear of that.
            worker.channel().with_link(|link| drop(link.submit_cluster(message)));
        }
    }

    fn offer(&mut self, worker: WorkerId, message: &Message, fd: OwnedFd) {
        let parcel = Parcel::Connection(message.seq);
        // Any that was accepted is a stream, and fit to travel (HND-20).
        self.post(worker, message, HandleType::NetNative, fd, parcel);
    }

    fn share(&mut self, worker: WorkerId, server: ServerId, reply: Message) {
        let Some(found) = self.servers.get(&server) else {
            return;
        };
        match found.duplicate() {
            Ok((fd, wire_type)) => {
                let parcel = Parcel::Server(server, Box::new(reply.clone()));
                self.post(worker, &reply, wire_type, fd, parcel);
            }
            Err(e) => self.machine.handle_unshared(worker, server, reply, errno(&e)),
        }
    }

    fn post(&mut self, id: WorkerId, message: &Message, wire_type: HandleType, fd: OwnedFd, parcel: Parcel) {
        let posted = match self.workers.get(&id) {
            Some(worker) => {
                worker.channel().with_link(|link| link.submit_parcel(message, wire_type, fd, parcel))
            }
            None => Err(Returned { parcel, fd, arrived: Err(libc::EPIPE) }),
        };
        if let Err(returned) = posted {
            self.returned(id, returned);
        }
    }

    fn returned(&mut self, worker: WorkerId, Returned { parcel, fd, arrived }: Returned) {
        match (parcel, arrived) {
            (Parcel::Connection(seq), arrived) => self.machine.handle_returned(seq, fd, arrived.is_ok()),
            (Parcel::Server(..), Ok(())) => {}
            (Parcel::Server(server, reply), Err(errno)) => {
                self.machine.handle_unshared(worker, server, *reply, errno);
            }
        }
    }
}

/// What Node does without being told.
fn default_balance() -> Balance {
    match std::env::var_os("NODE_CLUSTER_SCHED_POLICY") {
        Some(policy) if policy == "none" => Balance::Shared,
        _ => Balance::RoundRobin,
    }
}

fn errno(e: &io::Error) -> i32 {
    match (e.raw_os_error(), e.kind()) {
        (Some(errno), _) => errno,
        (None, io::ErrorKind::InvalidInput) => libc::EINVAL,
        (None, _) => libc::EIO,
    }
}
