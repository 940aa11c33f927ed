//! A server's socket in its primary, and the task that accepts from it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Weak;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;

use super::address::{Bound, OwnPath};
use super::state::Cluster;
use crate::proto::cluster::primary::ServerId;
use crate::sys::{reactor, server};
use crate::wire::control::HandleType;

/// How long to wait when this process has no descriptor free for a connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

pub(super) struct Server {
    socket: Socket,
    /// Removed with it.
    _path: Option<OwnPath>,
}

enum Socket {
    /// Ours to accept from.
    Listening {
        socket: AsyncFd<OwnedFd>,
        is_ours: bool,
        /// The task that accepts, while there is no room.
        waiting: Option<Waker>,
        task: Option<AbortHandle>,
    },
    /// The workers'.
    Shared { socket: OwnedFd, wire_type: HandleType },
}

impl Server {
    /// One to accept from.
    pub(super) fn listening(bound: Bound) -> io::Result<Self> {
        let socket = reactor::register_owned(bound.socket)?;
        Ok(Server {
            socket: Socket::Listening { socket, is_ours: bound.is_ours, waiting: None, task: None },
            _path: bound.path,
        })
    }

    /// One to give to workers.
    pub(super) fn shared(bound: Bound, is_udp: bool) -> Self {
        let wire_type = if is_udp { HandleType::DgramNative } else { HandleType::NetNative };
        Server { socket: Socket::Shared { socket: bound.socket, wire_type }, _path: bound.path }
    }

    /// This task accepts from it, and ends with it.
    pub(super) fn served_by(&mut self, handle: AbortHandle) {
        if let Socket::Listening { task, .. } = &mut self.socket {
            *task = Some(handle);
        }
    }

    /// A duplicate for a worker, and what it travels as.
    pub(super) fn duplicate(&self) -> io::Result<(OwnedFd, HandleType)> {
        match &self.socket {
            Socket::Shared { socket, wire_type } => Ok((socket.try_clone()?, *wire_type)),
            Socket::Listening { .. } => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        }
    }

    /// Accepts once.
    pub(super) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<OwnedFd>> {
        let Socket::Listening { socket, .. } = &mut self.socket else {
            return Poll::Pending;
        };
        loop {
            let mut guard = ready!(socket.poll_read_ready(cx))?;
            match server::accept(guard.get_inner().as_fd()) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                accepted => return Poll::Ready(accepted),
            }
        }
    }

    /// There is no room: [`resume`](Self::resume) will wake the task.
    pub(super) fn wait(&mut self, cx: &Context<'_>) {
        if let Socket::Listening { waiting, .. } = &mut self.socket {
            *waiting = Some(cx.waker().clone());
        }
    }

    pub(super) fn resume(&mut self) {
        if let Socket::Listening { waiting, .. } = &mut self.socket
            && let Some(waker) = waiting.take()
        {
            waker.wake();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Socket::Listening { socket, is_ours, task, .. } = &self.socket {
            if let Some(task) = task {
                task.abort();
            }
            // At once, so that who asks for the same address next can have it.
            if *is_ours {
                server::stop(socket.get_ref().as_fd());
            }
        }
    }
}

/// Accepts connections as long as the server is there. Does not keep the cluster alive.
pub(super) async fn accept(cluster: Weak<Cluster>, server: ServerId) {
    loop {
        let batch = std::future::poll_fn(|cx| match cluster.upgrade() {
            Some(cluster) => cluster.poll_accept(server, cx),
            None => Poll::Ready(None),
        });
        match batch.await {
            None => return,
            Some(Ok(())) => {}
            // No descriptors, or no memory: whatever it is, it would be the same again at once.
            Some(Err(_)) => tokio::time::sleep(EXHAUSTED).await,
        }
    }
}
