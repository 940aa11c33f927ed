//! Doing what the primary's machine wants: messages to workers, descriptors, sockets, events.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::address;
use super::cluster::{Cluster, ClusterState, accept_connections};
use super::event::{Address, Event};
use super::forked_worker::ForkedWorker;
use super::server_socket::ServerSocket;
use crate::driver::link::primary::{Returned, SentFor};
use crate::error::Error;
use crate::proto::cluster::primary::{Action, ServerId, WorkerId};
use crate::proto::cluster::{Message, Query, SockName};
use crate::sys::server;
use crate::wire::control::HandleType;

/// How long workers that have refused a connection are left alone.
const PAUSE: Duration = Duration::from_millis(25);

impl Cluster {
    /// Does what the machine wants.
    pub(super) fn perform(&self, state: &mut ClusterState) {
        while let Some(action) = state.machine.poll_action() {
            match action {
                Action::Send { worker, message } => state.send(worker, &message),
                Action::Offer { worker, message, fd } => state.offer(worker, &message, fd),
                // It is a stream socket too.
                Action::Connect { worker, message, fd } => {
                    state.post(worker, &message, HandleType::NetNative, fd, SentFor::Own);
                }
                Action::Ping { worker, message } => state.ping(worker, &message),
                Action::Answers { worker } => state.delays.answered(worker),
                Action::Share { worker, server, reply } => state.share(worker, server, reply),
                Action::Bind { server, query, accept } => self.bind(state, server, &query, accept),
                Action::Rebind { server, query, worker, seq } => {
                    let bound = self.rebind(state, server, &query);
                    state.machine.handle_rebound(worker, seq, server, bound.map_err(|e| errno(&e)));
                }
                Action::Close { server } => drop(state.servers.remove(&server)),
                Action::Resume { server } => {
                    if let Some(listener) = state.servers.get_mut(&server).and_then(ServerSocket::listener) {
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
                Action::ListenFailed { worker, query, errno } => self.tell(state, worker, |worker| {
                    let address = Address::from(query);
                    let reason = io::Error::from_raw_os_error(errno);
                    let error = Error::Listen { address: address.to_string(), reason };
                    Event::ListenFailed { worker, address, error }
                }),
                Action::Leaving { worker: id } => self.tell(state, id, |worker| {
                    worker.set_leaving();
                    worker.set_may_have_served(state.machine.may_have_served(id));
                    Event::Leaving { worker }
                }),
            }
        }
    }

    fn tell(&self, state: &ClusterState, worker: WorkerId, event: impl FnOnce(ForkedWorker) -> Event) {
        if let Some(worker) = state.workers.get(&worker) {
            self.events.push(event(worker.clone()));
        }
    }

    fn bind(&self, state: &mut ClusterState, id: ServerId, query: &Query, accept: bool) {
        let bound = self.open(id, query, accept).map(|(server, sockname)| {
            state.servers.insert(id, server);
            sockname
        });
        state.machine.handle_bound(id, bound.map_err(|e| errno(&e)));
    }

    /// Makes the server's socket anew, if clients cannot reach it any more. Those that have reached it are served
    /// all the same.
    fn rebind(&self, state: &mut ClusterState, id: ServerId, query: &Query) -> io::Result<()> {
        if state.servers.get(&id).is_none_or(ServerSocket::is_reachable) {
            return Ok(());
        }
        let (mut server, _) = self.open(id, query, true)?;
        if let Some(old) = state.servers.remove(&id) {
            server.replaces(old);
        }
        state.servers.insert(id, server);
        Ok(())
    }

    /// Makes those sockets anew that clients cannot reach any more: programs remove their path also when they end,
    /// and others still serve it.
    pub(super) fn rebind_unreachable(&self, state: &mut ClusterState) {
        if !self.rebinds_paths {
            return;
        }
        let unreachable = state.servers.iter().filter(|(_, server)| !server.is_reachable());
        let queries: Vec<_> = unreachable.map(|(id, server)| (*id, server.query().clone())).collect();
        for (id, query) in queries {
            // If this fails, the next worker that asks for it hears of it.
            let _ = self.rebind(state, id, &query);
        }
    }

    /// A socket for a server, and its address where workers are told of it. If it is ours to accept from, a task
    /// does so, once this is done.
    fn open(
        &self,
        id: ServerId,
        query: &Query,
        accept: bool,
    ) -> io::Result<(ServerSocket, Option<SockName>)> {
        let _inside = self.runtime.enter();
        let bound = address::bind(query, self.rebinds_paths)?;
        if !accept {
            return Ok((ServerSocket::shared(bound, query.clone()), None));
        }
        let sockname = address::sockname(&bound.socket);
        let mut server = ServerSocket::listening(bound, query.clone())?;
        if let Some(listener) = server.listener() {
            let task = self.runtime.spawn(accept_connections(self.me.clone(), id));
            listener.served_by(task.abort_handle());
        }
        Ok((server, sockname))
    }
}

impl ClusterState {
    fn send(&mut self, worker: WorkerId, message: &Message) {
        if let Some(worker) = self.workers.get(&worker) {
            // This fails if the channel is closed, of which an event tells.
            worker.channel().with_link(|link| drop(link.submit_cluster(message)));
        }
    }

    fn offer(&mut self, worker: WorkerId, message: &Message, fd: OwnedFd) {
        let sent_for = SentFor::Connection(message.seq);
        // An accepted connection is a stream socket, which may travel (HND-20).
        self.post(worker, message, HandleType::NetNative, fd, sent_for);
    }

    fn ping(&mut self, worker: WorkerId, message: &Message) {
        match server::unconnected() {
            // Every type that Node has for a stream fits it (HND-20).
            Ok(fd) => self.post(worker, message, HandleType::NetNative, fd, SentFor::Ping),
            Err(e) => self.not_pinged(worker, errno(&e)),
        }
    }

    fn not_pinged(&mut self, worker: WorkerId, errno: i32) {
        self.delays.failed(worker, errno);
        self.machine.handle_pinged(worker, false);
    }

    fn share(&mut self, worker: WorkerId, server: ServerId, reply: Message) {
        let Some(found) = self.servers.get(&server) else {
            return;
        };
        match found.duplicate() {
            Ok((fd, wire_type)) => {
                let sent_for = SentFor::Server(server, Box::new(reply.clone()));
                self.post(worker, &reply, wire_type, fd, sent_for);
            }
            Err(e) => self.machine.handle_unshared(worker, server, reply, errno(&e)),
        }
    }

    fn post(
        &mut self,
        id: WorkerId,
        message: &Message,
        wire_type: HandleType,
        fd: OwnedFd,
        sent_for: SentFor,
    ) {
        let posted = match self.workers.get(&id) {
            Some(worker) => worker
                .channel()
                .with_link(|link| link.submit_cluster_handle(message, wire_type, fd, sent_for)),
            None => Err(Returned { sent_for, fd, arrived: Err(libc::EPIPE) }),
        };
        if let Err(returned) = posted {
            self.returned(id, returned);
        }
    }

    pub(super) fn returned(&mut self, worker: WorkerId, Returned { sent_for, fd, arrived }: Returned) {
        match (sent_for, arrived) {
            (SentFor::Connection(seq), arrived) => self.machine.handle_returned(seq, fd, arrived.is_ok()),
            // One that has no descriptor free says so itself, so its event loop runs (HND-6).
            (SentFor::Ping, Ok(()) | Err(libc::EMFILE)) => self.machine.handle_pinged(worker, true),
            // The end of its channel follows.
            (SentFor::Ping, Err(libc::EPIPE)) => self.machine.handle_pinged(worker, false),
            (SentFor::Ping, Err(errno)) => self.not_pinged(worker, errno),
            (SentFor::Server(..), Ok(())) | (SentFor::Own, _) => {}
            (SentFor::Server(server, reply), Err(errno)) => {
                self.machine.handle_unshared(worker, server, *reply, errno);
            }
        }
    }
}

fn errno(e: &io::Error) -> i32 {
    match (e.raw_os_error(), e.kind()) {
        (Some(errno), _) => errno,
        (None, io::ErrorKind::InvalidInput) => libc::EINVAL,
        (None, _) => libc::EIO,
    }
}
