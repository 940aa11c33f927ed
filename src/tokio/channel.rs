//! [`Channel`] for tasks.

use std::fmt;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use serde::Serialize;

use super::shared::Shared;
use crate::driver::holders::{Reference, Share};
use crate::driver::link::{HIGH_WATER, Link, primary};
use crate::driver::listen::ConnectionOwner;
use crate::driver::op::{self, Operation};
use crate::error::Error;
use crate::handle::{IntoOutgoing, Outgoing, Unsent};
use crate::limits::Limits;
use crate::message::Message;
use crate::message::Payload;
#[cfg(feature = "calls")]
use crate::message::encoder::Encoder;
use crate::proto::Question;
use crate::wire::Serialization;
use crate::wire::control::SocketKey;
use crate::wire::v8;

/// One end of a channel to a Node process, for tasks.
///
/// It is cheap to clone, and any number of tasks may send while others receive. The last clone
/// closes it. Sends return when the kernel has the message, as Node's callbacks do.
///
/// Every call may be cancelled by dropping its future, and says what becomes of it then. Calls take
/// part in tokio's cooperative scheduling: a task that always finds something to receive, or room
/// to send, lets others run from time to time.
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

/// Receiving and sending.
impl Channel {
    /// Opens the channel that this process was started with. To be called once, early in `main`, inside
    /// of a runtime with I/O enabled. A program that starts Node programs by other means than this crate
    /// takes the channel before it builds the runtime: see [`env`](crate::env).
    ///
    /// If the channel is at standard input, output or error, that descriptor becomes `/dev/null`.
    ///
    /// # Errors
    /// [`EnvError`](crate::EnvError) if this process was not started with a channel.
    ///
    /// # Panics
    /// Outside of a runtime, and in one without I/O.
    #[track_caller]
    pub fn from_env() -> Result<Self, Error> {
        Self::from_env_with(Limits::default())
    }

    /// [`from_env`](Self::from_env) with other limits.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    ///
    /// # Panics
    /// As [`from_env`](Self::from_env).
    #[track_caller]
    pub fn from_env_with(limits: Limits) -> Result<Self, Error> {
        super::require_runtime();
        let (socket, serialization) = crate::env::take_channel()?;
        Self::from_socket_with(socket, serialization, limits)
    }

    /// Speaks the protocol over a Unix stream socket that is at hand, in JSON.
    ///
    /// # Errors
    /// [`Error::Io`] if this process has no descriptors free, or the reactor will not have it.
    ///
    /// # Panics
    /// Outside of a runtime, and in one without I/O.
    #[track_caller]
    pub fn from_socket(socket: impl Into<OwnedFd>, limits: Limits) -> Result<Self, Error> {
        Self::from_socket_with(socket, Serialization::Json, limits)
    }

    /// [`from_socket`](Self::from_socket) in either serialization, which the peer must share.
    ///
    /// # Errors
    /// As [`from_socket`](Self::from_socket).
    ///
    /// # Panics
    /// As [`from_socket`](Self::from_socket).
    #[track_caller]
    pub fn from_socket_with(
        socket: impl Into<OwnedFd>,
        serialization: Serialization,
        limits: Limits,
    ) -> Result<Self, Error> {
        Ok(Channel(Shared::new(socket.into(), serialization, limits)?))
    }

    /// Waits for the next message; `None` when the peer has disconnected, or we have.
    ///
    /// # Errors
    /// [`Error::Protocol`] is about one message, and the next call gives the next one.
    ///
    /// # Cancel safety
    /// No message is lost if the future is dropped: the next call gives it.
    pub async fn recv(&self) -> Result<Option<Message>, Error> {
        self.0.call(op::recv(|| self.socket_owner())).await
    }

    /// Sends any value that serde can write in the channel's serialization.
    ///
    /// # Errors
    /// [`Error::Send`]: the value cannot be sent, or the channel is closed.
    ///
    /// # Cancel safety
    /// If the future is dropped, the message is sent whole if its first byte was written, and
    /// otherwise not at all.
    pub async fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.send_frame(self.0.encoder.frame(message)).await
    }

    /// Sends a received message on, or back, as it came.
    ///
    /// # Errors
    /// As [`send`](Self::send); and if it came in another serialization than this channel's.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_payload(&self, payload: &Payload) -> Result<(), Error> {
        self.send_frame(self.0.encoder.forward(payload)).await
    }

    /// Accepts a message without waiting for the kernel to take it, so that many small ones go
    /// out together: call [`flush`](Self::flush) after the last. When more than 64 KiB wait with it,
    /// this waits until all are written.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// A message that was accepted is sent, even if the future is dropped while it waits for the
    /// others to be written. Only a task that has used up its turn waits before that.
    pub async fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.0.turn().await;
        self.accept(self.0.encoder.with_frame(message, |frame| self.0.feed(frame))).await
    }

    /// [`feed`](Self::feed) for a received message: accepts it to be sent on, or back, as it came.
    ///
    /// # Errors
    /// As [`send_payload`](Self::send_payload).
    ///
    /// # Cancel safety
    /// As [`feed`](Self::feed).
    pub async fn feed_payload(&self, payload: &Payload) -> Result<(), Error> {
        self.0.turn().await;
        self.accept(self.0.encoder.forward(payload).and_then(|mut frame| self.0.feed(&mut frame))).await
    }

    async fn accept(&self, queued: Result<usize, Error>) -> Result<(), Error> {
        if queued? < HIGH_WATER { Ok(()) } else { self.flush().await }
    }

    /// Waits until the kernel has everything that was accepted.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped: what was accepted is still written, at the latest
    /// by the next call that waits.
    pub async fn flush(&self) -> Result<(), Error> {
        self.0.call(op::flush()).await
    }

    /// Sends a message with a handle, and returns when the peer has acknowledged it. Our copy is
    /// closed then; [`Outgoing::keep_open`] keeps one. Messages sent meanwhile wait, and so does
    /// all sending if the peer never acknowledges (HND-8): use a timeout where that can happen.
    ///
    /// # Errors
    /// [`Unsent`] holds the error, as for [`send`](Self::send), and the handle.
    ///
    /// # Cancel safety
    /// If the future is dropped, the handle is closed: at once, and nothing is sent, if the message
    /// has not begun to be written; otherwise when the peer has replied.
    pub async fn send_handle<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: impl IntoOutgoing,
    ) -> Result<(), Unsent> {
        self.send_share(message, handle.into(), None).await
    }

    /// [`send_handle`](Self::send_handle) for a received message: sends it on, or back, as it came,
    /// with a handle.
    ///
    /// # Errors
    /// As [`send_handle`](Self::send_handle) and [`send_payload`](Self::send_payload).
    ///
    /// # Cancel safety
    /// As [`send_handle`](Self::send_handle).
    pub async fn send_payload_handle(
        &self,
        payload: &Payload,
        handle: impl IntoOutgoing,
    ) -> Result<(), Unsent> {
        self.send_frame_with(self.0.encoder.forward_with_handle(payload), handle.into(), None).await
    }

    /// Ends the channel. What was accepted is written first, and a handle under way is
    /// acknowledged (Node drops what the kernel has not taken: LIFE-3). Nothing is received any
    /// more. Then this waits until the peer has seen the end, for half a second at most, or for five
    /// if it is about to say how many sockets it has open.
    ///
    /// A peer that does not read makes this wait: use a timeout where that can happen, and
    /// [`close`](Self::close) the channel then. Any number of calls may wait for the end, and a later
    /// call waits for what an earlier one has begun.
    ///
    /// If the peer leaves meanwhile, what it has not read is lost, and that is no error here: call
    /// [`flush`](Self::flush) before to know.
    ///
    /// # Errors
    /// [`SendError::Disconnected`](crate::SendError::Disconnected) if the peer has ended the channel before us.
    ///
    /// # Cancel safety
    /// The channel goes on to end if the future is dropped: nothing can be sent any more. To wait
    /// for it, call this again.
    pub async fn disconnect(&self) -> Result<(), Error> {
        let op = op::Disconnect::submit(&mut self.0.visit())?;
        self.0.call(op).await;
        Ok(())
    }

    /// Ends the channel at once. What was accepted and is not written is lost, and calls that wait
    /// return. Nothing happens if the channel is over.
    pub fn close(&self) {
        self.0.visit().close();
    }

    /// Allows `net.BoundSocket` handles to be sent, which end a Node process older than 26. A
    /// peer that has sent one is known to have them.
    pub fn allow_bound_sockets(&self) {
        self.0.visit().allow_bound_sockets();
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
        self.0.look(Link::queued_bytes)
    }

    /// Whether messages can still be sent.
    pub fn is_connected(&self) -> bool {
        self.0.look(Link::is_connected)
    }

    /// Asks the peer about sockets that it was sent, now; the answer is to be waited for. Dropped,
    /// it is not waited for any more.
    pub(super) fn ask(
        &self,
        key: &SocketKey,
        question: Question,
    ) -> Result<impl Future<Output = usize> + use<'_>, Error> {
        let op = op::Ask::submit(&mut self.0.visit(), key, question)?;
        Ok(self.0.call(op))
    }

    /// [`send_handle`](Self::send_handle) with the share that it is of a list.
    pub(super) async fn send_share<T: Serialize + ?Sized>(
        &self,
        message: &T,
        outgoing: Outgoing,
        share: Option<Share>,
    ) -> Result<(), Unsent> {
        self.send_frame_with(self.0.encoder.frame(message), outgoing, share).await
    }

    async fn send_frame_with(
        &self,
        frame: Result<Vec<u8>, Error>,
        outgoing: Outgoing,
        share: Option<Share>,
    ) -> Result<(), Unsent> {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Err(outgoing.unsent(error)),
        };
        let op = op::SendHandle::submit(&mut self.0.visit(), frame, outgoing, share)?;
        self.0.call(op).await
    }

    /// Makes the frames of this channel.
    #[cfg(feature = "calls")]
    pub(super) fn encoder(&self) -> Arc<Encoder> {
        self.0.encoder.clone()
    }

    /// From now on this is a primary's channel to a worker of its cluster.
    pub(super) fn lead(&self) {
        self.0.visit().lead();
    }

    /// Waits for something that the primary has to deal with, and takes all there is.
    pub(super) async fn news(&self) -> Vec<primary::News> {
        self.0.call(op::news(|| self.socket_owner())).await
    }

    /// Reads nothing from the worker from now on, or reads again.
    pub(super) fn hold_back(&self, hold: impl FnOnce() -> bool) {
        self.0.visit().hold_back(hold());
    }

    fn socket_owner(&self) -> Weak<Shared> {
        Arc::downgrade(&self.0)
    }

    pub(super) fn downgrade(&self) -> WeakChannel {
        WeakChannel(Arc::downgrade(&self.0))
    }

    /// Sends a frame that was made before.
    pub(super) async fn send_frame(&self, frame: Result<Vec<u8>, Error>) -> Result<(), Error> {
        self.0.turn().await;
        let op = {
            let mut link = self.0.visit();
            let mut op = op::Send::submit(&mut link, frame?)?;
            // Most are written at once.
            if let Some(sent) = op.poll(&mut link) {
                return sent;
            }
            op
        };
        self.0.call(op).await
    }
}

/// For the cluster.
impl Channel {
    /// Waits for an operation.
    pub(super) async fn call<O: Operation>(&self, op: O) -> O::Output {
        self.0.call(op).await
    }

    /// Does something that others may wait for.
    pub(super) fn with_link<T>(&self, action: impl FnOnce(&mut Link) -> T) -> T {
        action(&mut self.0.visit())
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
