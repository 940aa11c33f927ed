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
        /// It is cheap to clone, and any number of callers may send while others receive. The last clone
        /// closes it. Sends return when the kernel has the message, as Node's callbacks do.
        $(#[$tasks]
        /// Every call may be cancelled by dropping its future, and says what becomes of it then. Calls
        /// take part in tokio's cooperative scheduling: a task that always finds something to receive, or
        /// room to send, lets others run from time to time.
        )?
        ///
        $(#[$example])*
        #[derive(Clone)]
        pub struct Channel(Arc<Shared>);

        /// Opening.
        impl Channel {
            /// Opens the channel that this process was started with. To be called once, early in `main`:
            /// the variables that tell of the channel then leave the environment.
            $(#[$threads]
            /// Call it while there is no other thread. See [`env`](crate::env) for what it means if there
            /// is one.
            )?
            $(#[$tasks]
            /// Call it inside of a runtime with I/O enabled. A program that starts Node programs by other
            /// means than this crate takes the channel before it builds the runtime: see
            /// [`env`](crate::env).
            )?
            ///
            /// If the channel is at standard input, output or error, that descriptor becomes `/dev/null`.
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

            /// Speaks the protocol over a Unix stream socket that is at hand, in JSON.
            ///
            /// # Errors
            /// [`Error::Io`] if this process has no descriptors free.
            $(#[$tasks]
            /// # Panics
            /// Outside of a runtime, and in one without I/O.
            #[track_caller]
            )?
            pub fn from_socket(socket: impl Into<OwnedFd>, limits: Limits) -> Result<Self, Error> {
                Self::from_socket_with(socket, Serialization::Json, limits)
            }

            /// [`from_socket`](Self::from_socket) in either serialization, which the peer must share.
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
            /// Waits for the next message; `None` when the peer has disconnected, or we have.
            ///
            /// # Errors
            /// [`Error::Protocol`] is about one message, and the next call gives the next one.
            $(#[$tasks]
            /// # Cancel safety
            /// No message is lost if the future is dropped: the next call gives it.
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
            /// [`set_send_timeout`](Self::set_send_timeout) went by.
            )?
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the message is sent whole if its first byte was written, and
            /// otherwise not at all.
            )?
            pub $($async)? fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
                self.send_frame(self.0.encoder.frame(message)) $(.$await)?
            }

            /// Takes the next message if one has come, and never waits. `None` when the peer has
            /// disconnected, or we have.
            ///
            /// For a loop of your own that waits for many things: wait until the channel's descriptor
            /// ([`AsFd`]) can be read, and call this until it would have to wait.
            ///
            /// # Errors
            /// [`SendError::WouldBlock`](crate::SendError::WouldBlock) if no message has come; otherwise
            /// as [`recv`](Self::recv).
            pub fn try_recv(&self) -> Result<Option<Message>, Error> {
                let received = op::try_now(self.0.visit().link(), op::recv(|| self.socket_owner()));
                op::traced(received)
            }

            /// Sends a value if the kernel takes it now, and never waits. It is not sent while others wait
            /// to be written, or a handle to be acknowledged: the value is yours, to be sent later or not.
            /// Of a message that the kernel takes in part, later calls write the rest, as with
            /// [`feed`](Self::feed).
            ///
            /// # Errors
            /// [`SendError::WouldBlock`](crate::SendError::WouldBlock) if it was not sent, for it would
            /// have to wait; otherwise as [`send`](Self::send).
            pub fn try_send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
                let frame = self.0.encoder.frame(message)?;
                op::try_send(self.0.visit().link(), frame)
            }

            /// Sends a received message on, or back, as it came.
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

            /// Accepts a message without waiting for the kernel to take it, so that many small ones go
            /// out together: call [`flush`](Self::flush) after the last. When more than 64 KiB wait with
            /// it, this waits until all are written.
            ///
            /// # Errors
            /// As [`send`](Self::send).
            $(#[$tasks]
            /// # Cancel safety
            /// A message that was accepted is sent, even if the future is dropped while it waits for the
            /// others to be written. Only a task that has used up its turn waits before that.
            )?
            pub $($async)? fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
                $(self.0.turn().$await;)?
                let queued = self.0.encoder.with_frame(message, |frame| self.0.feed(frame));
                self.accept(queued) $(.$await)?
            }

            /// [`feed`](Self::feed) for a received message: accepts it to be sent on, or back, as it came.
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

            /// Waits until the kernel has everything that was accepted.
            ///
            /// # Errors
            /// As [`send`](Self::send).
            $(#[$tasks]
            /// # Cancel safety
            /// Nothing is lost if the future is dropped: what was accepted is still written, at the latest
            /// by the next call that waits.
            )?
            pub $($async)? fn flush(&self) -> Result<(), Error> {
                self.0.call_bounded(op::flush()) $(.$await)?
            }

            /// Sends a message with a handle, and returns when the peer has acknowledged it. Our copy is
            /// closed then; [`Outgoing::keep_open`] keeps one. Messages sent meanwhile wait, and so does
            /// all sending if the peer never acknowledges ([HND-8](crate::protocol#HND-8)): set a timeout
            /// where that can happen.
            ///
            /// # Errors
            /// [`Unsent`] holds the error, as for [`send`](Self::send), and the handle.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the handle is closed: at once, and nothing is sent, if the
            /// message has not begun to be written; otherwise when the peer has replied.
            )?
            pub $($async)? fn send_handle<T: Serialize + ?Sized>(
                &self,
                message: &T,
                handle: impl IntoOutgoing,
            ) -> Result<(), Unsent> {
                self.send_share(message, handle.into(), None) $(.$await)?
            }

            /// [`send_handle`](Self::send_handle) for a received message: sends it on, or back, as it
            /// came, with a handle.
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

        /// Ending.
        impl Channel {
            /// Ends the channel. What was accepted is written first, and a handle under way is
            /// acknowledged (Node drops what the kernel has not taken:
            /// [LIFE-3](crate::protocol#LIFE-3)). Nothing is received any more. Then this waits until the
            /// peer has seen the end, for half a second at most, or for five if it is about to say how
            /// many sockets it has open.
            ///
            /// A peer that does not read makes this wait: set a timeout where that can happen. Any number
            /// of calls may wait for the end, and a later call waits for what an earlier one has begun.
            $(#[$tasks]
            /// A timeout leaves the channel waiting for its peer: [`close`](Self::close) it then.
            )?
            ///
            /// If the peer leaves meanwhile, what it has not read is lost, and that is no error here: call
            /// [`flush`](Self::flush) before to know.
            ///
            /// # Errors
            /// [`SendError::Disconnected`](crate::SendError::Disconnected) if the peer has ended the
            /// channel before us.
            $(#[$threads]
            /// [`SendError::TimedOut`](crate::SendError::TimedOut) if the peer did not read in time: the
            /// channel is closed all the same.
            )?
            $(#[$tasks]
            /// # Cancel safety
            /// The channel goes on to end if the future is dropped: nothing can be sent any more. To wait
            /// for it, call this again.
            )?
            pub $($async)? fn disconnect(&self) -> Result<(), Error> {
                let op = op::Disconnect::submit(self.0.visit().link())?;
                self.0.call_bounded(op) $(.$await)?
            }

            /// Ends the channel at once. What was accepted and is not written is lost, and calls that wait
            /// return. Nothing happens if the channel is over.
            pub fn close(&self) {
                self.0.visit().link().close();
            }
        }

        /// Settings and state.
        impl Channel {
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
                self.0.look(Link::queued_bytes)
            }

            /// Whether messages can still be sent.
            pub fn is_connected(&self) -> bool {
                self.0.look(Link::is_connected)
            }
        }

        crate::driver::face::channel_steps! { $($async $await)? }

        /// The channel's socket, for loops of one's own: wait until it can be read, and call
        /// [`try_recv`](Channel::try_recv). Messages that were received before do not show there: call until
        /// it would have to wait, and only then wait for the socket. Wait with `poll`, or level-triggered.
        /// Never read from it, write to it or shut it down: the channel would lose what it is in the middle
        /// of.
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
