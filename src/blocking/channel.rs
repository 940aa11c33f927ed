//! [`Channel`] for threads.

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Serialize;

use super::shared::{Shared, Watched};
use crate::driver::holders::{Reference, Share};
use crate::driver::link::{HIGH_WATER, Link};
use crate::driver::listen::ConnectionOwner;
use crate::driver::op::{self, Operation};
use crate::error::{Error, SendError};
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

/// Receiving and sending.
impl Channel {
    /// Opens the channel that this process was started with. To be called once, early in `main`, while
    /// there is no other thread: the variables that tell of the channel then leave the environment. See
    /// [`env`](crate::env) for what it means if there is one.
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
        Ok(Channel(Shared::new(socket.into(), serialization, limits)?))
    }

    /// Waits for the next message; `None` when the peer has disconnected, or we have.
    ///
    /// # Errors
    /// [`Error::Protocol`] is about one message, and the next call gives the next one.
    pub fn recv(&self) -> Result<Option<Message>, Error> {
        self.0.call(op::recv(|| self.socket_owner()))
    }

    /// [`recv`](Self::recv), for so long at the most.
    ///
    /// # Errors
    /// [`SendError::TimedOut`] if nothing came; otherwise as [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<Message>, Error> {
        let received = self.0.call_within(Some(timeout), op::recv(|| self.socket_owner()));
        received.unwrap_or_else(|_| Err(SendError::TimedOut.into()))
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
    /// out together: call [`flush`](Self::flush) after the last. When more than 64 KiB wait with it,
    /// this waits until all are written.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.accept(self.0.encoder.with_frame(message, |frame| self.0.look(|state| state.link().feed(frame))))
    }

    /// [`feed`](Self::feed) for a received message: accepts it to be sent on, or back, as it came.
    ///
    /// # Errors
    /// As [`send_payload`](Self::send_payload).
    pub fn feed_payload(&self, payload: &Payload) -> Result<(), Error> {
        let mut frame = self.0.encoder.forward(payload)?;
        self.accept(self.0.look(|state| state.link().feed(&mut frame)))
    }

    fn accept(&self, queued: Result<usize, Error>) -> Result<(), Error> {
        if queued? < HIGH_WATER { Ok(()) } else { self.flush() }
    }

    /// Waits until the kernel has everything that was accepted.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&self) -> Result<(), Error> {
        self.within_send_timeout(op::flush()).unwrap_or_else(|_| Err(SendError::TimedOut.into()))
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
        handle: impl IntoOutgoing,
    ) -> Result<(), Unsent> {
        self.send_share(message, handle.into(), None)
    }

    /// [`send_handle`](Self::send_handle) for a received message: sends it on, or back, as it came,
    /// with a handle.
    ///
    /// # Errors
    /// As [`send_handle`](Self::send_handle) and [`send_payload`](Self::send_payload).
    pub fn send_payload_handle(&self, payload: &Payload, handle: impl IntoOutgoing) -> Result<(), Unsent> {
        self.send_frame_with(self.0.encoder.forward_with_handle(payload), handle.into(), None)
    }

    /// Ends the channel. What was accepted is written first, and a handle under way is
    /// acknowledged (Node drops what the kernel has not taken: LIFE-3). Nothing is received any
    /// more. Then this waits until the peer has seen the end, for half a second at most, or for five
    /// if it is about to say how many sockets it has open.
    ///
    /// Any number of calls may wait for the end, and a later call waits for what an earlier one has
    /// begun.
    ///
    /// If the peer leaves meanwhile, what it has not read is lost, and that is no error here: call
    /// [`flush`](Self::flush) before to know.
    ///
    /// # Errors
    /// [`SendError::Disconnected`] if the peer has ended the channel before us;
    /// [`SendError::TimedOut`] if the peer did not read in time: the channel is closed all the same.
    pub fn disconnect(&self) -> Result<(), Error> {
        let op = op::Disconnect::submit(self.0.visit().link())?;
        self.within_send_timeout(op).or_else(|mut op| {
            let mut visit = self.0.visit();
            // All was written, though the peer may not have heard of the end; or it is over by now.
            let was_written = visit.link().is_half_closed() || op.poll(visit.link()).is_some();
            visit.link().close();
            if was_written { Ok(()) } else { Err(SendError::TimedOut.into()) }
        })
    }

    /// Ends the channel at once. What was accepted and is not written is lost, and calls that wait
    /// return. Nothing happens if the channel is over.
    pub fn close(&self) {
        self.0.visit().link().close();
    }

    /// How long a send, a flush or a disconnect may wait: for ever if `None`, which is the
    /// default, as it is Node's.
    pub fn set_send_timeout(&self, timeout: Option<Duration>) {
        self.0.look(|state| state.send_timeout = timeout);
    }

    /// Allows `net.BoundSocket` handles to be sent, which end a Node process older than 26. A
    /// peer that has sent one is known to have them.
    pub fn allow_bound_sockets(&self) {
        self.0.visit().link().allow_bound_sockets();
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
        self.0.look(|state| state.link().queued_bytes())
    }

    /// Whether messages can still be sent.
    pub fn is_connected(&self) -> bool {
        self.0.look(|state| state.link().is_connected())
    }

    /// Makes the frames of this channel.
    #[cfg(feature = "calls")]
    pub(super) fn encoder(&self) -> Arc<Encoder> {
        self.0.encoder.clone()
    }

    /// Asks the peer about sockets that it was sent; the answer is waited for below.
    pub(super) fn ask(&self, key: &SocketKey, question: Question) -> Result<op::Ask, Error> {
        op::Ask::submit(self.0.visit().link(), key, question)
    }

    pub(super) fn open_at_peer(&self, asked: op::Ask) -> Result<usize, Error> {
        self.within_send_timeout(asked).map_err(|_| SendError::TimedOut.into())
    }

    /// [`send_handle`](Self::send_handle) with the share that it is of a list.
    pub(super) fn send_share<T: Serialize + ?Sized>(
        &self,
        message: &T,
        outgoing: Outgoing,
        share: Option<Share>,
    ) -> Result<(), Unsent> {
        self.send_frame_with(self.0.encoder.frame(message), outgoing, share)
    }

    fn send_frame_with(
        &self,
        frame: Result<Vec<u8>, Error>,
        outgoing: Outgoing,
        share: Option<Share>,
    ) -> Result<(), Unsent> {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Err(outgoing.unsent(error)),
        };
        let op = op::SendHandle::submit(self.0.visit().link(), frame, outgoing, share)?;
        self.within_send_timeout(op)
            .unwrap_or_else(|op| Err(Unsent { error: SendError::TimedOut.into(), handle: op.returned }))
    }

    pub(super) fn downgrade(&self) -> WeakChannel {
        WeakChannel(Arc::downgrade(&self.0))
    }

    fn socket_owner(&self) -> Weak<Shared> {
        Arc::downgrade(&self.0)
    }

    /// Sends a frame that was made before.
    pub(super) fn send_frame(&self, frame: Vec<u8>) -> Result<(), Error> {
        let op = {
            let mut visit = self.0.visit();
            let mut op = op::Send::submit(visit.link(), frame)?;
            // Most are written at once.
            if let Some(sent) = op.poll(visit.link()) {
                return sent;
            }
            op
        };
        self.within_send_timeout(op).unwrap_or_else(|_| Err(SendError::TimedOut.into()))
    }

    fn within_send_timeout<O: Operation>(&self, op: O) -> Result<O::Output, O> {
        self.0.call_within(self.0.look(|state| state.send_timeout), op)
    }
}

/// For the cluster.
impl Channel {
    /// Waits for an operation.
    pub(super) fn call<O: Operation>(&self, op: O) -> O::Output {
        self.0.call(op)
    }

    /// Waits for an operation that may also be ready when this descriptor can be read.
    pub(super) fn call_watching<O: Operation>(&self, watched: Watched, op: O) -> O::Output {
        self.0.call_watching(Some(watched), op)
    }

    /// Does something that others may wait for.
    pub(super) fn with_link<T>(&self, action: impl FnOnce(&mut Link) -> T) -> T {
        action(self.0.visit().link())
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
