//! `Channel`: one end of a channel to a Node process.

macro_rules! channel_face {
    (
        $(#[$example:meta])*
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::fmt;
        use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
        use std::sync::{Arc, Weak};

        use serde::Serialize;

        use super::shared::{Call, Shared};
        use crate::driver::holders::Share;
        use crate::driver::link::{HIGH_WATER, Link};
        use crate::driver::listen::ConnectionOwner;
        use crate::driver::op::{self, Operation};
        use crate::error::Error;
        use crate::handle::{IntoOutgoing, Outgoing, Unsent};
        use crate::limits::Limits;
        use crate::message::{Message, Payload};
        use crate::proto::Question;
        use crate::trace;
        use crate::wire::Serialization;
        use crate::wire::control::SocketKey;
        use crate::wire::v8;

        /// One end of a channel to a Node process.
        ///
        /// It is cheap to clone, and any number of callers may send while others receive. Dropping the last
        /// clone closes the channel. A send returns when the kernel has accepted the message, as Node's
        /// callbacks do.
        $(#[$tasks]
        /// Every call may be cancelled by dropping its future. Its documentation says what happens then.
        /// Calls take part in tokio's cooperative scheduling: a task that always finds something to receive,
        /// or room to send, lets others run from time to time.
        )?
        ///
        $(#[$example])*
        #[derive(Clone)]
        pub struct Channel(Arc<Shared>);

        /// Opening a channel.
        impl Channel {
            /// Opens the channel that the parent gave to this process. Call it once, early in `main`: it
            /// removes the channel's variables from the environment.
            $(#[$threads]
            /// Call it before the program starts other threads. [`env`](crate::env) explains the consequences
            /// otherwise.
            )?
            $(#[$tasks]
            /// Call it inside a runtime with I/O enabled. A program that starts Node programs by other means
            /// than this crate must take the channel before it builds the runtime: see [`env`](crate::env).
            )?
            ///
            /// If the channel uses standard input, output or error, that descriptor becomes `/dev/null`.
            ///
            /// # Errors
            /// [`EnvError`](crate::EnvError) if this process was not started with a channel.
            $(#[$tasks]
            /// # Panics
            /// Outside of a runtime, and in one without I/O.
            #[track_caller]
            )?
            pub fn from_env() -> Result<Self, Error> {
                Self::from_env_with(Limits::default())
            }

            /// [`from_env`](Self::from_env) with other limits.
            ///
            /// # Errors
            /// As [`from_env`](Self::from_env).
            $(#[$tasks]
            /// # Panics
            /// As [`from_env`](Self::from_env).
            #[track_caller]
            )?
            pub fn from_env_with(limits: Limits) -> Result<Self, Error> {
                super::require_driver();
                let (socket, serialization) = crate::env::take_channel()?;
                Self::from_socket_with(socket, serialization, limits)
            }

            /// Opens a channel over an existing Unix stream socket, in JSON.
            ///
            /// # Errors
            /// [`Error::Io`] if this process cannot open another descriptor.
            $(#[$tasks]
            /// # Panics
            /// Outside of a runtime, and in one without I/O.
            #[track_caller]
            )?
            pub fn from_socket(socket: impl Into<OwnedFd>, limits: Limits) -> Result<Self, Error> {
                Self::from_socket_with(socket, Serialization::Json, limits)
            }

            /// [`from_socket`](Self::from_socket) with a choice of serialization. The peer must use the same.
            ///
            /// # Errors
            /// As [`from_socket`](Self::from_socket).
            $(#[$tasks]
            /// # Panics
            /// As [`from_socket`](Self::from_socket).
            #[track_caller]
            )?
            pub fn from_socket_with(
                socket: impl Into<OwnedFd>,
                serialization: Serialization,
                limits: Limits,
            ) -> Result<Self, Error> {
                Ok(Channel(Shared::new(socket.into(), serialization, limits)?))
            }
        }

        /// Receiving and sending.
        impl Channel {
            /// Waits for the next message. `None` means that the peer, or this side, has disconnected.
            ///
            /// # Errors
            /// [`Error::Protocol`] concerns one message only. The next call returns the next message.
            $(#[$tasks]
            /// # Cancel safety
            /// Dropping the future loses no message: the next call returns it.
            )?
            pub $($async)? fn recv(&self) -> Result<Option<Message>, Error> {
                op::traced(self.0.call(op::recv(|| self.socket_owner())) $(.$await)?)
            }

            /// Sends any value that serde can write in the channel's serialization.
            ///
            /// # Errors
            /// [`Error::Send`]: the value cannot be sent, or the channel is closed.
            $(#[$threads]
            /// [`SendError::TimedOut`](crate::SendError::TimedOut) if the time set by
            /// [`set_send_timeout`](Self::set_send_timeout) has passed.
            )?
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the message is sent completely if its first byte was written, and
            /// otherwise not at all.
            )?
            pub $($async)? fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
                self.send_frame(self.0.encoder.frame(message)) $(.$await)?
            }

            /// Takes the next message if one has arrived. Never waits. `None` means that the peer, or this
            /// side, has disconnected.
            ///
            /// Use it in an event loop of your own: wait until the channel's descriptor ([`AsFd`]) is
            /// readable, and call this until it returns `WouldBlock`.
            ///
            /// # Errors
            /// [`SendError::WouldBlock`](crate::SendError::WouldBlock) if no message has arrived; otherwise
            /// as [`recv`](Self::recv).
            pub fn try_recv(&self) -> Result<Option<Message>, Error> {
                let received = op::try_now(self.0.visit().link(), op::recv(|| self.socket_owner()));
                op::traced(received)
            }

            /// Sends a value if the kernel accepts it now. Never waits. The value is not sent while other
            /// messages wait to be written, or while a handle waits for its acknowledgement; you can send it
            /// later. If the kernel accepts only a part of the message, later calls write the rest, as with
            /// [`feed`](Self::feed).
            ///
            /// # Errors
            /// [`SendError::WouldBlock`](crate::SendError::WouldBlock) if the value was not sent because it
            /// would have to wait; otherwise as [`send`](Self::send).
            pub fn try_send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
                let frame = self.0.encoder.frame(message)?;
                op::try_send(self.0.visit().link(), frame)
            }

            /// Forwards a received message, or sends it back, without decoding it.
            ///
            /// # Errors
            /// As [`send`](Self::send); and if it came in another serialization than this channel's.
            $(#[$tasks]
            /// # Cancel safety
            /// As [`send`](Self::send).
            )?
            pub $($async)? fn send_payload(&self, payload: &Payload) -> Result<(), Error> {
                self.send_frame(self.0.encoder.forward(payload)) $(.$await)?
            }

            /// Queues a message without waiting for the kernel to accept it, so that many small messages are
            /// written together. Call [`flush`](Self::flush) after the last one. When more than 64 KiB are
            /// queued, this waits until all of them are written.
            ///
            /// # Errors
            /// As [`send`](Self::send).
            $(#[$tasks]
            /// # Cancel safety
            /// A message that was queued is sent, even if the future is dropped while it waits for the queue
            /// to be written. Before that, the future waits only if the task has used up its cooperative
            /// budget.
            )?
            pub $($async)? fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
                $(self.0.turn().$await;)?
                let queued = self.0.encoder.with_frame(message, |frame| self.0.feed(frame));
                self.accept(queued) $(.$await)?
            }

            /// [`feed`](Self::feed) for a received message: queues it unchanged, to forward it or send it
            /// back.
            ///
            /// # Errors
            /// As [`send_payload`](Self::send_payload).
            $(#[$tasks]
            /// # Cancel safety
            /// As [`feed`](Self::feed).
            )?
            pub $($async)? fn feed_payload(&self, payload: &Payload) -> Result<(), Error> {
                $(self.0.turn().$await;)?
                let queued = self.0.encoder.forward(payload).and_then(|mut frame| self.0.feed(&mut frame));
                self.accept(queued) $(.$await)?
            }

            /// Waits until the kernel has accepted everything that was queued.
            ///
            /// # Errors
            /// As [`send`](Self::send).
            $(#[$tasks]
            /// # Cancel safety
            /// Dropping the future loses nothing: queued messages are still written, at the latest by the
            /// next call that waits.
            )?
            pub $($async)? fn flush(&self) -> Result<(), Error> {
                self.0.call_bounded(op::flush()) $(.$await)?
            }

            /// Sends a message with a handle, and returns when the peer has acknowledged it. Then our copy of
            /// the handle is closed, unless [`Outgoing::keep_open`] was used. Messages sent in the meantime
            /// wait. If the peer never acknowledges, all sending waits ([HND-8](crate::protocol#HND-8)): set
            /// a timeout where that can happen.
            ///
            /// # Errors
            /// [`Unsent`] contains the error, as for [`send`](Self::send), and the handle.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped before writing has begun, the handle is closed at once and nothing is
            /// sent. Otherwise it is closed when the peer has replied.
            )?
            pub $($async)? fn send_handle<T: Serialize + ?Sized>(
                &self,
                message: &T,
                handle: impl IntoOutgoing,
            ) -> Result<(), Unsent> {
                self.send_share(message, handle.into(), None) $(.$await)?
            }

            /// [`send_handle`](Self::send_handle) for a received message: forwards it, or sends it back,
            /// without decoding it, together with a handle.
            ///
            /// # Errors
            /// As [`send_handle`](Self::send_handle) and [`send_payload`](Self::send_payload).
            $(#[$tasks]
            /// # Cancel safety
            /// As [`send_handle`](Self::send_handle).
            )?
            pub $($async)? fn send_payload_handle(
                &self,
                payload: &Payload,
                handle: impl IntoOutgoing,
            ) -> Result<(), Unsent> {
                let frame = self.0.encoder.forward_with_handle(payload);
                self.send_frame_with(frame, handle.into(), None) $(.$await)?
            }
        }

        /// Ending a channel.
        impl Channel {
            /// Ends the channel. First it writes what was queued and waits for the acknowledgement of a
            /// handle in flight. (Node drops what the kernel has not accepted:
            /// [LIFE-3](crate::protocol#LIFE-3).) No more messages are received. Then it waits until the peer
            /// has seen the end: for up to half a second, or up to five seconds if the peer is about to
            /// report how many sockets it has open.
            ///
            /// If the peer does not read, this call waits: set a timeout where that can happen. Any number of
            /// calls may wait for the end, and a later call waits for the end that an earlier one has begun.
            $(#[$tasks]
            /// After a timeout the channel still waits for its peer: call [`close`](Self::close).
            )?
            ///
            /// If the peer exits in the meantime, unread messages are lost, and this call reports no error.
            /// To detect that, call [`flush`](Self::flush) first.
            ///
            /// # Errors
            /// [`SendError::Disconnected`](crate::SendError::Disconnected) if the peer ended the channel
            /// first.
            $(#[$threads]
            /// [`SendError::TimedOut`](crate::SendError::TimedOut) if the peer did not read in time. The
            /// channel is closed nevertheless.
            )?
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the channel still ends, and nothing more can be sent. To wait for
            /// the end, call this again.
            )?
            pub $($async)? fn disconnect(&self) -> Result<(), Error> {
                let op = op::Disconnect::submit(self.0.visit().link())?;
                self.0.call_bounded(op) $(.$await)?
            }

            /// Closes the channel immediately. Messages that are queued but not written are lost, and waiting
            /// calls return. Does nothing if the channel is already over.
            pub fn close(&self) {
                self.0.visit().link().close();
            }
        }

        /// Settings and state.
        impl Channel {
            /// Allows sending `net.BoundSocket` handles. They crash Node before version 26. A peer that has
            /// sent one is known to support them.
            pub fn allow_bound_sockets(&self) {
                self.0.visit().link().allow_bound_sockets();
            }

            /// Sets what the peer can read in the advanced mode. The default sends only what every Node
            /// version can read.
            pub fn set_v8_options(&self, options: v8::Options) {
                self.0.encoder.set_v8_options(options);
            }

            /// The channel's serialization.
            pub fn serialization(&self) -> Serialization {
                self.0.encoder.serialization()
            }

            /// The number of bytes that are queued and not yet accepted by the kernel.
            pub fn queued_bytes(&self) -> usize {
                self.0.look(Link::queued_bytes)
            }

            /// Whether messages can still be sent.
            pub fn is_connected(&self) -> bool {
                self.0.look(Link::is_connected)
            }
        }

        crate::driver::face::channel_steps! { $($async $await)? }

        /// The channel's socket, for event loops of your own: wait until it is readable, and call
        /// [`try_recv`](Channel::try_recv). Messages that are already buffered do not make the socket
        /// readable, so call `try_recv` until it returns `WouldBlock` before you wait again. Wait with
        /// `poll`, or level-triggered. While too many of our own replies wait for a peer that does not read, the
        /// socket stays readable and `try_recv` returns `WouldBlock`: pause before you wait again. Never read from the socket, write to it or shut it down: that would
        /// corrupt the channel.
        impl AsFd for Channel {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.socket().as_fd()
            }
        }

        impl fmt::Debug for Channel {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Channel").finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use channel_face;
