//! A channel's machine and its socket: single steps of I/O, none of which waits. What is common
//! to the drivers, which only add ways of waiting.

mod linger;
#[cfg(feature = "tokio")]
pub(crate) mod primary;
mod worker;

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Weak};

use serde::Serialize;

use crate::encoder::Encoder;
use crate::error::{Error, ProtocolError, SendError};
use crate::handle::{Handle, Outgoing, Unsent, fits};
use crate::limits::Limits;
use crate::message::Payload;
use crate::proto::{Attached, Channel, Event, LossReason, Outcome, Question, Ticket, cluster};
use crate::received::{Message, ReceivedHandle, SocketHold, SocketOwner};
use crate::sys::probe::{self, Kind};
use crate::sys::scm::{self, Packet};
use crate::wire::control::{self, HandleType, SocketKey};
use crate::wire::{self, Serialization};
use worker::Member;

/// How many bytes `feed` lets wait before it waits itself. About what the kernel takes at once.
pub(crate) const HIGH_WATER: usize = 64 * 1024;

pub(crate) struct Link {
    socket: Arc<UnixStream>,
    core: Channel<OwnedFd>,
    encoder: Arc<Encoder>,
    /// What became of the handles and questions whose senders wait: there from the sending on, filled
    /// when known.
    outcomes: HashMap<Ticket, Option<Outcome<OwnedFd>>>,
    /// What the primary of a cluster has sent by itself.
    #[cfg(feature = "tokio")]
    parcels: primary::Parcels,
    /// Room for the descriptors of a read.
    fds: Vec<OwnedFd>,
    /// The last read seems to have taken all there was.
    drained: bool,
    /// How many bytes have been read.
    received: u64,
    /// A system error that ended the channel and has not been reported.
    failure: Option<io::Error>,
    /// The peer knows `net.BoundSocket`.
    bound_sockets: bool,
    /// Our place in a cluster.
    member: Member,
}

/// What a step of I/O came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was done, and there may be more.
    Progress,
    /// It would have to wait.
    Blocked,
}

/// Reads a message of a cluster, unless it is longer than so many bytes: a part of it may be kept
/// as long as a server is.
fn decode_cluster(payload: &Payload, limit: usize) -> Result<cluster::Message, ProtocolError> {
    if payload.as_bytes().len() > limit {
        return Err(ProtocolError::TooLong { limit });
    }
    payload.decode()
}

/// Something that was received.
pub(crate) enum Received {
    /// It is for the user: see [`Link::next`].
    User(Result<Option<Message>, Error>),
    /// It is for the primary of a cluster, of which there is one for tasks only.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    Cluster(Payload),
}

impl Link {
    pub(crate) fn new(socket: OwnedFd, serialization: Serialization, limits: Limits) -> Self {
        Link {
            socket: Arc::new(UnixStream::from(socket)),
            core: Channel::new(serialization, limits),
            encoder: Arc::new(Encoder::new(serialization)),
            outcomes: HashMap::new(),
            #[cfg(feature = "tokio")]
            parcels: primary::Parcels::default(),
            fds: Vec::new(),
            drained: false,
            received: 0,
            failure: None,
            bound_sockets: false,
            member: Member::none(),
        }
    }

    /// The socket, to wait on. It may be shut down meanwhile, and is never closed while it is
    /// waited on.
    pub(crate) fn socket(&self) -> Arc<UnixStream> {
        self.socket.clone()
    }

    /// Makes the frames that are submitted.
    pub(crate) fn encoder(&self) -> Arc<Encoder> {
        self.encoder.clone()
    }

    pub(crate) fn wants_input(&self) -> bool {
        #[cfg(feature = "tokio")]
        if self.is_held_back() && !self.core.is_half_closed() {
            return false;
        }
        // One that reads no more may still have written, and its end is to be seen.
        let is_ending = self.core.is_broken() || self.core.is_half_closed();
        self.core.wants_input() && (self.member.is_heard() || is_ending)
    }

    pub(crate) fn wants_output(&self) -> bool {
        self.core.wants_output()
    }

    /// Whether a read is likely to find something.
    pub(crate) fn may_have_input(&self) -> bool {
        !self.drained && self.wants_input()
    }

    /// Reads once. `Blocked` if there is nothing, or nothing more.
    pub(crate) fn read(&mut self) -> Step {
        if !self.wants_input() {
            return Step::Blocked;
        }
        let buffer = self.core.read_buffer();
        let room = buffer.capacity() - buffer.len();
        match scm::recv(self.socket.as_fd(), buffer, &mut self.fds) {
            Ok(received) if received.len == 0 => {
                self.fds.clear();
                self.lost();
                Step::Progress
            }
            Ok(received) => {
                // A read that brings a descriptor ends with it, however much there is (HND-3).
                self.drained = received.len < room && self.fds.is_empty() && !received.truncated;
                self.received += received.len as u64;
                self.core.handle_input(received.len, self.fds.drain(..), received.truncated);
                self.heard();
                if self.core.is_closed() {
                    // Of a peer that writes another format nothing more can be read.
                    self.end();
                }
                self.settle();
                Step::Progress
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.drained = true;
                Step::Blocked
            }
            Err(e) => {
                // A reset is how a peer leaves that has not read everything (LIFE-2).
                if e.kind() != io::ErrorKind::ConnectionReset {
                    self.failure = Some(e);
                }
                self.lost();
                Step::Progress
            }
        }
    }

    /// Whether the last read has surely taken all there was, so that only news from the kernel
    /// can bring more. Known of Linux.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_drained(&self) -> bool {
        self.drained && cfg!(target_os = "linux")
    }

    /// Waiting is not possible any more.
    pub(crate) fn fail(&mut self, error: io::Error) {
        self.failure = Some(error);
        self.end();
    }

    /// There may be something to read now.
    pub(crate) fn readable(&mut self) {
        self.drained = false;
    }

    /// Writes until nothing is left (`Progress`) or the kernel takes no more (`Blocked`).
    pub(crate) fn write(&mut self) -> Step {
        let step = self.write_out();
        self.spoken();
        step
    }

    fn write_out(&mut self) -> Step {
        while let Some(transmit) = self.core.poll_transmit() {
            let fd = transmit.fd();
            match scm::send(self.socket.as_fd(), transmit.slices(), fd.map(|fd| fd.as_fd())) {
                Ok(n) => self.core.transmitted(n),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Step::Blocked,
                Err(e) if fd.is_some() && !is_gone(&e) => {
                    // The kernel will not carry this descriptor now; the channel is sound.
                    self.core.handle_unsendable(e.raw_os_error().unwrap_or(0));
                    self.settle();
                }
                Err(e) => {
                    if !is_gone(&e) {
                        self.failure = Some(e);
                    }
                    self.broken();
                }
            }
        }
        Step::Progress
    }

    /// The peer reads no more.
    pub(crate) fn broken(&mut self) {
        self.core.handle_broken();
        self.settle();
    }

    /// The channel is over: closes it for us and for the peer.
    pub(crate) fn end(&mut self) {
        self.core.handle_end();
        self.settle();
        // Not just closed: other threads may be waiting on it, and a process that inherited the
        // other half of our descriptor would keep it open.
        let _ = self.socket.shutdown(Shutdown::Both);
        self.leave_nothing_unread();
    }

    /// To close a socket with data unread is a reset (LIFE-2), after which a Deno process never
    /// emits 'disconnect'. Now that it is shut down nothing more comes in, and no read waits.
    fn leave_nothing_unread(&mut self) {
        let mut bytes = [0; 16 * 1024];
        while let Ok(Packet { len: 1.., .. }) =
            scm::recv_packet(self.socket.as_fd(), &mut bytes, &mut self.fds, false)
        {
            self.fds.clear();
        }
    }

    /// Hands each known outcome to who waits for it; what nobody waits for is closed.
    fn settle(&mut self) {
        while let Some(outcome) = self.core.poll_outcome() {
            #[cfg(feature = "tokio")]
            let Some(outcome) = self.parcels.settle(outcome) else {
                continue;
            };
            if let Some(slot) = self.outcomes.get_mut(&outcome.ticket()) {
                *slot = Some(outcome);
            }
        }
    }
}

/// Receiving.
impl Link {
    /// What was received next; `Some(Ok(None))` when the channel is over, and from then on.
    pub(crate) fn next(
        &mut self,
        owner: impl Fn() -> Weak<dyn SocketOwner>,
    ) -> Option<Result<Option<Message>, Error>> {
        loop {
            match self.received(&owner)? {
                Received::User(message) => return Some(message),
                // Only a cluster's primary asked for these, and it does not come here.
                Received::Cluster(_) => {}
            }
        }
    }

    /// The same, and what a cluster's worker tells its primary, in order.
    pub(crate) fn received(&mut self, owner: impl Fn() -> Weak<dyn SocketOwner>) -> Option<Received> {
        self.member.has_receiver = true;
        Some(Received::User(match self.core.poll_event() {
            Some(Event::Message { payload, handle }) => {
                let payload = payload.received_on(self.encoder.number());
                match handle {
                    None => Ok(Some(Message::new(payload, None))),
                    Some(attached) => self.with_handle(payload, attached, owner),
                }
            }
            // A worker has no descriptor that a primary would want: it is closed.
            Some(Event::Cluster { payload, .. }) => return Some(Received::Cluster(payload)),
            Some(Event::Invalid(error)) => Err(error.into()),
            Some(Event::Disconnected { .. }) => self.over(),
            None => {
                self.part();
                if !self.core.is_closed() {
                    return None;
                }
                self.over()
            }
        }))
    }

    fn over(&mut self) -> Result<Option<Message>, Error> {
        self.failure.take().map_or(Ok(None), |e| Err(Error::Io(e)))
    }

    /// Node trusts the type; we ask the kernel (HND-22).
    fn with_handle(
        &mut self,
        payload: Payload,
        attached: Attached<OwnedFd>,
        owner: impl Fn() -> Weak<dyn SocketOwner>,
    ) -> Result<Option<Message>, Error> {
        let Attached { fd, wire_type, key } = attached;
        let hold = key.map(|key| SocketHold::new(key, owner()));
        let mut kind = probe::probe(fd.as_fd()).unwrap_or(Kind::Other);
        if probe::set_nonblocking(fd.as_fd()).is_err() {
            kind = Kind::Other;
        }
        let known = HandleType::from_name(&wire_type).filter(|known| fits(kind, *known));
        // A server listens when it arrives, if it did not before (HND-17).
        if known == Some(HandleType::NetServer) && kind == Kind::TcpBound && probe::listen(&fd).is_ok() {
            kind = Kind::TcpListener;
        }
        let handle = known.and_then(|known| Some((known, Handle::from_fd(fd, kind).ok()?)));
        let Some((known, handle)) = handle else {
            // Uncounted here, for its drop would wait for the lock that we are called under.
            if let Some(hold) = hold {
                self.socket_closed(&hold.release());
            }
            let found = kind.as_str();
            let message = wire::quote(self.encoder.serialization(), payload.into_bytes());
            return Err(ProtocolError::InvalidHandle { wire_type, found, message }.into());
        };
        self.bound_sockets |= known == HandleType::NetBoundSocket;
        Ok(Some(Message::new(payload, Some(ReceivedHandle::new(handle, known, hold)))))
    }

    /// A socket of this key is closed: tells the peer, if it asked.
    pub(crate) fn socket_closed(&mut self, key: &SocketKey) {
        self.core.socket_closed(key);
        self.write();
    }
}

/// Sending.
impl Link {
    /// Accepts a frame. It is written when [`sent`](Self::sent) says so.
    pub(crate) fn submit(&mut self, frame: Vec<u8>) -> Result<Ticket, Error> {
        Ok(self.core.send(frame)?)
    }

    /// Accepts a message of Node's own machinery.
    pub(crate) fn submit_internal<T: Serialize>(&mut self, message: &T) -> Result<Ticket, Error> {
        let frame = self.encoder.frame(message)?;
        Ok(self.core.send_internal(frame)?)
    }

    /// Accepts a frame to be written with others, and says how many bytes wait.
    /// A large one is taken, and a small one copied.
    pub(crate) fn feed(&mut self, frame: &mut Vec<u8>) -> Result<usize, Error> {
        match frame.len() > HIGH_WATER {
            true => drop(self.core.send(std::mem::take(frame))?),
            false => self.core.feed(frame)?,
        }
        Ok(self.core.queued_bytes())
    }

    /// Accepts a handle whose message is a frame already.
    pub(crate) fn submit_handle(&mut self, frame: Vec<u8>, outgoing: Outgoing) -> Result<Ticket, Unsent> {
        let serialization = self.encoder.serialization();
        // The receiver would take the message for its own, handle and all.
        if let Some(cmd) = control::reserved_cmd(serialization, &frame) {
            return Err(outgoing.unsent(SendError::Reserved { cmd }.into()));
        }
        let checked = outgoing.check(self.bound_sockets)?;
        let frame = control::encode_handle(
            serialization,
            checked.wire_type,
            &frame,
            checked.key.as_ref(),
            checked.dgram_type,
        );
        match self.core.send_handle(frame, checked.handle.into()) {
            Ok(ticket) => {
                self.outcomes.insert(ticket, None);
                Ok(ticket)
            }
            Err((error, fd)) => Err(unsent(error.into(), fd)),
        }
    }

    /// Whether the message is written, once that is known.
    pub(crate) fn sent(&self, ticket: Ticket) -> Option<Result<(), Error>> {
        if self.core.is_written(ticket) {
            Some(Ok(()))
        } else if self.core.is_broken() {
            Some(Err(self.core.closed().into()))
        } else {
            None
        }
    }

    /// Whether all that was accepted is written, once that is known.
    pub(crate) fn flushed(&self) -> Option<Result<(), Error>> {
        (self.core.queued_bytes() == 0).then(|| match self.core.lost() {
            0 => Ok(()),
            _ => Err(self.core.closed().into()),
        })
    }

    /// What became of the handle, once that is known.
    pub(crate) fn handle_sent(&mut self, ticket: Ticket) -> Option<Result<(), Unsent>> {
        self.outcomes.get(&ticket)?.as_ref()?;
        Some(match self.outcomes.remove(&ticket)?? {
            Outcome::Acked { .. } | Outcome::Answered { .. } | Outcome::Unanswered { .. } => Ok(()),
            Outcome::Lost { fd, reason, .. } => {
                let error = match reason {
                    LossReason::Refused { transmissions } => SendError::Refused { transmissions }.into(),
                    LossReason::Disconnected => self.core.closed().into(),
                    LossReason::System { errno } => io::Error::from_raw_os_error(errno).into(),
                };
                Err(unsent(error, fd))
            }
        })
    }

    /// Nobody waits for this message any more: it is taken back if it has not begun to be
    /// written. A handle that is taken back is returned.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> Option<Handle> {
        let fd = match self.outcomes.remove(&ticket).flatten() {
            Some(Outcome::Lost { fd, .. }) => fd,
            Some(_) => return None,
            None => self.core.withdraw(ticket)??,
        };
        Handle::try_from(fd).ok()
    }

    /// Asks the peer about sockets that it was sent.
    pub(crate) fn ask(&mut self, key: &SocketKey, question: Question) -> Result<Ticket, Error> {
        let ticket = self.core.ask(key, question)?;
        self.outcomes.insert(ticket, None);
        Ok(ticket)
    }

    /// Nobody waits for this answer any more. The question stays asked, for its answer will come.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        self.outcomes.remove(&ticket);
    }

    /// How many sockets the peer has open, once that is known. A peer that is gone has none.
    pub(crate) fn open_at_peer(&mut self, ticket: Ticket) -> Option<usize> {
        self.outcomes.get(&ticket)?.as_ref()?;
        Some(match self.outcomes.remove(&ticket)?? {
            Outcome::Answered { open, .. } => open,
            Outcome::Acked { .. } | Outcome::Lost { .. } | Outcome::Unanswered { .. } => 0,
        })
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.core.queued_bytes()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.core.is_connected()
    }

    pub(crate) fn allow_bound_sockets(&mut self) {
        self.bound_sockets = true;
    }

    /// Begins to disconnect: see [`disconnected`](Self::disconnected).
    pub(crate) fn disconnect(&mut self) -> Result<(), Error> {
        self.core.disconnect()?;
        self.member.has_left = true;
        self.readable();
        Ok(())
    }

    /// Ends the channel as soon as all is written and acknowledged, and says whether it is over.
    pub(crate) fn disconnected(&mut self) -> bool {
        // What has come until now may be a handle, which is acknowledged first (LIFE-5). More than
        // this fits in no socket's buffer: a peer that goes on cannot hold us.
        let (mut reads, mut bytes) = (4096, 4 << 20);
        while self.core.is_flushed() && !self.core.is_closed() && !self.core.is_half_closed() {
            let (before, step) = (self.received, self.read());
            (reads, bytes) = (reads - 1, bytes - (self.received - before) as i64);
            if step == Step::Blocked || reads == 0 || bytes < 0 {
                self.half_close();
            }
            self.write();
        }
        self.core.is_closed()
    }

    /// Whether all is written and acknowledged, and only the end of the peer is waited for.
    pub(crate) fn is_half_closed(&self) -> bool {
        self.core.is_half_closed()
    }

    /// Tells the peer the end, and waits for its own, but not for long.
    fn half_close(&mut self) {
        self.core.half_close();
        let bound = if self.core.awaits_count() { linger::FOR_ANSWERS } else { linger::FOR_THE_END };
        let told = self.socket.shutdown(Shutdown::Write);
        if told.is_err() || linger::end_after(bound, &self.socket).is_err() {
            self.end();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // What `feed` left behind, as far as it goes without waiting.
        self.write();
        self.leave_cluster();
        // An answer that nobody waits for may still be on its way.
        if self.core.awaits_count() && linger::keep_for(linger::FOR_ANSWERS, &self.socket).is_ok() {
            let _ = self.socket.shutdown(Shutdown::Write);
        } else {
            self.end();
        }
    }
}

fn unsent(error: Error, fd: OwnedFd) -> Unsent {
    Unsent { error, handle: Handle::try_from(fd).ok() }
}

fn is_gone(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected
    )
}
