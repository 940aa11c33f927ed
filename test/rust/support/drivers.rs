//! Both drivers behind one trait, so that one body can be run for each.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use crossfork::{
    Error, Limits, Message, Outgoing, Payload, SendError, Serialization, Unsent, blocking, tokio as tasks, v8,
};
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// A channel of either driver, used from threads.
pub trait Driver: AsFd + Clone + Send + Sync + Sized + 'static {
    const NAME: &'static str;
    const SERIALIZATION: Serialization = Serialization::Json;
    fn from_env() -> Result<Self, Error>;
    fn from_socket(socket: OwnedFd, limits: Limits) -> Result<Self, Error> {
        Self::from_socket_with(socket, Self::SERIALIZATION, limits)
    }
    fn from_socket_with(socket: OwnedFd, serialization: Serialization, limits: Limits)
    -> Result<Self, Error>;
    fn serialization(&self) -> Serialization;
    fn set_v8_options(&self, options: v8::Options);
    fn recv(&self) -> Result<Option<Message>, Error>;
    fn recv_timeout(&self, time: Duration) -> Result<Option<Message>, Error>;
    fn try_recv(&self) -> Result<Option<Message>, Error>;
    fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error>;
    fn try_send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error>;
    /// Gives up after the time.
    fn send_timeout<T: Serialize + ?Sized>(&self, message: &T, time: Duration) -> Result<(), Error>;
    fn send_payload(&self, payload: &Payload) -> Result<(), Error>;
    fn send_payload_handle(&self, payload: &Payload, handle: Outgoing) -> Result<(), Unsent>;
    fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error>;
    fn flush(&self) -> Result<(), Error>;
    fn send_handle<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: impl Into<Outgoing>,
    ) -> Result<(), Unsent>;
    /// Gives up after the time.
    fn send_handle_timeout<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: Outgoing,
        time: Duration,
    ) -> Result<(), Unsent>;
    fn disconnect(&self) -> Result<(), Error>;
    fn close(&self);
    /// Gives up after the time.
    fn disconnect_timeout(&self, time: Duration) -> Result<(), Error>;
    fn queued_bytes(&self) -> usize;
    fn is_connected(&self) -> bool;
    fn allow_bound_sockets(&self);
}

impl Driver for blocking::Channel {
    const NAME: &'static str = "blocking";

    fn from_env() -> Result<Self, Error> {
        blocking::Channel::from_env()
    }
    fn from_socket_with(
        socket: OwnedFd,
        serialization: Serialization,
        limits: Limits,
    ) -> Result<Self, Error> {
        blocking::Channel::from_socket_with(socket, serialization, limits)
    }
    fn serialization(&self) -> Serialization {
        blocking::Channel::serialization(self)
    }
    fn set_v8_options(&self, options: v8::Options) {
        blocking::Channel::set_v8_options(self, options);
    }
    fn recv(&self) -> Result<Option<Message>, Error> {
        blocking::Channel::recv(self)
    }
    fn recv_timeout(&self, time: Duration) -> Result<Option<Message>, Error> {
        blocking::Channel::recv_timeout(self, time)
    }
    fn try_recv(&self) -> Result<Option<Message>, Error> {
        blocking::Channel::try_recv(self)
    }
    fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        blocking::Channel::send(self, message)
    }
    fn try_send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        blocking::Channel::try_send(self, message)
    }
    fn send_timeout<T: Serialize + ?Sized>(&self, message: &T, time: Duration) -> Result<(), Error> {
        self.set_send_timeout(Some(time));
        let sent = blocking::Channel::send(self, message);
        self.set_send_timeout(None);
        sent
    }
    fn send_payload(&self, payload: &Payload) -> Result<(), Error> {
        blocking::Channel::send_payload(self, payload)
    }
    fn send_payload_handle(&self, payload: &Payload, handle: Outgoing) -> Result<(), Unsent> {
        blocking::Channel::send_payload_handle(self, payload, handle)
    }
    fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        blocking::Channel::feed(self, message)
    }
    fn flush(&self) -> Result<(), Error> {
        blocking::Channel::flush(self)
    }
    fn send_handle<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: impl Into<Outgoing>,
    ) -> Result<(), Unsent> {
        blocking::Channel::send_handle(self, message, handle)
    }
    fn send_handle_timeout<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: Outgoing,
        time: Duration,
    ) -> Result<(), Unsent> {
        self.set_send_timeout(Some(time));
        let sent = blocking::Channel::send_handle(self, message, handle);
        self.set_send_timeout(None);
        sent
    }
    fn disconnect(&self) -> Result<(), Error> {
        blocking::Channel::disconnect(self)
    }
    fn close(&self) {
        blocking::Channel::close(self);
    }
    fn disconnect_timeout(&self, time: Duration) -> Result<(), Error> {
        self.set_send_timeout(Some(time));
        let ended = blocking::Channel::disconnect(self);
        self.set_send_timeout(None);
        ended
    }
    fn queued_bytes(&self) -> usize {
        blocking::Channel::queued_bytes(self)
    }
    fn is_connected(&self) -> bool {
        blocking::Channel::is_connected(self)
    }
    fn allow_bound_sockets(&self) {
        blocking::Channel::allow_bound_sockets(self);
    }
}

/// The tokio driver, with a runtime of its own.
#[derive(Clone)]
pub struct Tasks {
    pub channel: tasks::Channel,
    pub runtime: Arc<Runtime>,
}

impl Tasks {
    fn open(open: impl FnOnce() -> Result<tasks::Channel, Error>) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let channel = {
            let _inside = runtime.enter();
            open()?
        };
        Ok(Tasks { channel, runtime: Arc::new(runtime) })
    }

    fn within<T>(&self, time: Duration, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let timed = self.runtime.block_on(async { timeout(time, call).await });
        timed.unwrap_or_else(|_| Err(SendError::TimedOut.into()))
    }
}

impl AsFd for Tasks {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

impl Driver for Tasks {
    const NAME: &'static str = "tokio";

    fn from_env() -> Result<Self, Error> {
        Tasks::open(tasks::Channel::from_env)
    }
    fn from_socket_with(
        socket: OwnedFd,
        serialization: Serialization,
        limits: Limits,
    ) -> Result<Self, Error> {
        Tasks::open(|| tasks::Channel::from_socket_with(socket, serialization, limits))
    }
    fn serialization(&self) -> Serialization {
        self.channel.serialization()
    }
    fn set_v8_options(&self, options: v8::Options) {
        self.channel.set_v8_options(options);
    }
    fn recv(&self) -> Result<Option<Message>, Error> {
        self.runtime.block_on(self.channel.recv())
    }
    fn recv_timeout(&self, time: Duration) -> Result<Option<Message>, Error> {
        self.within(time, self.channel.recv())
    }
    fn try_recv(&self) -> Result<Option<Message>, Error> {
        self.channel.try_recv()
    }
    fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.runtime.block_on(self.channel.send(message))
    }
    fn try_send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.channel.try_send(message)
    }
    fn send_timeout<T: Serialize + ?Sized>(&self, message: &T, time: Duration) -> Result<(), Error> {
        self.within(time, self.channel.send(message))
    }
    fn send_payload(&self, payload: &Payload) -> Result<(), Error> {
        self.runtime.block_on(self.channel.send_payload(payload))
    }
    fn send_payload_handle(&self, payload: &Payload, handle: Outgoing) -> Result<(), Unsent> {
        self.runtime.block_on(self.channel.send_payload_handle(payload, handle))
    }
    fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.runtime.block_on(self.channel.feed(message))
    }
    fn flush(&self) -> Result<(), Error> {
        self.runtime.block_on(self.channel.flush())
    }
    fn send_handle<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: impl Into<Outgoing>,
    ) -> Result<(), Unsent> {
        self.runtime.block_on(self.channel.send_handle(message, handle))
    }
    fn send_handle_timeout<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: Outgoing,
        time: Duration,
    ) -> Result<(), Unsent> {
        let sent =
            self.runtime.block_on(async { timeout(time, self.channel.send_handle(message, handle)).await });
        sent.unwrap_or_else(|_| Err(Unsent { error: SendError::TimedOut.into(), handle: None }))
    }
    fn disconnect(&self) -> Result<(), Error> {
        self.runtime.block_on(self.channel.disconnect())
    }
    fn close(&self) {
        self.channel.close();
    }
    fn disconnect_timeout(&self, time: Duration) -> Result<(), Error> {
        self.within(time, self.channel.disconnect())
    }
    fn queued_bytes(&self) -> usize {
        self.channel.queued_bytes()
    }
    fn is_connected(&self) -> bool {
        self.channel.is_connected()
    }
    fn allow_bound_sockets(&self) {
        self.channel.allow_bound_sockets();
    }
}
