//! A channel's machine and its socket: single steps of I/O, none of which waits. What is common
//! to the drivers, which only add ways of waiting.
//!
//! A call is an [operation](op), and waits in [`Waiters`] for one topic. Whoever has done something
//! with a link calls [`notice`](Link::notice), which wakes those whose topic has come.

mod linger;
mod notice;

mod outcomes;
#[cfg(feature = "tokio")]
pub(crate) mod primary;
mod receiving;
mod sending;
mod waiters;
mod worker;

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::error::{Error, ProtocolError, SendError};
use crate::limits::Limits;
use crate::message::Payload;
use crate::message::encoder::Encoder;
use crate::proto::{Channel, cluster};
use crate::sys::scm::{self, Packet};
use crate::wire::Serialization;
use outcomes::Outcomes;
use waiters::Waiters;
pub(crate) use waiters::{Place, Topic};
use worker::Member;

/// How many bytes `feed` lets wait before it waits itself. About what the kernel takes at once.
pub(crate) const HIGH_WATER: usize = 64 * 1024;

pub(crate) struct Link {
    socket: Arc<UnixStream>,
    core: Channel<OwnedFd>,
    encoder: Arc<Encoder>,
    outcomes: Outcomes,
    /// The calls that wait.
    pub(crate) waiters: Waiters,
    /// What the primary of a cluster has sent by itself.
    #[cfg(feature = "tokio")]
    parcels: primary::Parcels,
    /// Room for the descriptors of a read.
    fds: Vec<OwnedFd>,
    /// The last read seems to have taken all there was.
    drained: bool,
    /// The kernel took less than there was to be written.
    is_blocked: bool,
    /// The channel ends as soon as what was accepted is written and acknowledged.
    is_closing: bool,
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

impl Link {
    pub(crate) fn new(socket: OwnedFd, serialization: Serialization, limits: Limits) -> Self {
        Link {
            socket: Arc::new(UnixStream::from(socket)),
            core: Channel::new(serialization, limits),
            encoder: Arc::new(Encoder::new(serialization)),
            outcomes: Outcomes::default(),
            waiters: Waiters::default(),
            #[cfg(feature = "tokio")]
            parcels: primary::Parcels::default(),
            fds: Vec::new(),
            drained: false,
            is_blocked: false,
            is_closing: false,
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

    /// Whether somebody needs input: a call that waits, or the end of the channel.
    #[cfg(feature = "tokio")]
    pub(crate) fn needs_input(&self) -> bool {
        self.wants_input() && (self.is_closing || !self.waiters.is_empty())
    }

    /// Whether there is something to write for which the kernel had no room. What was only fed is
    /// written when somebody asks for it.
    pub(crate) fn needs_room(&self) -> bool {
        self.is_blocked && self.core.wants_output()
    }

    /// Whether a read is likely to find something.
    pub(crate) fn may_have_input(&self) -> bool {
        !self.drained && self.wants_input()
    }

    /// Reads once, and writes the replies. `Blocked` if there is nothing, or nothing more.
    pub(crate) fn read(&mut self) -> Step {
        let step = self.read_once();
        if step == Step::Progress {
            self.write();
        }
        step
    }

    fn read_once(&mut self) -> Step {
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
        self.is_blocked = step == Step::Blocked;
        self.spoken();
        if self.is_closing && self.core.is_flushed() {
            // Not while it is under way, for that writes too, and we would be here again.
            self.is_closing = false;
            self.is_closing = !self.disconnected();
        }
        step
    }

    /// Writes what was only fed, for somebody is about to wait. False if there is nothing.
    pub(crate) fn write_fed(&mut self) -> bool {
        let is_due = self.core.wants_output() && !self.is_blocked;
        if is_due {
            self.write();
        }
        is_due
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
        if self.core.is_closed() {
            self.end();
        }
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
}

/// The state of the channel, and its end.
impl Link {
    pub(crate) fn queued_bytes(&self) -> usize {
        self.core.queued_bytes()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.core.is_connected()
    }

    pub(crate) fn allow_bound_sockets(&mut self) {
        self.bound_sockets = true;
    }

    /// Begins to disconnect, unless we did before.
    pub(in crate::driver) fn disconnect(&mut self) -> Result<(), Error> {
        if !self.member.has_left {
            self.leave()?;
            self.readable();
        }
        Ok(())
    }

    /// From now on the channel ends by itself as soon as all is written and acknowledged.
    fn leave(&mut self) -> Result<(), SendError> {
        self.core.disconnect()?;
        self.is_closing = true;
        self.member.has_left = true;
        if self.core.is_closed() {
            // The peer reads no more, and so nothing is to be written.
            self.end();
        }
        Ok(())
    }

    /// Ends the channel at once, whatever is not written.
    pub(crate) fn close(&mut self) {
        self.member.has_left = true;
        self.is_closing = false;
        // An answer that nobody waits for may still be on its way.
        if self.core.awaits_count() && linger::keep_for(linger::FOR_ANSWERS, &self.socket).is_ok() {
            let _ = self.socket.shutdown(Shutdown::Write);
            self.core.handle_end();
            self.settle();
        } else if !self.core.is_closed() {
            self.end();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    /// Ends the channel as soon as all is written and acknowledged, and says whether it is over.
    fn disconnected(&mut self) -> bool {
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
        self.close();
    }
}

fn is_gone(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected
    )
}
