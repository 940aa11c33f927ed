//! Either driver in the advanced mode.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crossfork::{Error, Limits, Message, Outgoing, Payload, Serialization, Unsent};
use serde::Serialize;

use super::drivers::Driver;

/// A channel in the advanced mode.
#[derive(Clone)]
pub struct Advanced<D>(pub D);

impl<D: AsFd> AsFd for Advanced<D> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<D: Driver> Driver for Advanced<D> {
    const NAME: &'static str = D::NAME;
    const SERIALIZATION: Serialization = Serialization::Advanced;

    fn from_env() -> Result<Self, Error> {
        D::from_env().map(Advanced)
    }
    fn from_socket_with(
        socket: OwnedFd,
        serialization: Serialization,
        limits: Limits,
    ) -> Result<Self, Error> {
        D::from_socket_with(socket, serialization, limits).map(Advanced)
    }
    fn serialization(&self) -> Serialization {
        self.0.serialization()
    }
    fn set_v8_options(&self, options: crossfork::v8::Options) {
        self.0.set_v8_options(options);
    }
    fn recv(&self) -> Result<Option<Message>, Error> {
        self.0.recv()
    }
    fn try_recv(&self) -> Result<Option<Message>, Error> {
        self.0.try_recv()
    }
    fn try_send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.0.try_send(message)
    }
    fn recv_timeout(&self, time: Duration) -> Result<Option<Message>, Error> {
        self.0.recv_timeout(time)
    }
    fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.0.send(message)
    }
    fn send_timeout<T: Serialize + ?Sized>(&self, message: &T, time: Duration) -> Result<(), Error> {
        self.0.send_timeout(message, time)
    }
    fn send_payload(&self, payload: &Payload) -> Result<(), Error> {
        self.0.send_payload(payload)
    }
    fn send_payload_handle(&self, payload: &Payload, handle: Outgoing) -> Result<(), Unsent> {
        self.0.send_payload_handle(payload, handle)
    }
    fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.0.feed(message)
    }
    fn flush(&self) -> Result<(), Error> {
        self.0.flush()
    }
    fn send_handle<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: impl Into<Outgoing>,
    ) -> Result<(), Unsent> {
        self.0.send_handle(message, handle)
    }
    fn send_handle_timeout<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: Outgoing,
        time: Duration,
    ) -> Result<(), Unsent> {
        self.0.send_handle_timeout(message, handle, time)
    }
    fn disconnect(&self) -> Result<(), Error> {
        self.0.disconnect()
    }
    fn close(&self) {
        self.0.close();
    }
    fn disconnect_timeout(&self, time: Duration) -> Result<(), Error> {
        self.0.disconnect_timeout(time)
    }
    fn queued_bytes(&self) -> usize {
        self.0.queued_bytes()
    }
    fn is_connected(&self) -> bool {
        self.0.is_connected()
    }
    fn allow_bound_sockets(&self) {
        self.0.allow_bound_sockets();
    }
}
