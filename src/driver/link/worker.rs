//! The machine of a cluster's worker, beside that of its channel. After each read it gets the primary's
//! messages, and its own are sent. So every call that waits does the work of the worker.
//!
//! A worker ends in one of two ways. When all is done (see `life` of the worker's machine), the channel
//! is closed, and the program goes on to its end: [`Link::leave_if_done`]. When the primary is gone
//! without a word, the process exits: [`Link::exit_if_orphaned`].

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

use super::{Link, Role, Topic, decode_cluster, linger};
use crate::error::Error;
use crate::handle::fits;
use crate::proto::cluster::worker::{Answer, Carried, Change, Next, ServerId, WorkerMachine};
use crate::proto::cluster::{Act, Body, Message};
use crate::proto::{Attached, ClusterRole, Event, Ticket};
use crate::sys::probe::{self, Kind};
use crate::wire::control::HandleType;

/// How many of our messages may wait for a primary that does not read before we stop reading.
const MAX_WAITING: usize = 1024;

/// The longest message of a cluster that is read. A primary repeats what the worker gave it for
/// all, which the worker's own user bounds.
const MAX_MESSAGE: usize = 1 << 20;

/// What a link has in addition, if we are a worker.
pub(super) struct WorkerRole {
    machine: WorkerMachine<OwnedFd>,
    /// Our messages that may not be written yet.
    unwritten: VecDeque<Ticket>,
    /// The user takes the messages that are not the cluster's.
    has_receiver: bool,
    /// How many calls wait for the end of the channel and do not receive messages.
    end_waiters: usize,
    exits_as_orphan: bool,
}

impl WorkerRole {
    /// Whether the primary does not read what it is told.
    pub(super) fn is_backlogged(&self) -> bool {
        self.unwritten.len() >= MAX_WAITING
    }
}

/// For the drivers.
impl Link {
    /// From now on this is the channel of a worker, which says so to its primary (CLU-5).
    pub(crate) fn join_cluster(&mut self) {
        self.core.join_cluster(ClusterRole::Worker);
        self.role = Role::Worker(Box::new(WorkerRole {
            machine: WorkerMachine::default(),
            unwritten: VecDeque::new(),
            has_receiver: false,
            end_waiters: 0,
            exits_as_orphan: true,
        }));
        self.work(WorkerMachine::online);
    }

    /// Whether the process ends when its primary is gone (CLU-19).
    pub(crate) fn set_exits_as_orphan(&mut self, exits: bool) {
        if let Role::Worker(worker) = &mut self.role {
            worker.exits_as_orphan = exits;
        }
    }

    /// Has the worker do something, and sends what it has to say.
    pub(crate) fn work<T>(&mut self, command: impl FnOnce(&mut WorkerMachine<OwnedFd>) -> T) -> T {
        let value = command(&mut self.as_worker_mut().machine);
        self.send_pending();
        self.write();
        value
    }

    /// Looks at the worker.
    pub(crate) fn worker(&self) -> &WorkerMachine<OwnedFd> {
        &self.as_worker().machine
    }

    /// What happened to a query, once that is known. `None` inside: the channel is over.
    pub(crate) fn answer(&mut self, server: ServerId) -> Option<Option<Answer<OwnedFd>>> {
        match self.as_worker_mut().machine.take_answer(server) {
            Some(answer) => Some(Some(answer)),
            None => self.core.is_closed().then_some(None),
        }
    }

    /// The next connection, once there is one. `None` inside: no more will come.
    pub(crate) fn next_connection(&mut self, server: ServerId) -> Option<Option<OwnedFd>> {
        match self.as_worker_mut().machine.next_connection(server) {
            Next::Connection(fd) => Some(Some(fd)),
            Next::Closed => Some(None),
            Next::None => self.core.is_closed().then_some(None),
        }
    }

    /// Whether a shared socket may be accepted from, once the limit allows it or it is closed.
    /// The connection to come counts as open already.
    pub(crate) fn make_room(&mut self, server: ServerId) -> Option<bool> {
        if self.is_over(server) {
            return Some(false);
        }
        let machine = &mut self.as_worker_mut().machine;
        machine.has_room(server).then(|| {
            machine.connection_opened(server);
            true
        })
    }

    /// Whether no more connections are to be accepted, or datagrams received.
    pub(crate) fn is_over(&self, server: ServerId) -> bool {
        !self.worker().is_open(server) || self.core.is_closed()
    }

    /// Whether the worker is to stop, or cannot go on.
    pub(crate) fn is_stopping(&self) -> bool {
        self.worker().is_stopping() || self.core.is_closed()
    }

    /// Whether the primary knows that the worker's end is meant, once that is known.
    pub(crate) fn exit_acknowledged(&self) -> Option<Result<(), Error>> {
        if self.worker().is_acknowledged() {
            Some(Ok(()))
        } else {
            self.core.is_closed().then(|| Err(self.core.closed().into()))
        }
    }

    /// A call waits for the end of the channel. It does not wait for messages to be received
    /// meanwhile.
    pub(in crate::driver) fn await_end(&mut self) {
        self.as_worker_mut().end_waiters += 1;
        self.send_pending();
    }

    /// That call waits no more.
    pub(in crate::driver) fn await_end_no_more(&mut self) {
        self.as_worker_mut().end_waiters -= 1;
    }

    /// # Panics
    /// If this is not the channel of a worker. Who has a worker, or a server of one, has such a channel.
    fn as_worker(&self) -> &WorkerRole {
        match &self.role {
            Role::Worker(worker) => worker,
            _ => panic!("not the channel of a worker"),
        }
    }

    fn as_worker_mut(&mut self) -> &mut WorkerRole {
        match &mut self.role {
            Role::Worker(worker) => worker,
            _ => panic!("not the channel of a worker"),
        }
    }
}

/// For the steps of I/O. Nothing happens on a link that is not a worker's.
impl Link {
    /// The machine is told what the primary has said. To be called after each read.
    pub(super) fn handle_cluster_messages(&mut self) {
        let Link { core, role: Role::Worker(worker), .. } = self else {
            return;
        };
        while let Some((payload, carried)) = core.poll_cluster() {
            match decode_cluster(&payload, MAX_MESSAGE) {
                Ok(message) => {
                    let carried = usable(&message, carried);
                    worker.machine.handle_message(message, carried);
                }
                Err(error) => core.report(error),
            }
        }
        let has_receiver = worker.has_receiver;
        self.send_pending();
        if !has_receiver && self.core.is_full() {
            self.drop_messages();
        }
    }

    /// Sends what the machine has to say, and wakes who waits for its servers.
    fn send_pending(&mut self) {
        let Link { core, encoder, role: Role::Worker(worker), .. } = self else {
            return;
        };
        while let Some(message) = worker.machine.poll_transmit() {
            // This fails if the channel is closed: the primary is gone then.
            if let Ok(frame) = encoder.frame(&message)
                && let Ok(ticket) = core.send_internal(frame)
            {
                worker.unwritten.push_back(ticket);
            }
        }
        // If the user receives messages, those that came before are received first.
        if !worker.has_receiver || worker.end_waiters > 0 {
            self.leave_if_done();
        }
        let Link { waiters, role: Role::Worker(worker), .. } = self else {
            return;
        };
        while let Some(change) = worker.machine.poll_change() {
            match change {
                Change::One(server) => drop(waiters.wake_one(Topic::Server(server))),
                Change::All(server) => {
                    waiters.wake_all(Topic::Server(server));
                    waiters.wake_all(Topic::ServerClosed(server));
                }
            }
        }
    }

    /// The user receives messages from now on.
    pub(super) fn has_receiver(&mut self) {
        if let Role::Worker(worker) = &mut self.role {
            worker.has_receiver = true;
        }
    }

    /// Ends the channel of a worker that is done. To be called when all messages are received, or
    /// nobody will receive them.
    pub(super) fn leave_if_done(&mut self) {
        if let Role::Worker(worker) = &self.role
            && worker.machine.is_done()
            && self.leave().is_ok()
        {
            self.write();
        }
    }

    /// Drops the tickets of messages that are written. To be called after each write.
    pub(super) fn drop_written_tickets(&mut self) {
        let Link { core, role: Role::Worker(worker), .. } = self else {
            return;
        };
        while worker.unwritten.front().is_some_and(|ticket| core.is_written(*ticket)) {
            worker.unwritten.pop_front();
        }
    }

    /// The primary is gone. A worker that was not about to end exits now, as Node's do (CLU-19).
    pub(super) fn exit_if_orphaned(&self) {
        if let Role::Worker(worker) = &self.role
            && worker.exits_as_orphan
            && !self.core.has_left()
            && !worker.machine.is_stopping()
        {
            std::process::exit(0);
        }
    }

    /// The last reference to a worker is dropped, and its process probably exits next. A busy primary
    /// could see the exit before the end of the channel, and take it for a crash: we wait for the
    /// primary, for a bounded time.
    pub(super) fn leave_cluster(&mut self) {
        let Role::Worker(_) = self.role else {
            return;
        };
        self.leave_if_done();
        while self.core.is_half_closed() && linger::wait_readable(self.socket.stream()) {
            self.readable();
            self.read();
        }
    }

    /// The user has never received messages: they are dropped, so that the cluster's are read.
    fn drop_messages(&mut self) {
        while let Some(event) = self.core.poll_event() {
            if let Event::Message { handle: Some(Attached { key: Some(key), fd, .. }), .. } = event {
                drop(fd);
                self.core.socket_closed(&key);
            }
        }
    }
}

/// Node trusts the type; we ask the kernel (HND-22). What does not fit is closed.
fn usable(message: &Message, carried: Carried<Attached<OwnedFd>>) -> Carried<OwnedFd> {
    let Attached { fd, wire_type, .. } = match carried {
        Carried::Handle(attached) => attached,
        Carried::Nothing => return Carried::Nothing,
        Carried::Lost => return Carried::Lost,
    };
    let kind = probe::probe(fd.as_fd()).unwrap_or(Kind::Other);
    let fits_type = HandleType::from_name(&wire_type).is_some_and(|known| fits(kind, known));
    let fits_message = match &message.body {
        // A socket that the client has reset is no longer connected, but can be read to its end.
        Body::Act(Act::NewConnection { .. }) => {
            matches!(kind, Kind::TcpStream | Kind::TcpBound | Kind::TcpUnbound | Kind::UnixStream)
        }
        _ => kind != Kind::TcpStream && kind != Kind::Fifo,
    };
    match fits_type && fits_message && probe::set_nonblocking(fd.as_fd()).is_ok() {
        true => Carried::Handle(fd),
        false => Carried::Lost,
    }
}
