//! [`Channel`]: how threads wait for the machine.
//!
//! Every waiting call does the same: it does what I/O can be done, looks whether its own
//! condition holds, and else waits. One thread at a time waits in `poll`, for all; the others
//! wait for it to tell them that something happened, and one of them takes its place when it
//! leaves. Listeners that threads accept from are waited for in the same `poll`. So a sender makes progress when nobody receives, and receives what comes meanwhile.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;

use crate::encoder::Encoder;
use crate::error::{Error, SendError};
use crate::handle::{Outgoing, Unsent};
use crate::holders::Reference;
use crate::limits::Limits;
use crate::link::{HIGH_WATER, Link};
use crate::listen::ConnectionOwner;
use crate::message::Payload;
use crate::proto::cluster::worker::ServerId;
use crate::proto::{Question, Ticket};
use crate::received::{Message, SocketOwner};
use crate::wire::Serialization;
use crate::wire::control::SocketKey;
use crate::wire::v8;

/// One end of a channel to a Node process, for threads.
///
/// It is cheap to clone, and any number of threads may send while others receive. The last clone
/// closes it. Sends return when the kernel has the message, as Node's callbacks do.
///
/// ```no_run
/// # fn main() -> Result<(), crossfork::Error> {
/// let channel = crossfork::blocking::Channel::from_env()?;
/// while let Some(message) = channel.recv()? {
///     let text: String = message.decode()?;
///     channel.send(&text.to_uppercase())?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Channel(Arc<Shared>);

struct Shared {
    encoder: Arc<Encoder>,
    state: Mutex<State>,
    /// Told when something happened that another thread may wait for.
    changed: Condvar,
    /// Calls the thread back that waits in `poll`.
    bell: Bell,
}

/// A descriptor that is open for as long as it is waited for.
pub(super) type Watched = Arc<dyn AsFd + Send + Sync>;

struct State {
    link: Link,
    /// What the thread in `poll` waits for, if there is one.
    polling: Option<PollFlags>,
    /// Threads that wait for the one in `poll`.
    waiting: usize,
    /// Other descriptors that threads wait to read from, until one of these can be.
    watched: Vec<(u64, Watched)>,
    /// Some of them came after the thread in `poll` had begun to wait.
    has_unpolled: bool,
    next_watch: u64,
    send_timeout: Option<Duration>,
}

/// Receiving and sending.
impl Channel {
    /// Opens the channel that this process was started with, and takes it out of the environment.
    /// To be called once, early in `main`, before other threads are started.
    ///
    /// If the channel is at standard input, output or error, that descriptor becomes `/dev/null`.
    ///
    /// # Errors
    /// [`EnvError`](crate::EnvError) if this process was not started with a channel.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_env_with(Limits::default())
    }

    /// [`from_env`](Self::from_env) with other limits.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_env_with(limits: Limits) -> Result<Self, Error> {
        let (socket, serialization) = crate::env::take_channel()?;
        Self::from_socket_with(socket, serialization, limits)
    }

    /// Speaks the protocol over a Unix stream socket that is at hand, in JSON.
    ///
    /// # Errors
    /// [`Error::Io`] if this process has no descriptors free.
    pub fn from_socket(socket: impl Into<OwnedFd>, limits: Limits) -> Result<Self, Error> {
        Self::from_socket_with(socket, Serialization::Json, limits)
    }

    /// [`from_socket`](Self::from_socket) in either serialization, which the peer must share.
    ///
    /// # Errors
    /// As [`from_socket`](Self::from_socket).
    pub fn from_socket_with(
        socket: impl Into<OwnedFd>,
        serialization: Serialization,
        limits: Limits,
    ) -> Result<Self, Error> {
        let link = Link::new(socket.into(), serialization, limits);
        Ok(Channel(Arc::new(Shared {
            encoder: link.encoder(),
            state: Mutex::new(State {
                link,
                polling: None,
                waiting: 0,
                watched: Vec::new(),
                has_unpolled: false,
                next_watch: 0,
                send_timeout: None,
            }),
            changed: Condvar::new(),
            bell: Bell::new()?,
        })))
    }

    /// Waits for the next message; `None` when the peer has disconnected, or we have.
    ///
    /// # Errors
    /// [`Error::Protocol`] is about one message, and the next call gives the next one.
    pub fn recv(&self) -> Result<Option<Message>, Error> {
        match self.0.wait(None, |state| self.next(state)) {
            Some(received) => received,
            None => Ok(None),
        }
    }

    /// [`recv`](Self::recv), for so long at the most.
    ///
    /// # Errors
    /// [`SendError::TimedOut`] if nothing came; otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<Message>, Error> {
        match self.0.wait(Some(timeout), |state| self.next(state)) {
            Some(received) => received,
            None => Err(SendError::TimedOut.into()),
        }
    }

    /// Sends any value that serde can write in the channel's serialization.
    ///
    /// # Errors
    /// [`Error::Send`]: the value cannot be sent, the channel is closed, or the time set by
    /// [`set_send_timeout`](Self::set_send_timeout) went by.
    pub fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.send_frame(self.0.encoder.frame(message)?)
    }

    /// Sends a received message on, or back, as it came.
    ///
    /// # Errors
    /// As [`send`](Self::send); and if it came in another serialization than this channel's.
    pub fn send_payload(&self, payload: &Payload) -> Result<(), Error> {
        self.send_frame(self.0.encoder.forward(payload)?)
    }

    /// Accepts a message without waiting for the kernel to take it, so that many small ones go
    /// out together: call [`flush`](Self::flush) after the last. It does wait when there are more
    /// than 64 KiB of them.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        let queued = self.0.encoder.with_frame(message, |frame| self.0.lock().link.feed(frame))?;
        if queued < HIGH_WATER { Ok(()) } else { self.flush() }
    }

    /// Waits until the kernel has everything that was accepted.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&self) -> Result<(), Error> {
        self.0.wait_to_send(|state| state.link.flushed())
    }

    /// Sends a message with a handle, and returns when the peer has acknowledged it. Our copy is
    /// closed then; [`Outgoing::keep_open`] keeps one. Messages sent meanwhile wait, and so does
    /// all sending if the peer never acknowledges (HND-8): set a timeout where that can happen.
    ///
    /// # Errors
    /// [`Unsent`] holds the error, as for [`send`](Self::send), and the handle.
    pub fn send_handle<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: impl Into<Outgoing>,
    ) -> Result<(), Unsent> {
        self.send_frame_with(self.0.encoder.frame(message), handle.into())
    }

    /// [`send_handle`](Self::send_handle) for a received message: sends it on, or back, as it came,
    /// with a handle.
    ///
    /// # Errors
    /// As [`send_handle`](Self::send_handle) and [`send_payload`](Self::send_payload).
    pub fn send_payload_handle(&self, payload: &Payload, handle: impl Into<Outgoing>) -> Result<(), Unsent> {
        self.send_frame_with(self.0.encoder.forward_with_handle(payload), handle.into())
    }

    fn send_frame_with(&self, frame: Result<Vec<u8>, Error>, outgoing: Outgoing) -> Result<(), Unsent> {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Err(outgoing.unsent(error)),
        };
        let mut state = self.0.lock();
        let ticket = state.link.submit_handle(frame, outgoing)?;
        let timeout = state.send_timeout;
        drop(state);
        match self.0.wait(timeout, |state| state.link.handle_sent(ticket)) {
            Some(sent) => sent,
            None => {
                let handle = self.0.lock().link.withdraw(ticket);
                Err(Unsent { error: SendError::TimedOut.into(), handle })
            }
        }
    }

    /// Ends the channel. What was accepted is written first, and a handle under way is
    /// acknowledged (Node drops what the kernel has not taken: LIFE-3). Nothing is received any
    /// more. Then this waits until the peer has seen the end, for half a second at most, or for five
    /// if it is about to say how many sockets it has open.
    ///
    /// # Errors
    /// [`SendError::Disconnected`] if it was called before or the peer is gone;
    /// [`SendError::TimedOut`] if the peer did not read in time: the channel is closed all the same.
    pub fn disconnect(&self) -> Result<(), Error> {
        let mut state = self.0.lock();
        state.link.disconnect()?;
        let timeout = state.send_timeout;
        drop(state);
        let done = self.0.wait(timeout, |state| state.link.disconnected().then_some(()));
        let mut state = self.0.lock();
        // All was written, though the peer may not have heard of the end.
        let done = done.is_some() || state.link.is_half_closed();
        state.link.end();
        drop(state);
        self.0.wake_all();
        if done { Ok(()) } else { Err(SendError::TimedOut.into()) }
    }

    /// How long a send, a flush or a disconnect may wait: for ever if `None`, which is the
    /// default, as it is Node's.
    pub fn set_send_timeout(&self, timeout: Option<Duration>) {
        self.0.lock().send_timeout = timeout;
    }

    /// Allows `net.BoundSocket` handles to be sent, which end a Node process older than 26. A
    /// peer that has sent one is known to have them.
    pub fn allow_bound_sockets(&self) {
        self.0.lock().link.allow_bound_sockets();
    }

    /// What the peer can read in the advanced mode. By default, only what every Node can is sent.
    pub fn set_v8_options(&self, options: v8::Options) {
        self.0.encoder.set_v8_options(options);
    }

    /// How messages are written.
    pub fn serialization(&self) -> Serialization {
        self.0.encoder.serialization()
    }

    /// Bytes that were accepted and that the kernel has not taken.
    pub fn queued_bytes(&self) -> usize {
        self.0.lock().link.queued_bytes()
    }

    /// Whether messages can still be sent.
    pub fn is_connected(&self) -> bool {
        self.0.lock().link.is_connected()
    }

    /// Asks the peer about sockets that it was sent; the answer is waited for below.
    pub(super) fn ask(&self, key: &SocketKey, question: Question) -> Result<Ticket, Error> {
        let mut state = self.0.lock();
        let ticket = state.link.ask(key, question)?;
        state.link.write();
        self.0.leave(&state);
        Ok(ticket)
    }

    pub(super) fn open_at_peer(&self, ticket: Ticket) -> Result<usize, Error> {
        let timeout = self.0.lock().send_timeout;
        let open = self.0.wait(timeout, |state| state.link.open_at_peer(ticket));
        if open.is_none() {
            self.0.lock().link.forget(ticket);
        }
        open.ok_or(SendError::TimedOut.into())
    }

    pub(super) fn downgrade(&self) -> WeakChannel {
        WeakChannel(Arc::downgrade(&self.0))
    }

    fn next(&self, state: &mut State) -> Option<Result<Option<Message>, Error>> {
        state.link.next(|| {
            let owner: Weak<Shared> = Arc::downgrade(&self.0);
            owner
        })
    }

    fn send_frame(&self, frame: Vec<u8>) -> Result<(), Error> {
        let mut state = self.0.lock();
        let ticket = state.link.submit(frame)?;
        state.link.write();
        // What was written may have been another's.
        self.0.leave(&state);
        if let Some(sent) = state.link.sent(ticket) {
            return sent;
        }
        drop(state);
        let sent = self.0.wait_to_send(|state| state.link.sent(ticket));
        if matches!(sent, Err(Error::Send(SendError::TimedOut))) {
            self.withdraw(ticket);
        }
        sent
    }

    fn withdraw(&self, ticket: Ticket) {
        self.0.lock().link.withdraw(ticket);
    }
}

/// For the cluster.
impl Channel {
    /// Waits until `ready` gives something.
    pub(super) fn wait<T>(&self, ready: impl FnMut(&mut Link) -> Option<T>) -> T {
        self.wait_watching(None, ready)
    }

    /// Waits until `ready` gives something, and has it look whenever this descriptor can be read.
    pub(super) fn wait_watching<T>(
        &self,
        watched: Option<Watched>,
        mut ready: impl FnMut(&mut Link) -> Option<T>,
    ) -> T {
        loop {
            if let Some(value) = self.0.wait_watching(None, watched.as_ref(), |state| ready(&mut state.link))
            {
                return value;
            }
        }
    }

    /// Does something that others may wait for.
    pub(super) fn with_link<T>(&self, action: impl FnOnce(&mut Link) -> T) -> T {
        let value = action(&mut self.0.lock().link);
        self.0.wake_all();
        value
    }

    pub(super) fn owner(&self) -> Arc<dyn ConnectionOwner> {
        self.0.clone()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("blocking::Channel").finish_non_exhaustive()
    }
}

/// A channel that is not kept open by it.
#[derive(Clone, Debug)]
pub(super) struct WeakChannel(Weak<Shared>);

impl WeakChannel {
    pub(super) fn upgrade(&self) -> Option<Channel> {
        self.0.upgrade().map(Channel)
    }
}

impl Reference for WeakChannel {
    fn is_connected(&self) -> bool {
        self.upgrade().is_some_and(|channel| channel.is_connected())
    }

    fn is_same(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

/// Waiting.
impl Shared {
    /// Waits until `ready` gives something; `None` if the time went by.
    fn wait<T>(&self, timeout: Option<Duration>, ready: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        self.wait_watching(timeout, None, ready)
    }

    /// The same, where the condition may hold when this descriptor can be read.
    fn wait_watching<T>(
        &self,
        timeout: Option<Duration>,
        watched: Option<&Watched>,
        mut ready: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
        let mut waited = false;
        let mut state = self.lock();
        let watch = state.next_watch;
        state.next_watch += 1;
        loop {
            state.link.write();
            if let Some(value) = ready(&mut state) {
                state.watched.retain(|(id, _)| *id != watch);
                self.leave(&state);
                return Some(value);
            }
            if state.polling.is_none() && state.link.may_have_input() {
                state.link.read();
                continue;
            }
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            // A timeout of nothing looks once.
            if left == Some(Duration::ZERO) && waited {
                state.watched.retain(|(id, _)| *id != watch);
                self.leave(&state);
                return None;
            }
            waited = true;
            if let Some(watched) = watched
                && state.watched.iter().all(|(id, _)| *id != watch)
            {
                state.watched.push((watch, watched.clone()));
                state.has_unpolled = true;
            }
            state = match state.polling {
                None => self.poll(state, left),
                Some(_) => self.wait_for_poller(state, left),
            };
        }
    }

    fn wait_to_send(&self, ready: impl FnMut(&mut State) -> Option<Result<(), Error>>) -> Result<(), Error> {
        let timeout = self.lock().send_timeout;
        self.wait(timeout, ready).unwrap_or_else(|| Err(SendError::TimedOut.into()))
    }

    /// Waits in `poll` for everybody.
    fn poll<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, state.link.wants_input());
        flags.set(PollFlags::POLLOUT, state.link.wants_output());
        state.polling = Some(flags);
        let socket = state.link.socket();
        let watched = state.watched.clone();
        state.has_unpolled = false;
        drop(state);

        let mut fds =
            vec![PollFd::new(socket.as_fd(), flags), PollFd::new(self.bell.ear.as_fd(), PollFlags::POLLIN)];
        fds.extend(watched.iter().map(|(_, fd)| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
        let result = poll(&mut fds, poll_timeout(timeout));
        let happened = fds[0].revents().unwrap_or(PollFlags::empty());
        if fds[1].any() == Some(true) {
            self.bell.heard();
        }
        let can_be_read = watched.iter().zip(&fds[2..]).filter(|(_, fd)| fd.any() == Some(true));

        let mut state = self.lock();
        state.polling = None;
        // Who waits for it looks now, and comes back if there was nothing for it.
        can_be_read.for_each(|((id, _), _)| state.watched.retain(|(other, _)| other != id));
        if let Err(e) = result
            && e != Errno::EINTR
        {
            // Out of memory, or a descriptor limit below 2.
            state.link.fail(e.into());
        } else if happened.contains(PollFlags::POLLIN) {
            state.link.readable();
            if state.link.wants_input() {
                state.link.read();
            }
        } else if happened.intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
            if flags.contains(PollFlags::POLLIN) {
                state.link.readable();
            } else {
                // As much as the limits allow is waiting to be received; the end comes after it.
                state.link.broken();
            }
        }
        self.leave(&state);
        state
    }

    fn wait_for_poller<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        self.call_poller(&state);
        state.waiting += 1;
        let mut state = match timeout {
            Some(timeout) => {
                let waited = self.changed.wait_timeout(state, timeout);
                waited.unwrap_or_else(|e| e.into_inner()).0
            }
            None => self.changed.wait(state).unwrap_or_else(|e| e.into_inner()),
        };
        state.waiting -= 1;
        state
    }

    /// Something happened, or the thread that waited for all leaves.
    fn leave(&self, state: &State) {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
        self.call_poller(state);
    }

    /// Calls the thread in `poll` back if there is something else to wait for now: output, input
    /// that there was no room for, another descriptor, or no output any more, for it was written or
    /// is lost.
    fn call_poller(&self, state: &State) {
        if let Some(flags) = state.polling
            && (state.has_unpolled
                || state.link.wants_output() != flags.contains(PollFlags::POLLOUT)
                || state.link.wants_input() && !flags.contains(PollFlags::POLLIN))
        {
            self.bell.ring();
        }
    }

    fn wake_all(&self) {
        self.bell.ring();
        self.changed.notify_all();
    }

    /// A panic elsewhere cannot leave the state half changed: no code of our users runs under
    /// the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl SocketOwner for Shared {
    fn socket_closed(&self, key: &SocketKey) {
        let mut state = self.lock();
        state.link.socket_closed(key);
        self.leave(&state);
    }
}

impl ConnectionOwner for Shared {
    fn connection_closed(&self, server: ServerId) {
        let mut state = self.lock();
        let matters = state.link.work(|worker| {
            worker.connection_closed(server);
            worker.is_stopping() || worker.is_limited(server)
        });
        // Nobody waits for it otherwise.
        if matters {
            self.wake_all();
        }
    }
}

/// A byte in a socket pair, to wake a thread in `poll`.
struct Bell {
    ear: UnixStream,
    clapper: UnixStream,
}

impl Bell {
    fn new() -> io::Result<Self> {
        let (ear, clapper) = UnixStream::pair()?;
        ear.set_nonblocking(true)?;
        clapper.set_nonblocking(true)?;
        Ok(Bell { ear, clapper })
    }

    fn ring(&self) {
        // Full means that it rings already.
        let _ = (&self.clapper).write(&[1]);
    }

    fn heard(&self) {
        let _ = (&self.ear).read(&mut [0; 64]);
    }
}

fn poll_timeout(timeout: Option<Duration>) -> PollTimeout {
    match timeout {
        None => PollTimeout::NONE,
        // Rounded up, so that a wait never ends early and turns over.
        Some(t) => PollTimeout::try_from(t + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX),
    }
}
