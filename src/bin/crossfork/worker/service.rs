//! Serves the handles that the worker receives.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use crossfork::{Handle, ProtocolError, ReceivedHandle, SocketHold};
use nix::sys::socket::{Backlog, listen};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{http, was_refused};

/// Node's default backlog.
const BACKLOG: i32 = 511;

pub(super) struct Service {
    connections: RefCell<JoinSet<()>>,
    stopping: watch::Sender<bool>,
    /// Tasks that accept, and others that a shutdown aborts.
    background: RefCell<JoinSet<()>>,
    pub(super) stats: Stats,
}

impl Service {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Service {
            connections: RefCell::default(),
            stopping: watch::Sender::new(false),
            background: RefCell::default(),
            stats: Stats::default(),
        })
    }

    pub(super) fn serve(self: &Rc<Self>, received: ReceivedHandle) -> io::Result<()> {
        let (handle, hold) = received.into_parts();
        match handle {
            Handle::TcpListener(listener) => self.accept_tcp(TcpListener::from_std(listener)?),
            Handle::TcpBound(socket) => {
                listen(&socket, Backlog::new(BACKLOG)?)?;
                self.accept_tcp(TcpListener::from_std(socket.into())?);
            }
            Handle::UnixListener(listener) => self.accept_unix(UnixListener::from_std(listener)?),
            Handle::TcpStream(stream) => self.connection(TcpStream::from_std(stream)?, hold),
            Handle::UnixStream(stream) => self.connection(UnixStream::from_std(stream)?, hold),
            Handle::UdpSocket(socket) => self.spawn(http::echo_datagrams(UdpSocket::from_std(socket)?)),
            Handle::Pipe(fd) => self.pipe(fd)?,
            // No other kinds exist yet. A new kind would be closed.
            _ => {}
        }
        Ok(())
    }

    fn accept_tcp(self: &Rc<Self>, listener: TcpListener) {
        let service = self.clone();
        self.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => service.connection(stream, None),
                    Err(e) => pause_after(&e).await,
                }
            }
        });
    }

    fn accept_unix(self: &Rc<Self>, listener: UnixListener) {
        let service = self.clone();
        self.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => service.connection(stream, None),
                    Err(e) => pause_after(&e).await,
                }
            }
        });
    }

    pub(super) fn connection<S>(&self, stream: S, hold: Option<SocketHold>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let serving = http::serve(stream, hold, self.stopping.subscribe());
        spawn_in(&mut self.connections.borrow_mut(), serving);
    }

    /// Writes one line to a pipe's writing end, or reads a reading end until it closes.
    fn pipe(&self, fd: OwnedFd) -> io::Result<()> {
        match pipe::Sender::from_owned_fd(fd.try_clone()?) {
            Ok(mut sender) => self.spawn(async move {
                let _ = sender.write_all(http::answer().as_bytes()).await;
            }),
            Err(_) => {
                let mut receiver = pipe::Receiver::from_owned_fd(fd)?;
                self.spawn(async move {
                    let mut buffer = [0; 4096];
                    while matches!(receiver.read(&mut buffer).await, Ok(1..)) {}
                });
            }
        }
        Ok(())
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        spawn_in(&mut self.background.borrow_mut(), task);
    }

    /// Stops accepting and waits for requests in flight. Returns false if some did not finish in time.
    pub(super) async fn drain(&self, timeout: Duration) -> bool {
        self.background.take().shutdown().await;
        self.stopping.send_replace(true);
        let mut connections = self.connections.take();
        let all = async { while connections.join_next().await.is_some() {} };
        tokio::time::timeout(timeout, all).await.is_ok()
    }
}

/// Spawns a task, and removes finished tasks from the set.
fn spawn_in(tasks: &mut JoinSet<()>, task: impl Future<Output = ()> + 'static) {
    while tasks.try_join_next().is_some() {}
    tasks.spawn_local(task);
}

/// Waits before the next accept if descriptors or memory ran out, because accepting fails until some are
/// freed. Any other error concerns only one connection, which is gone already.
pub(super) async fn pause_after(e: &io::Error) {
    if matches!(e.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The counters that the worker reports for `{"crossfork":"stats"}`.
#[derive(Default)]
pub(super) struct Stats {
    messages: Cell<u64>,
    received: Cell<u64>,
    acknowledged: Cell<u64>,
    refused: Cell<u64>,
    sent: Cell<u64>,
    lost: Cell<u64>,
}

impl Stats {
    pub(super) fn message(&self) {
        increment(&self.messages);
    }

    pub(super) fn received(&self) {
        increment(&self.received);
        increment(&self.acknowledged);
    }

    pub(super) fn refused(&self, e: &ProtocolError) {
        if was_refused(e) {
            increment(&self.refused);
        } else if matches!(e, ProtocolError::InvalidHandle { .. }) {
            increment(&self.acknowledged);
        }
    }

    pub(super) fn sent(&self, arrived: bool) {
        increment(if arrived { &self.sent } else { &self.lost });
    }

    pub(super) fn report(&self) -> Value {
        json!({
            "crossfork": "stats",
            "messages": self.messages.get(),
            "handles": {
                "received": self.received.get(),
                "acknowledged": self.acknowledged.get(),
                "refused": self.refused.get(),
                "sent": self.sent.get(),
                "lost": self.lost.get(),
            },
            "descriptors": open_descriptors(),
            "rss": resident_bytes(),
        })
    }
}

fn increment(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

/// Counts open descriptors, without the one used for counting; `null` if the system does not tell.
fn open_descriptors() -> Option<usize> {
    let list = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    Some(std::fs::read_dir(list).ok()?.count().saturating_sub(1))
}

/// Returns resident memory in bytes; `null` if the system does not tell.
fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: usize = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
