//! [`Channel`]: how tasks wait for the machine.
//!
//! Every waiting call does the same: it does what I/O can be done, looks whether its own
//! condition holds, and else waits for the socket, or for another call to tell that something
//! happened. So a sender makes progress when nobody receives, and receives what comes meanwhile.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::Poll;

use serde::Serialize;
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use tokio::sync::Notify;

use crate::encoder::Encoder;
use crate::error::Error;
use crate::handle::{Outgoing, Unsent};
use crate::holders::Reference;
use crate::limits::Limits;
use crate::link::{HIGH_WATER, Link, Step, primary};
use crate::listen::ConnectionOwner;
use crate::message::Payload;
use crate::proto::cluster::worker::ServerId;
use crate::proto::{Question, Ticket};
use crate::received::{Message, SocketOwner};
use crate::sys::reactor;
use crate::wire::Serialization;
use crate::wire::control::SocketKey;
use crate::wire::v8;

/// How much news of a worker is dealt with before others get their turn.
const MOST_NEWS: usize = 64;

/// One end of a channel to a Node process, for tasks.
///
/// It is cheap to clone, and any number of tasks may send while others receive. The last clone
/// closes it. Sends return when the kernel has the message, as Node's callbacks do.
///
/// Every call may be cancelled by dropping its future: [`recv`](Self::recv) then loses nothing,
/// and a message is then sent whole or, if its first byte had not been written, not at all.
///
/// ```no_run
/// # async fn example() -> Result<(), crossfork::Error> {
/// let channel = crossfork::tokio::Channel::from_env()?;
/// while let Some(message) = channel.recv().await? {
///     let text: String = message.decode()?;
///     channel.send(&text.to_uppercase()).await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Channel(Arc<Shared>);

struct Shared {
    encoder: Arc<Encoder>,
    link: Mutex<Link>,
    /// The link's socket, for news that it can be read.
    readable: AsyncFd<Arc<UnixStream>>,
    /// The same, for news that it can be written, while a write has to wait. At other times every
    /// read of the peer would wake us for nothing.
    writable: Mutex<Weak<Writable>>,
    /// A second descriptor of the socket for that, since the reactor knows each only once. Made
    /// at the start, for later there may be none free.
    second: Arc<UnixStream>,
    /// Told when something happened that another task may wait for.
    changed: Notify,
}

type Writable = AsyncFd<Arc<UnixStream>>;

/// Receiving and sending.
impl Channel {
    /// Opens the channel that this process was started with, and takes it out of the environment.
    /// To be called once, early in `main`, inside of a runtime with I/O enabled.
    ///
    /// If the channel is at standard input, output or error, that descriptor becomes `/dev/null`.
    ///
    /// # Errors
    /// [`EnvError`](crate::EnvError) if this process was not started with a channel.
    ///
    /// # Panics
    /// Outside of a runtime, and in one without I/O.
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
    /// [`Error::Io`] if this process has no descriptors free, or the reactor will not have it.
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
        let second = Arc::new(link.socket().try_clone()?);
        let readable = reactor::register(link.socket(), Interest::READABLE)?;
        Ok(Channel(Arc::new(Shared {
            encoder: link.encoder(),
            link: Mutex::new(link),
            readable,
            writable: Mutex::new(Weak::new()),
            second,
            changed: Notify::new(),
        })))
    }

    /// Waits for the next message; `None` when the peer has disconnected, or we have.
    ///
    /// # Errors
    /// [`Error::Protocol`] is about one message, and the next call gives the next one.
    pub async fn recv(&self) -> Result<Option<Message>, Error> {
        self.0
            .wait(|link| {
                link.next(|| {
                    let owner: Weak<Shared> = Arc::downgrade(&self.0);
                    owner
                })
            })
            .await
    }

    /// Sends any value that serde can write in the channel's serialization.
    ///
    /// # Errors
    /// [`Error::Send`]: the value cannot be sent, or the channel is closed.
    pub async fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.send_frame(self.0.encoder.frame(message)).await
    }

    /// Sends a received message on, or back, as it came.
    ///
    /// # Errors
    /// As [`send`](Self::send); and if it came in another serialization than this channel's.
    pub async fn send_payload(&self, payload: &Payload) -> Result<(), Error> {
        self.send_frame(self.0.encoder.forward(payload)).await
    }

    /// Accepts a message without waiting for the kernel to take it, so that many small ones go
    /// out together: call [`flush`](Self::flush) after the last. It does wait when there are more
    /// than 64 KiB of them.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        let queued = self.0.encoder.with_frame(message, |frame| self.0.lock().feed(frame))?;
        if queued < HIGH_WATER { Ok(()) } else { self.flush().await }
    }

    /// Waits until the kernel has everything that was accepted.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn flush(&self) -> Result<(), Error> {
        self.0.wait(|link| link.flushed()).await
    }

    /// Sends a message with a handle, and returns when the peer has acknowledged it. Our copy is
    /// closed then; [`Outgoing::keep_open`] keeps one. Messages sent meanwhile wait, and so does
    /// all sending if the peer never acknowledges (HND-8): use a timeout where that can happen.
    ///
    /// # Errors
    /// [`Unsent`] holds the error, as for [`send`](Self::send), and the handle.
    pub async fn send_handle<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: impl Into<Outgoing>,
    ) -> Result<(), Unsent> {
        self.send_frame_with(self.0.encoder.frame(message), handle.into()).await
    }

    /// [`send_handle`](Self::send_handle) for a received message: sends it on, or back, as it came,
    /// with a handle.
    ///
    /// # Errors
    /// As [`send_handle`](Self::send_handle) and [`send_payload`](Self::send_payload).
    pub async fn send_payload_handle(
        &self,
        payload: &Payload,
        handle: impl Into<Outgoing>,
    ) -> Result<(), Unsent> {
        self.send_frame_with(self.0.encoder.forward_with_handle(payload), handle.into()).await
    }

    async fn send_frame_with(&self, frame: Result<Vec<u8>, Error>, outgoing: Outgoing) -> Result<(), Unsent> {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Err(outgoing.unsent(error)),
        };
        let ticket = self.0.lock().submit_handle(frame, outgoing)?;
        let mut cancelled = Withdraw { shared: &self.0, ticket: Some(ticket) };
        let sent = self.0.wait(|link| link.handle_sent(ticket)).await;
        cancelled.ticket = None;
        sent
    }

    /// Ends the channel. What was accepted is written first, and a handle under way is
    /// acknowledged (Node drops what the kernel has not taken: LIFE-3). Nothing is received any
    /// more. Then this waits until the peer has seen the end, for half a second at most, or for five
    /// if it is about to say how many sockets it has open. A peer that does not read makes this wait: use a timeout where that can happen, and
    /// drop the channel.
    ///
    /// # Errors
    /// [`SendError::Disconnected`](crate::SendError::Disconnected) if it was called before or the peer is gone.
    pub async fn disconnect(&self) -> Result<(), Error> {
        self.0.lock().disconnect()?;
        self.0.wait(|link| link.disconnected().then_some(())).await;
        self.0.changed.notify_waiters();
        Ok(())
    }

    /// Allows `net.BoundSocket` handles to be sent, which end a Node process older than 26. A
    /// peer that has sent one is known to have them.
    pub fn allow_bound_sockets(&self) {
        self.0.lock().allow_bound_sockets();
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
        self.0.lock().queued_bytes()
    }

    /// Whether messages can still be sent.
    pub fn is_connected(&self) -> bool {
        self.0.lock().is_connected()
    }

    /// Asks the peer about sockets that it was sent, now; the answer is to be waited for. Dropped,
    /// it is not waited for any more.
    pub(super) fn ask(
        &self,
        key: &SocketKey,
        question: Question,
    ) -> Result<impl Future<Output = usize> + use<'_>, Error> {
        let ticket = {
            let mut link = self.0.lock();
            let ticket = link.ask(key, question)?;
            link.write();
            ticket
        };
        self.0.changed.notify_waiters();
        let dropped = Forget { shared: &self.0, ticket };
        Ok(async move {
            let _dropped = dropped;
            self.0.wait(|link| link.open_at_peer(ticket)).await
        })
    }

    /// From now on this is a primary's channel to a worker of its cluster.
    pub(super) fn lead(&self) {
        self.0.lock().lead();
    }

    /// Waits for something that the primary has to deal with, and takes all there is.
    pub(super) async fn news(&self, news: &mut Vec<primary::News>) {
        self.0
            .wait(|link| {
                while news.len() < MOST_NEWS
                    && !matches!(news.last(), Some(primary::News::Over(_)))
                    && let Some(next) = link.news(|| self.socket_owner())
                {
                    news.push(next);
                }
                (!news.is_empty()).then_some(())
            })
            .await;
        if matches!(news.last(), Some(primary::News::Over(_))) {
            // Others may wait for what will not come.
            self.0.changed.notify_waiters();
        }
    }

    /// Has the link accept something, and writes as much as can be written now.
    pub(super) fn push<T>(&self, submit: impl FnOnce(&mut Link) -> T) -> T {
        let mut link = self.0.lock();
        let submitted = submit(&mut link);
        link.write();
        if link.is_unsettled() {
            self.0.changed.notify_waiters();
        }
        submitted
    }

    /// Reads nothing from the worker from now on, or reads again.
    pub(super) fn hold_back(&self, hold: impl FnOnce() -> bool) {
        self.0.lock().hold_back(hold());
        self.0.changed.notify_waiters();
    }

    /// The worker's process has ended: what it has left is news, and then the channel ends.
    pub(super) fn bury(&self) {
        self.0.lock().bury();
        self.0.changed.notify_waiters();
    }

    fn socket_owner(&self) -> Weak<Shared> {
        Arc::downgrade(&self.0)
    }

    /// Ends the channel at once, whatever is not written.
    pub(super) fn close(&self) {
        self.0.lock().end();
        self.0.changed.notify_waiters();
    }

    pub(super) fn downgrade(&self) -> WeakChannel {
        WeakChannel(Arc::downgrade(&self.0))
    }

    async fn send_frame(&self, frame: Result<Vec<u8>, Error>) -> Result<(), Error> {
        let ticket = {
            let mut link = self.0.lock();
            let ticket = link.submit(frame?)?;
            link.write();
            // What was written may have been another's.
            self.0.changed.notify_waiters();
            if let Some(sent) = link.sent(ticket) {
                return sent;
            }
            ticket
        };
        let mut cancelled = Withdraw { shared: &self.0, ticket: Some(ticket) };
        let sent = self.0.wait(|link| link.sent(ticket)).await;
        cancelled.ticket = None;
        sent
    }
}

/// For the cluster.
impl Channel {
    /// Waits until `ready` gives something.
    pub(super) async fn wait<T>(&self, ready: impl FnMut(&mut Link) -> Option<T>) -> T {
        self.0.wait(ready).await
    }

    /// Does something that others may wait for.
    pub(super) fn with_link<T>(&self, action: impl FnOnce(&mut Link) -> T) -> T {
        let value = action(&mut self.0.lock());
        self.0.changed.notify_waiters();
        value
    }

    pub(super) fn connection_owner(&self) -> Arc<dyn ConnectionOwner> {
        self.0.clone()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("tokio::Channel").finish_non_exhaustive()
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

/// Takes a message back whose sender was cancelled.
struct Withdraw<'a> {
    shared: &'a Shared,
    ticket: Option<Ticket>,
}

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.lock().withdraw(ticket);
        }
    }
}

/// Lets go of a question, answered or not.
struct Forget<'a> {
    shared: &'a Shared,
    ticket: Ticket,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.lock().forget(self.ticket);
    }
}

/// Waiting.
impl Shared {
    /// Waits until `ready` gives something.
    async fn wait<T>(&self, mut ready: impl FnMut(&mut Link) -> Option<T>) -> T {
        let mut writer: Option<Writer<'_>> = None;
        loop {
            // What is there already needs no waiting.
            if let Some(value) = self.look(&mut ready) {
                return value;
            }
            if writer.is_none() && self.lock().wants_output() {
                match Writer::new(self) {
                    Ok(registered) => writer = Some(registered),
                    Err(e) => self.lock().fail(e),
                }
            }
            match self.news(writer.as_ref().and_then(Writer::writable), &mut ready).await {
                News::Ready(value) => return value,
                News::Changed => {}
                News::Readable(Ok(mut guard)) => {
                    if self.read() == Step::Blocked {
                        guard.clear_ready();
                    }
                }
                News::Writable(Ok(mut guard)) => {
                    if self.write() == Step::Blocked {
                        guard.clear_ready();
                    }
                }
                // The runtime is shutting down.
                News::Readable(Err(e)) | News::Writable(Err(e)) => self.lock().fail(e),
            }
        }
    }

    /// Waits until something happens that may matter to anybody.
    async fn news<'a, T>(
        &'a self,
        writable: Option<&'a Writable>,
        ready: &mut impl FnMut(&mut Link) -> Option<T>,
    ) -> News<'a, T> {
        let mut changed = pin!(self.changed.notified());
        changed.as_mut().enable();
        // Once more, for what happened before we were enabled.
        if let Some(value) = self.look(ready) {
            return News::Ready(value);
        }
        let (reads, writes) = {
            let link = self.lock();
            (link.wants_input(), link.wants_output())
        };
        if writes && writable.is_none() {
            return News::Changed;
        }
        let mut read = pin!(self.readable.readable());
        let mut write = pin!(async {
            match writable {
                Some(writable) if writes => writable.writable().await,
                _ => pending().await,
            }
        });
        poll_fn(|cx| {
            if changed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(News::Changed);
            }
            if reads && let Poll::Ready(guard) = read.as_mut().poll(cx) {
                return Poll::Ready(News::Readable(guard));
            }
            write.as_mut().poll(cx).map(News::Writable)
        })
        .await
    }

    /// Writes what can be written, and looks whether the condition holds.
    fn look<T>(&self, ready: &mut impl FnMut(&mut Link) -> Option<T>) -> Option<T> {
        let mut link = self.lock();
        link.write();
        let had_room = link.wants_input();
        let value = ready(&mut link)?;
        if !had_room && link.wants_input() {
            // Another call may wait for an acknowledgement that can be read now.
            self.changed.notify_waiters();
        }
        Some(value)
    }

    /// Reads once. Blocked only if the kernel has no more, for it tells us of news alone.
    fn read(&self) -> Step {
        let mut link = self.lock();
        if !link.wants_input() {
            return Step::Progress;
        }
        let step = link.read();
        let drained = link.is_drained();
        drop(link);
        // Whatever came may be what another call waits for.
        self.changed.notify_waiters();
        if drained { Step::Blocked } else { step }
    }

    fn write(&self) -> Step {
        let step = self.lock().write();
        self.changed.notify_waiters();
        step
    }

    /// A panic elsewhere cannot leave the state half changed: no code of our users runs under
    /// the lock.
    fn lock(&self) -> MutexGuard<'_, Link> {
        lock(&self.link)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// One of those who wait for news that the socket can be written. The first registers for it, and
/// the last takes it back.
struct Writer<'a> {
    shared: &'a Shared,
    writable: Option<Arc<Writable>>,
}

impl<'a> Writer<'a> {
    fn new(shared: &'a Shared) -> io::Result<Self> {
        let mut registered = lock(&shared.writable);
        let writable = match registered.upgrade() {
            Some(writable) => writable,
            None => Arc::new(reactor::register(shared.second.clone(), Interest::WRITABLE)?),
        };
        *registered = Arc::downgrade(&writable);
        Ok(Writer { shared, writable: Some(writable) })
    }

    fn writable(&self) -> Option<&Writable> {
        self.writable.as_deref()
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        // Under the lock, so that nobody registers before this registration is gone.
        let _locked = lock(&self.shared.writable);
        self.writable = None;
    }
}

/// What ended a wait.
enum News<'a, T> {
    /// The condition holds.
    Ready(T),
    /// Another call did something.
    Changed,
    Readable(io::Result<AsyncFdReadyGuard<'a, Arc<UnixStream>>>),
    Writable(io::Result<AsyncFdReadyGuard<'a, Arc<UnixStream>>>),
}

impl SocketOwner for Shared {
    fn socket_closed(&self, key: &SocketKey) {
        let mut link = self.lock();
        link.socket_closed(key);
        self.changed.notify_waiters();
    }
}

impl ConnectionOwner for Shared {
    fn connection_closed(&self, server: ServerId) {
        self.lock().work(|worker| worker.connection_closed(server));
        self.changed.notify_waiters();
    }
}
