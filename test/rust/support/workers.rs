//! The cluster workers of both drivers behind one trait, used from threads.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use crossfork::cluster::{BindOptions, ListenAddress, ListenOptions};
use crossfork::{Error, Limits, Message, Outgoing, Serialization, Unsent, blocking, tokio as tasks, v8};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

pub trait Work: Clone + Send + Sync + Sized + 'static {
    const NAME: &'static str;
    type Listener: Listen;
    type Udp: Datagrams;
    fn from_env() -> Result<Self, Error>;
    fn from_socket(
        socket: OwnedFd,
        id: u32,
        serialization: Serialization,
        limits: Limits,
    ) -> Result<Self, Error>;
    fn id(&self) -> u32;
    fn recv(&self) -> Result<Option<Message>, Error>;
    fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error>;
    fn send_handle<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: impl Into<Outgoing>,
    ) -> Result<(), Unsent>;
    fn listen(&self, address: ListenAddress, options: ListenOptions) -> Result<Self::Listener, Error>;
    fn bind_udp(&self, address: ListenAddress, options: BindOptions) -> Result<Self::Udp, Error>;
    fn is_stopping(&self) -> bool;
    fn stopping(&self);
    fn exited_after_disconnect(&self) -> bool;
    fn disconnect(&self) -> Result<(), Error>;
    fn closed(&self);
    fn kill(&self) -> !;
    fn set_exit_on_orphaned(&self, exits: bool);
}

pub trait Listen: Clone + Send + Sync + 'static {
    type Connection: Read + Write + AsFd + Send + 'static;
    fn accept(&self) -> Result<Option<Self::Connection>, Error>;
    fn local_addr(&self) -> Option<SocketAddr>;
    fn data(&self) -> Option<v8::Value>;
    fn set_max_connections(&self, max: Option<usize>);
    fn close(&self);
}

pub trait Datagrams: Clone + Send + Sync + 'static {
    fn recv_from(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>>;
    fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize>;
    fn local_addr(&self) -> io::Result<SocketAddr>;
    fn close(&self);
}

impl Work for blocking::cluster::Worker {
    const NAME: &'static str = "blocking";
    type Listener = Arc<blocking::cluster::Listener>;
    type Udp = Arc<blocking::cluster::UdpSocket>;

    fn from_env() -> Result<Self, Error> {
        blocking::cluster::Worker::from_env()
    }
    fn from_socket(
        socket: OwnedFd,
        id: u32,
        serialization: Serialization,
        limits: Limits,
    ) -> Result<Self, Error> {
        blocking::cluster::Worker::from_socket(socket, id, serialization, limits)
    }
    fn id(&self) -> u32 {
        blocking::cluster::Worker::id(self)
    }
    fn recv(&self) -> Result<Option<Message>, Error> {
        blocking::cluster::Worker::recv(self)
    }
    fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        blocking::cluster::Worker::send(self, message)
    }
    fn send_handle<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: impl Into<Outgoing>,
    ) -> Result<(), Unsent> {
        blocking::cluster::Worker::send_handle(self, message, handle)
    }
    fn listen(&self, address: ListenAddress, options: ListenOptions) -> Result<Self::Listener, Error> {
        self.listen_with(address, options).map(Arc::new)
    }
    fn bind_udp(&self, address: ListenAddress, options: BindOptions) -> Result<Self::Udp, Error> {
        self.bind_udp_with(address, options).map(Arc::new)
    }
    fn is_stopping(&self) -> bool {
        blocking::cluster::Worker::is_stopping(self)
    }
    fn stopping(&self) {
        blocking::cluster::Worker::stopping(self);
    }
    fn exited_after_disconnect(&self) -> bool {
        blocking::cluster::Worker::exited_after_disconnect(self)
    }
    fn disconnect(&self) -> Result<(), Error> {
        blocking::cluster::Worker::disconnect(self)
    }
    fn closed(&self) {
        blocking::cluster::Worker::closed(self);
    }
    fn kill(&self) -> ! {
        blocking::cluster::Worker::kill(self)
    }
    fn set_exit_on_orphaned(&self, exits: bool) {
        blocking::cluster::Worker::set_exit_on_orphaned(self, exits);
    }
}

impl Listen for Arc<blocking::cluster::Listener> {
    type Connection = blocking::cluster::Connection;

    fn accept(&self) -> Result<Option<Self::Connection>, Error> {
        (**self).accept()
    }
    fn local_addr(&self) -> Option<SocketAddr> {
        (**self).local_addr()
    }
    fn data(&self) -> Option<v8::Value> {
        (**self).data().cloned()
    }
    fn set_max_connections(&self, max: Option<usize>) {
        (**self).set_max_connections(max);
    }
    fn close(&self) {
        (**self).close();
    }
}

impl Datagrams for Arc<blocking::cluster::UdpSocket> {
    fn recv_from(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        (**self).recv_from(buffer)
    }
    fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        (**self).send_to(bytes, to)
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        (**self).local_addr()
    }
    fn close(&self) {
        (**self).close();
    }
}

/// Something of the tokio driver, with its runtime.
#[derive(Clone)]
pub struct Within<T> {
    inner: T,
    runtime: Arc<Runtime>,
}

pub type TaskWorker = Within<tasks::cluster::Worker>;

impl<T> Within<T> {
    fn with<U>(&self, inner: U) -> Within<U> {
        Within { inner, runtime: self.runtime.clone() }
    }
}

fn open(open: impl FnOnce() -> Result<tasks::cluster::Worker, Error>) -> Result<TaskWorker, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let inner = {
        let _inside = runtime.enter();
        open()?
    };
    Ok(Within { inner, runtime: Arc::new(runtime) })
}

impl Work for TaskWorker {
    const NAME: &'static str = "tokio";
    type Listener = Within<Arc<tasks::cluster::Listener>>;
    type Udp = Within<Arc<tasks::cluster::UdpSocket>>;

    fn from_env() -> Result<Self, Error> {
        open(tasks::cluster::Worker::from_env)
    }
    fn from_socket(
        socket: OwnedFd,
        id: u32,
        serialization: Serialization,
        limits: Limits,
    ) -> Result<Self, Error> {
        open(|| tasks::cluster::Worker::from_socket(socket, id, serialization, limits))
    }
    fn id(&self) -> u32 {
        self.inner.id()
    }
    fn recv(&self) -> Result<Option<Message>, Error> {
        self.runtime.block_on(self.inner.recv())
    }
    fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.runtime.block_on(self.inner.send(message))
    }
    fn send_handle<T: Serialize + ?Sized>(
        &self,
        message: &T,
        handle: impl Into<Outgoing>,
    ) -> Result<(), Unsent> {
        self.runtime.block_on(self.inner.send_handle(message, handle))
    }
    fn listen(&self, address: ListenAddress, options: ListenOptions) -> Result<Self::Listener, Error> {
        let listener = self.runtime.block_on(self.inner.listen_with(address, options))?;
        Ok(self.with(Arc::new(listener)))
    }
    fn bind_udp(&self, address: ListenAddress, options: BindOptions) -> Result<Self::Udp, Error> {
        let socket = self.runtime.block_on(self.inner.bind_udp_with(address, options))?;
        Ok(self.with(Arc::new(socket)))
    }
    fn is_stopping(&self) -> bool {
        self.inner.is_stopping()
    }
    fn stopping(&self) {
        self.runtime.block_on(self.inner.stopping());
    }
    fn exited_after_disconnect(&self) -> bool {
        self.inner.exited_after_disconnect()
    }
    fn disconnect(&self) -> Result<(), Error> {
        self.runtime.block_on(self.inner.disconnect())
    }
    fn closed(&self) {
        self.runtime.block_on(self.inner.closed());
    }
    fn kill(&self) -> ! {
        self.runtime.block_on(self.inner.kill())
    }
    fn set_exit_on_orphaned(&self, exits: bool) {
        self.inner.set_exit_on_orphaned(exits);
    }
}

impl Listen for Within<Arc<tasks::cluster::Listener>> {
    type Connection = Within<tasks::cluster::Connection>;

    fn accept(&self) -> Result<Option<Self::Connection>, Error> {
        let accepted = self.runtime.block_on(self.inner.accept())?;
        Ok(accepted.map(|connection| self.with(connection)))
    }
    fn local_addr(&self) -> Option<SocketAddr> {
        self.inner.local_addr()
    }
    fn data(&self) -> Option<v8::Value> {
        self.inner.data().cloned()
    }
    fn set_max_connections(&self, max: Option<usize>) {
        self.inner.set_max_connections(max);
    }
    fn close(&self) {
        self.inner.close();
    }
}

impl AsFd for Within<tasks::cluster::Connection> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl Read for Within<tasks::cluster::Connection> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.runtime.block_on(self.inner.read(buffer))
    }
}

impl Write for Within<tasks::cluster::Connection> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.runtime.block_on(self.inner.write(bytes))
    }
    fn flush(&mut self) -> io::Result<()> {
        self.runtime.block_on(self.inner.flush())
    }
}

impl Datagrams for Within<Arc<tasks::cluster::UdpSocket>> {
    fn recv_from(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        self.runtime.block_on(self.inner.recv_from(buffer))
    }
    fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.runtime.block_on(self.inner.send_to(bytes, to))
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
    fn close(&self) {
        self.inner.close();
    }
}
