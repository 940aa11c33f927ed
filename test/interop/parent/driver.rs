//! Both drivers as one: a child with its channel, used from threads. Every wait has an end.

use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use crossfork::process::{Command, Fork};
use crossfork::{
    Error, Escalation, Message, Outgoing, SendError, Signal, Unsent, blocking, tokio as tasks, v8,
};
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::time::timeout;

static PATIENCE_MS: AtomicU64 = AtomicU64::new(60_000);

/// How long one wait may take.
pub fn patience() -> Duration {
    Duration::from_millis(PATIENCE_MS.load(Ordering::Relaxed))
}

pub fn set_patience(ms: u64) {
    PATIENCE_MS.store(ms, Ordering::Relaxed);
}

pub trait Driver: Clone + Send + Sync + 'static {
    /// Marks the builders.
    type Mark: 'static;
    type List: Send + Sync + 'static;

    fn fork(fork: Fork<Self::Mark>) -> Result<Self, Error>;
    fn spawn(command: Command<Self::Mark>, number: usize) -> Result<Self, Error>;

    fn id(&self) -> u32;
    fn kill(&self, signal: Signal) -> bool;
    /// `None` if it has not ended in time.
    fn wait(&self) -> Option<ExitStatus>;
    fn stop(&self, escalation: Escalation) -> ExitStatus;

    fn recv(&self) -> Result<Option<Message>, Error>;
    fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error>;
    fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error>;
    fn flush(&self) -> Result<(), Error>;
    fn send_handle<T: Serialize + ?Sized>(&self, message: &T, handle: Outgoing) -> Result<(), Unsent>;
    fn disconnect(&self) -> Result<(), Error>;
    fn is_connected(&self) -> bool;
    fn allow_bound_sockets(&self);
    fn set_v8_options(&self, options: v8::Options);

    fn list() -> Self::List;
    fn send_counted(&self, list: &Self::List, message: &str, connection: Outgoing) -> Result<(), Unsent>;
    fn connections(list: &Self::List) -> Result<usize, Error>;
    fn closed(list: &Self::List) -> Result<(), Error>;
}

#[derive(Clone)]
pub struct Threads(Arc<blocking::Child>);

impl From<blocking::Child> for Threads {
    fn from(child: blocking::Child) -> Self {
        child.channel.set_send_timeout(Some(patience()));
        Threads(Arc::new(child))
    }
}

impl Driver for Threads {
    type Mark = blocking::Blocking;
    type List = blocking::SocketList;

    fn fork(fork: Fork<Self::Mark>) -> Result<Self, Error> {
        Ok(fork.spawn()?.into())
    }
    fn spawn(command: Command<Self::Mark>, number: usize) -> Result<Self, Error> {
        Ok(command.spawn_with_channel(number)?.into())
    }
    fn id(&self) -> u32 {
        self.0.process.id()
    }
    fn kill(&self, signal: Signal) -> bool {
        self.0.process.kill(signal).expect("a signal")
    }
    fn wait(&self) -> Option<ExitStatus> {
        self.0.process.wait_timeout(patience()).expect("an exit status")
    }
    fn stop(&self, escalation: Escalation) -> ExitStatus {
        self.0.stop(escalation).expect("an exit status")
    }
    fn recv(&self) -> Result<Option<Message>, Error> {
        self.0.channel.recv_timeout(patience())
    }
    fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.0.channel.send(message)
    }
    fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        self.0.channel.feed(message)
    }
    fn flush(&self) -> Result<(), Error> {
        self.0.channel.flush()
    }
    fn send_handle<T: Serialize + ?Sized>(&self, message: &T, handle: Outgoing) -> Result<(), Unsent> {
        self.0.channel.send_handle(message, handle)
    }
    fn disconnect(&self) -> Result<(), Error> {
        self.0.channel.disconnect()
    }
    fn is_connected(&self) -> bool {
        self.0.channel.is_connected()
    }
    fn allow_bound_sockets(&self) {
        self.0.channel.allow_bound_sockets();
    }
    fn set_v8_options(&self, options: v8::Options) {
        self.0.channel.set_v8_options(options);
    }
    fn list() -> Self::List {
        blocking::SocketList::new()
    }
    fn send_counted(&self, list: &Self::List, message: &str, connection: Outgoing) -> Result<(), Unsent> {
        list.send(&self.0.channel, message, connection)
    }
    fn connections(list: &Self::List) -> Result<usize, Error> {
        list.connections()
    }
    fn closed(list: &Self::List) -> Result<(), Error> {
        list.closed()
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
});

#[derive(Clone)]
pub struct Tasks {
    channel: tasks::Channel,
    child: Arc<Mutex<tasks::Child>>,
}

impl From<tasks::Child> for Tasks {
    fn from(child: tasks::Child) -> Self {
        Tasks { channel: child.channel.clone(), child: Arc::new(Mutex::new(child)) }
    }
}

fn within<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let timed = RUNTIME.block_on(async { timeout(patience(), call).await });
    timed.unwrap_or_else(|_| Err(SendError::TimedOut.into()))
}

fn unsent_within(call: impl Future<Output = Result<(), Unsent>>) -> Result<(), Unsent> {
    let timed = RUNTIME.block_on(async { timeout(patience(), call).await });
    timed.unwrap_or_else(|_| Err(Unsent { error: SendError::TimedOut.into(), handle: None }))
}

impl Driver for Tasks {
    type Mark = tasks::Tokio;
    type List = tasks::SocketList;

    fn fork(fork: Fork<Self::Mark>) -> Result<Self, Error> {
        let _inside = RUNTIME.enter();
        Ok(fork.spawn()?.into())
    }
    fn spawn(command: Command<Self::Mark>, number: usize) -> Result<Self, Error> {
        let _inside = RUNTIME.enter();
        Ok(command.spawn_with_channel(number)?.into())
    }
    fn id(&self) -> u32 {
        self.child.lock().unwrap().process.id()
    }
    fn kill(&self, signal: Signal) -> bool {
        self.child.lock().unwrap().process.kill(signal).expect("a signal")
    }
    fn wait(&self) -> Option<ExitStatus> {
        let child = self.child.lock().unwrap();
        RUNTIME.block_on(child.process.wait_timeout(patience())).expect("an exit status")
    }
    fn stop(&self, escalation: Escalation) -> ExitStatus {
        RUNTIME.block_on(self.child.lock().unwrap().stop(escalation)).expect("an exit status")
    }
    fn recv(&self) -> Result<Option<Message>, Error> {
        within(self.channel.recv())
    }
    fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        within(self.channel.send(message))
    }
    fn feed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
        within(self.channel.feed(message))
    }
    fn flush(&self) -> Result<(), Error> {
        within(self.channel.flush())
    }
    fn send_handle<T: Serialize + ?Sized>(&self, message: &T, handle: Outgoing) -> Result<(), Unsent> {
        unsent_within(self.channel.send_handle(message, handle))
    }
    fn disconnect(&self) -> Result<(), Error> {
        within(self.channel.disconnect())
    }
    fn is_connected(&self) -> bool {
        self.channel.is_connected()
    }
    fn allow_bound_sockets(&self) {
        self.channel.allow_bound_sockets();
    }
    fn set_v8_options(&self, options: v8::Options) {
        self.channel.set_v8_options(options);
    }
    fn list() -> Self::List {
        tasks::SocketList::new()
    }
    fn send_counted(&self, list: &Self::List, message: &str, connection: Outgoing) -> Result<(), Unsent> {
        unsent_within(list.send(&self.channel, message, connection))
    }
    fn connections(list: &Self::List) -> Result<usize, Error> {
        within(list.connections())
    }
    fn closed(list: &Self::List) -> Result<(), Error> {
        within(list.closed())
    }
}
