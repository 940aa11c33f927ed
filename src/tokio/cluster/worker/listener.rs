//! [`Listener`]: connections, wherever they come from.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::net::{TcpListener, UnixListener};
use tokio::select;

use super::Server;
use super::connection::{Connection, Stream};
use crate::driver::listen::{self, ConnectionHold, Granted, ListenAddress};
use crate::driver::op;
use crate::error::Error;
use crate::wire::v8::Value;

/// A server that this worker shares with the others of its cluster. Dropped, it is closed, and
/// the connections with it that nobody has taken.
pub struct Listener {
    pub(super) server: Server,
    from: From,
    address: String,
    local_addr: Option<SocketAddr>,
    path: Option<PathBuf>,
    data: Option<Value>,
    /// For [`ended`](Self::ended).
    #[cfg(feature = "axum")]
    pub(super) ended: tokio::sync::watch::Sender<bool>,
}

/// Where connections come from.
enum From {
    Primary,
    /// A shared socket, until nobody accepts from it any more: what is open takes clients in, even
    /// if they wait in vain.
    Socket(Mutex<Option<Arc<Socket>>>),
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    pub(super) fn new(server: Server, granted: Granted, address: &ListenAddress) -> Result<Self, Error> {
        let Granted { socket, local_addr, path, data } = granted;
        let socket = socket.map(Socket::register).transpose().map_err(|e| address.error(e))?;
        let from = match socket {
            Some(socket) => From::Socket(Mutex::new(Some(Arc::new(socket)))),
            None => From::Primary,
        };
        Ok(Listener {
            server,
            from,
            address: address.describe(),
            local_addr,
            path,
            data,
            #[cfg(feature = "axum")]
            ended: tokio::sync::watch::Sender::new(false),
        })
    }

    /// Waits for the next connection. `None` when no more will come: the worker is to stop, the
    /// listener was closed, or the primary is gone. Several tasks may accept.
    ///
    /// # Errors
    /// [`Error::Listen`], where workers accept from a shared socket and this process has no
    /// descriptor free, for one. The next call may succeed.
    ///
    /// # Cancel safety
    /// No connection is lost if the future is dropped: the next call gives it.
    pub async fn accept(&self) -> Result<Option<Connection>, Error> {
        let Server { channel, id } = &self.server;
        match &self.from {
            From::Primary => {
                let Some(fd) = channel.call(op::connection(*id)).await else {
                    return Ok(None);
                };
                let hold = ConnectionHold::new(*id, channel.connection_owner());
                let stream = Stream::from_fd(fd).map_err(|e| self.error(e))?;
                Ok(Some(Connection::new(stream, hold)))
            }
            From::Socket(socket) => {
                let open = lock(socket).clone();
                let accepted = self.accept_from(open).await;
                if matches!(accepted, Ok(None)) {
                    *lock(socket) = None;
                }
                accepted
            }
        }
    }

    async fn accept_from(&self, socket: Option<Arc<Socket>>) -> Result<Option<Connection>, Error> {
        let Server { channel, id } = &self.server;
        let Some(socket) = socket else {
            return Ok(None);
        };
        if !channel.call(op::room(*id)).await {
            return Ok(None);
        }
        let hold = ConnectionHold::new(*id, channel.connection_owner());
        select! {
            biased;
            () = channel.call(op::over(*id)) => Ok(None),
            accepted = socket.accept() => {
                Ok(Some(Connection::new(accepted.map_err(|e| self.error(e))?, hold)))
            }
        }
    }

    fn error(&self, reason: io::Error) -> Error {
        Error::Listen { address: self.address.clone(), reason }
    }

    /// Where it listens over TCP. A primary that is not Node's may not say.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// The path of a Unix socket.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What the servers of all workers share: that of the worker that was first.
    pub fn data(&self) -> Option<&Value> {
        self.data.as_ref()
    }

    /// How many connections may be open before more are refused, and go to other workers. There is
    /// no limit by default.
    pub fn set_max_connections(&self, max: Option<usize>) {
        self.server.work(|worker, id| worker.set_max_connections(id, max));
    }

    /// Takes no more connections. Those that were handed over before can still be accepted.
    pub fn close(&self) {
        if let From::Socket(socket) = &self.from {
            *lock(socket) = None;
        }
        self.server.work(|worker, id| worker.close(id));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Socket {
    fn register(socket: listen::Socket) -> io::Result<Self> {
        Ok(match socket {
            listen::Socket::Tcp(listener) => Socket::Tcp(TcpListener::from_std(listener)?),
            listen::Socket::Unix(listener) => Socket::Unix(UnixListener::from_std(listener)?),
        })
    }

    /// One that is gone before it could be accepted is passed over.
    async fn accept(&self) -> io::Result<Stream> {
        loop {
            let accepted = match self {
                Socket::Tcp(listener) => listener.accept().await.map(|(stream, _)| Stream::Tcp(stream)),
                Socket::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
            };
            match accepted {
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                accepted => return accepted,
            }
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("tokio::cluster::Listener").field("address", &self.address).finish_non_exhaustive()
    }
}
