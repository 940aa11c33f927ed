//! The machine of a cluster's worker, beside that of its channel: after each read it is told what
//! the primary said, and what it says is sent. So whoever waits in any call does the work for all.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

use super::{Link, Topic, decode_cluster, linger};
use crate::error::Error;
use crate::handle::fits;
use crate::proto::cluster::worker::{Answer, Carried, Change, Next, ServerId, Worker};
use crate::proto::cluster::{Act, Body, Message};
use crate::proto::{Attached, ClusterRole, Event, Ticket};
use crate::sys::probe::{self, Kind};
use crate::wire::control::HandleType;

/// How many of our messages may wait for a primary that does not read before we stop reading.
const MAX_WAITING: usize = 1024;

/// The longest message of a cluster that is read. A primary repeats what the worker gave it for
/// all, which the worker's own user bounds.
const MAX_MESSAGE: usize = 1 << 20;

/// A place in a cluster, if the process has one.
pub(super) struct Member {
    has_joined: bool,
    machine: Worker<OwnedFd>,
    /// Our messages that the kernel may not have.
    unwritten: VecDeque<Ticket>,
    /// The user takes the messages that are not the cluster's.
    pub(super) has_receiver: bool,
    /// The channel was ended by us.
    pub(super) has_left: bool,
    /// How many calls wait for the end of the channel, and for no message.
    awaited: usize,
    exits_as_orphan: bool,
}

impl Member {
    pub(super) fn none() -> Self {
        Member {
            has_joined: false,
            machine: Worker::default(),
            unwritten: VecDeque::new(),
            has_receiver: false,
            has_left: false,
            awaited: 0,
            exits_as_orphan: true,
        }
    }

    /// Whether the primary reads what it is told.
    pub(super) fn is_heard(&self) -> bool {
        self.unwritten.len() < MAX_WAITING
    }
}

/// For the drivers.
impl Link {
    /// From now on this is the channel of a worker, which says so to its primary (CLU-5).
    pub(crate) fn join_cluster(&mut self) {
        self.core.join_cluster(ClusterRole::Worker);
        self.member.has_joined = true;
        self.work(Worker::online);
    }

    /// Whether the process ends when its primary is gone (CLU-19).
    pub(crate) fn set_exits_as_orphan(&mut self, exits: bool) {
        self.member.exits_as_orphan = exits;
    }

    /// Has the worker do something, and sends what it has to say.
    pub(crate) fn work<T>(&mut self, command: impl FnOnce(&mut Worker<OwnedFd>) -> T) -> T {
        let value = command(&mut self.member.machine);
        self.speak();
        self.write();
        value
    }

    /// Looks at the worker.
    pub(crate) fn worker(&self) -> &Worker<OwnedFd> {
        &self.member.machine
    }

    /// What became of a query, once that is known. `None` inside: the channel is over.
    pub(crate) fn answer(&mut self, server: ServerId) -> Option<Option<Answer<OwnedFd>>> {
        match self.member.machine.take_answer(server) {
            Some(answer) => Some(Some(answer)),
            None => self.core.is_closed().then_some(None),
        }
    }

    /// The next connection, once there is one. `None` inside: no more will come.
    pub(crate) fn next_connection(&mut self, server: ServerId) -> Option<Option<OwnedFd>> {
        match self.member.machine.next_connection(server) {
            Next::Connection(fd) => Some(Some(fd)),
            Next::Closed => Some(None),
            Next::None => self.core.is_closed().then_some(None),
        }
    }

    /// Whether a shared socket may be accepted from, once the limit allows it or it is closed.
    /// The connection to come counts as open already.
    pub(crate) fn make_room(&mut self, server: ServerId) -> Option<bool> {
        if self.is_over(server) {
            Some(false)
        } else if self.member.machine.has_room(server) {
            self.member.machine.connection_opened(server);
            Some(true)
        } else {
            None
        }
    }

    /// Whether no more connections are to be accepted, or datagrams received.
    pub(crate) fn is_over(&self, server: ServerId) -> bool {
        !self.member.machine.is_open(server) || self.core.is_closed()
    }

    /// Whether the worker is to stop, or cannot go on.
    pub(crate) fn is_stopping(&self) -> bool {
        self.member.machine.is_stopping() || self.core.is_closed()
    }

    /// Whether the primary knows that the worker's end is meant, once that is known.
    pub(crate) fn told(&self) -> Option<Result<(), Error>> {
        if self.member.machine.is_told() {
            Some(Ok(()))
        } else {
            self.core.is_closed().then(|| Err(self.core.closed().into()))
        }
    }

    /// A call waits for the end of the channel. It does not wait for messages to be received
    /// meanwhile.
    pub(in crate::driver) fn await_end(&mut self) {
        self.member.awaited += 1;
        self.speak();
    }

    /// That call waits no more.
    pub(in crate::driver) fn await_end_no_more(&mut self) {
        self.member.awaited -= 1;
    }
}

/// For the steps of I/O.
impl Link {
    /// To be called after each read.
    pub(super) fn heard(&mut self) {
        if !self.member.has_joined {
            return;
        }
        while let Some((payload, carried)) = self.core.poll_cluster() {
            match decode_cluster(&payload, MAX_MESSAGE) {
                Ok(message) => {
                    let carried = usable(&message, carried);
                    self.member.machine.handle_message(message, carried);
                }
                Err(error) => self.core.report(error),
            }
        }
        self.speak();
        if !self.member.has_receiver && self.core.is_full() {
            self.drop_messages();
        }
    }

    fn speak(&mut self) {
        while let Some(message) = self.member.machine.poll_transmit() {
            // A channel that is over has nobody to be told.
            if let Ok(ticket) = self.submit_internal(&message) {
                self.member.unwritten.push_back(ticket);
            }
        }
        // What the primary's program said before is received first, by who receives: see `part`.
        if !self.member.has_receiver || self.member.awaited > 0 {
            self.part();
        }
        while let Some(change) = self.member.machine.poll_change() {
            match change {
                Change::One(server) => drop(self.waiters.wake_one(Topic::Server(server))),
                Change::All(server) => {
                    self.waiters.wake_all(Topic::Server(server));
                    self.waiters.wake_all(Topic::Over(server));
                }
            }
        }
    }

    /// Ends the channel if all is done.
    pub(super) fn part(&mut self) {
        if self.member.machine.is_done() && self.leave().is_ok() {
            self.write();
        }
    }

    /// To be called after each write.
    pub(super) fn spoken(&mut self) {
        while self.member.unwritten.front().is_some_and(|ticket| self.core.is_written(*ticket)) {
            self.member.unwritten.pop_front();
        }
    }

    /// The primary has gone. A worker that was not about to end ends now, as Node's do (CLU-19).
    pub(super) fn lost(&mut self) {
        let Member { has_joined, exits_as_orphan, has_left, machine, .. } = &self.member;
        if *has_joined && *exits_as_orphan && !has_left && !machine.is_stopping() {
            std::process::exit(0);
        }
        self.end();
    }

    /// The last handle of a worker is dropped, and its process probably ends next. A primary that
    /// is busy would see that before the end of the channel, and take it for an accident: it is
    /// waited for, but not for long.
    pub(super) fn leave_cluster(&mut self) {
        if self.member.has_joined {
            self.part();
            while self.core.is_half_closed() && linger::wait_readable(&self.socket) {
                self.readable();
                self.read();
            }
        }
    }

    /// Nobody has ever received: so that the cluster goes on, the messages make room.
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
        // One that the client has reset is no connection any more, and soon read to its end.
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
