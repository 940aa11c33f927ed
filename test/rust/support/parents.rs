//! Starting and ending processes, in both drivers behind one trait. See [`drivers`](super::drivers).

use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{ExitStatus, Output};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossfork::process::Command;
use crossfork::{
    Error, Escalation, ExecError, Outgoing, SendError, Signal, Unsent, blocking, tokio as tasks,
};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::drivers::{Driver, Tasks};

/// A driver that starts processes.
pub trait Parent: Driver {
    /// The driver's mark on a builder.
    type Mark;
    type Process: Started;
    type Child: Send + 'static;
    type List: List<Self> + Clone;

    fn start(command: Command<Self::Mark>) -> Result<Self::Process, Error>;
    fn start_with_channel(command: Command<Self::Mark>, number: usize) -> Result<Self::Child, Error>;
    fn output(command: Command<Self::Mark>) -> Result<Output, ExecError>;
    fn channel(child: &Self::Child) -> Self;
    fn process(child: &mut Self::Child) -> &mut Self::Process;
    fn stop(child: &Self::Child, escalation: Escalation) -> Result<ExitStatus, Error>;
}

/// A process of either driver, used from threads.
pub trait Started: Send + Sync + 'static {
    fn id(&self) -> u32;
    fn kill(&self, signal: Signal) -> io::Result<bool>;
    fn kill_group(&self, signal: Signal) -> io::Result<bool>;
    fn wait(&self) -> io::Result<ExitStatus>;
    fn wait_timeout(&self, time: Duration) -> io::Result<Option<ExitStatus>>;
    fn try_wait(&self) -> io::Result<Option<ExitStatus>>;
    #[cfg(target_os = "linux")]
    fn pidfd(&self) -> io::Result<BorrowedFd<'_>>;
    fn pipes(&mut self) -> Vec<(RawFd, UnixStream)>;
    /// Our end of a standard stream, if it is a pipe; reads and writes wait.
    fn standard(&mut self, number: usize) -> Option<File>;
}

/// A socket list of either driver, used from threads.
pub trait List<D>: Send + Sync + 'static {
    fn new() -> Self;
    fn send(&self, channel: &D, message: &Value, connection: Outgoing) -> Result<(), Unsent>;
    /// Gives up after the time.
    fn send_timeout(&self, channel: &D, connection: Outgoing, time: Duration) -> Result<(), Unsent>;
    fn connections(&self) -> Result<usize, Error>;
    /// Gives up after the time, which is set for these channels.
    fn connections_timeout(&self, channels: &[&D], time: Duration) -> Result<usize, Error>;
    fn closed(&self) -> Result<(), Error>;
}

/// A program, started without a channel.
pub fn start<D: Parent>(command: Command<D::Mark>) -> Guard<D::Process> {
    Guard(Some(D::start(command).unwrap()))
}

/// A program, started with a channel.
pub fn start_with_channel<D: Parent>(command: Command<D::Mark>, number: usize) -> Kid<D> {
    Kid::guard(D::start_with_channel(command, number).unwrap())
}

/// A shell with a channel at 3.
pub fn shell<D: Parent>(line: &str) -> Kid<D> {
    start_with_channel(Command::shell(line), 3)
}

/// A process that does not outlive its test.
pub struct Guard<P: Started>(Option<P>);

/// A child that does not outlive its test.
pub struct Kid<D: Parent> {
    pub channel: D,
    child: Option<D::Child>,
}

impl<P: Started> Guard<P> {
    /// Returns the process without the guard.
    pub fn unguarded(mut self) -> P {
        self.0.take().unwrap()
    }
}

impl<P: Started> Deref for Guard<P> {
    type Target = P;
    fn deref(&self) -> &P {
        self.0.as_ref().unwrap()
    }
}

impl<P: Started> DerefMut for Guard<P> {
    fn deref_mut(&mut self) -> &mut P {
        self.0.as_mut().unwrap()
    }
}

impl<P: Started> Drop for Guard<P> {
    fn drop(&mut self) {
        if let Some(process) = &mut self.0 {
            end(process);
        }
    }
}

impl<D: Parent> Kid<D> {
    pub fn guard(child: D::Child) -> Self {
        Kid { channel: D::channel(&child), child: Some(child) }
    }

    pub fn process(&mut self) -> &mut D::Process {
        D::process(self.child.as_mut().unwrap())
    }

    pub fn id(&mut self) -> u32 {
        self.process().id()
    }

    pub fn stop(&self, escalation: Escalation) -> Result<ExitStatus, Error> {
        D::stop(self.child.as_ref().unwrap(), escalation)
    }

    /// Returns the child without the guard, and with the only handle to the channel.
    pub fn unguarded(mut self) -> D::Child {
        self.child.take().unwrap()
    }
}

impl<D: Parent> Drop for Kid<D> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(D::process(child));
        }
    }
}

fn end(process: &mut impl Started) {
    let _ = process.kill(Signal::KILL);
    let _ = process.wait();
}

impl Parent for blocking::Channel {
    type Mark = blocking::Blocking;
    type Process = blocking::Process;
    type Child = blocking::Child;
    type List = blocking::SocketList;

    fn start(command: Command<Self::Mark>) -> Result<Self::Process, Error> {
        command.spawn()
    }
    fn start_with_channel(command: Command<Self::Mark>, number: usize) -> Result<Self::Child, Error> {
        command.spawn_with_channel(number)
    }
    fn output(command: Command<Self::Mark>) -> Result<Output, ExecError> {
        command.output()
    }
    fn channel(child: &Self::Child) -> Self {
        child.channel.clone()
    }
    fn process(child: &mut Self::Child) -> &mut Self::Process {
        &mut child.process
    }
    fn stop(child: &Self::Child, escalation: Escalation) -> Result<ExitStatus, Error> {
        child.stop(escalation)
    }
}

impl Started for blocking::Process {
    fn id(&self) -> u32 {
        blocking::Process::id(self)
    }
    fn kill(&self, signal: Signal) -> io::Result<bool> {
        blocking::Process::kill(self, signal)
    }
    fn kill_group(&self, signal: Signal) -> io::Result<bool> {
        blocking::Process::kill_group(self, signal)
    }
    fn wait(&self) -> io::Result<ExitStatus> {
        blocking::Process::wait(self)
    }
    fn wait_timeout(&self, time: Duration) -> io::Result<Option<ExitStatus>> {
        blocking::Process::wait_timeout(self, time)
    }
    fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        blocking::Process::try_wait(self)
    }
    #[cfg(target_os = "linux")]
    fn pidfd(&self) -> io::Result<BorrowedFd<'_>> {
        blocking::Process::pidfd(self)
    }
    fn pipes(&mut self) -> Vec<(RawFd, UnixStream)> {
        std::mem::take(&mut self.pipes)
    }
    fn standard(&mut self, number: usize) -> Option<File> {
        match number {
            0 => self.stdin.take().map(|pipe| OwnedFd::from(pipe).into()),
            1 => self.stdout.take().map(|pipe| OwnedFd::from(pipe).into()),
            _ => self.stderr.take().map(|pipe| OwnedFd::from(pipe).into()),
        }
    }
}

impl List<blocking::Channel> for blocking::SocketList {
    fn new() -> Self {
        blocking::SocketList::new()
    }
    fn send(&self, channel: &blocking::Channel, message: &Value, connection: Outgoing) -> Result<(), Unsent> {
        blocking::SocketList::send(self, channel, message, connection)
    }
    fn send_timeout(
        &self,
        channel: &blocking::Channel,
        connection: Outgoing,
        time: Duration,
    ) -> Result<(), Unsent> {
        channel.set_send_timeout(Some(time));
        let sent = blocking::SocketList::send(self, channel, &0, connection);
        channel.set_send_timeout(None);
        sent
    }
    fn connections(&self) -> Result<usize, Error> {
        blocking::SocketList::connections(self)
    }
    fn connections_timeout(&self, channels: &[&blocking::Channel], time: Duration) -> Result<usize, Error> {
        channels.iter().for_each(|channel| channel.set_send_timeout(Some(time)));
        let open = blocking::SocketList::connections(self);
        channels.iter().for_each(|channel| channel.set_send_timeout(None));
        open
    }
    fn closed(&self) -> Result<(), Error> {
        blocking::SocketList::closed(self)
    }
}

/// One runtime for the whole test program, which lives as long as it.
fn runtime() -> &'static Arc<Runtime> {
    static RUNTIME: OnceLock<Arc<Runtime>> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        Arc::new(builder.worker_threads(2).enable_all().build().unwrap())
    })
}

async fn in_time<T>(time: Duration, call: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(time, call).await.map_err(|_| SendError::TimedOut.into())
}

impl Parent for Tasks {
    type Mark = tasks::Tokio;
    type Process = tasks::Process;
    type Child = tasks::Child;
    type List = tasks::SocketList;

    fn start(command: Command<Self::Mark>) -> Result<Self::Process, Error> {
        let _inside = runtime().enter();
        command.spawn()
    }
    fn start_with_channel(command: Command<Self::Mark>, number: usize) -> Result<Self::Child, Error> {
        let _inside = runtime().enter();
        command.spawn_with_channel(number)
    }
    fn output(command: Command<Self::Mark>) -> Result<Output, ExecError> {
        runtime().block_on(command.output())
    }
    fn channel(child: &Self::Child) -> Self {
        Tasks { channel: child.channel.clone(), runtime: runtime().clone() }
    }
    fn process(child: &mut Self::Child) -> &mut Self::Process {
        &mut child.process
    }
    fn stop(child: &Self::Child, escalation: Escalation) -> Result<ExitStatus, Error> {
        runtime().block_on(child.stop(escalation))
    }
}

impl Started for tasks::Process {
    fn id(&self) -> u32 {
        tasks::Process::id(self)
    }
    fn kill(&self, signal: Signal) -> io::Result<bool> {
        tasks::Process::kill(self, signal)
    }
    fn kill_group(&self, signal: Signal) -> io::Result<bool> {
        tasks::Process::kill_group(self, signal)
    }
    fn wait(&self) -> io::Result<ExitStatus> {
        runtime().block_on(tasks::Process::wait(self))
    }
    fn wait_timeout(&self, time: Duration) -> io::Result<Option<ExitStatus>> {
        runtime().block_on(tasks::Process::wait_timeout(self, time))
    }
    fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        tasks::Process::try_wait(self)
    }
    #[cfg(target_os = "linux")]
    fn pidfd(&self) -> io::Result<BorrowedFd<'_>> {
        tasks::Process::pidfd(self)
    }
    fn pipes(&mut self) -> Vec<(RawFd, UnixStream)> {
        std::mem::take(&mut self.pipes)
    }
    fn standard(&mut self, number: usize) -> Option<File> {
        let _inside = runtime().enter();
        let fd = match number {
            0 => self.stdin.take()?.into_owned_fd(),
            1 => self.stdout.take()?.into_owned_fd(),
            _ => self.stderr.take()?.into_owned_fd(),
        };
        let file = File::from(fd.unwrap());
        // It was made non-blocking for the reactor, but threads read it here.
        fcntl(&file, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
        Some(file)
    }
}

impl List<Tasks> for tasks::SocketList {
    fn new() -> Self {
        tasks::SocketList::new()
    }
    fn send(&self, channel: &Tasks, message: &Value, connection: Outgoing) -> Result<(), Unsent> {
        channel.runtime.block_on(tasks::SocketList::send(self, &channel.channel, message, connection))
    }
    fn send_timeout(&self, channel: &Tasks, connection: Outgoing, time: Duration) -> Result<(), Unsent> {
        let send =
            async { in_time(time, tasks::SocketList::send(self, &channel.channel, &0, connection)).await };
        channel.runtime.block_on(send).unwrap_or_else(|error| Err(Unsent { error, handle: None }))
    }
    fn connections(&self) -> Result<usize, Error> {
        runtime().block_on(tasks::SocketList::connections(self))
    }
    fn connections_timeout(&self, _: &[&Tasks], time: Duration) -> Result<usize, Error> {
        runtime().block_on(in_time(time, tasks::SocketList::connections(self)))?
    }
    fn closed(&self) -> Result<(), Error> {
        runtime().block_on(tasks::SocketList::closed(self))
    }
}
