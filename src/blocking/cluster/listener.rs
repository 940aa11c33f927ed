//! [`Listener`]: connections, wherever they come from.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::connection::{Connection, Stream};
use super::worker::Server;
use crate::driver::listen::{ConnectionHold, Granted, ListenAddress, Socket};
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
}

/// Where connections come from.
enum From {
    Primary,
    /// A shared socket, until nobody accepts from it any more: what is open takes clients in, even
    /// if they wait in vain.
    Socket(Mutex<Option<Arc<Socket>>>),
}

impl Listener {
    pub(super) fn new(server: Server, granted: Granted, address: &ListenAddress) -> Result<Self, Error> {
        let Granted { socket, local_addr, path, data } = granted;
        let from = match socket {
            Some(socket) => From::Socket(Mutex::new(Some(Arc::new(socket)))),
            None => From::Primary,
        };
        Ok(Listener { server, from, address: address.describe(), local_addr, path, data })
    }

    /// Waits for the next connection. `None` when no more will come: the worker is to stop, the
    /// listener was closed, or the primary is gone. Several threads may accept.
    ///
    /// # Errors
    /// [`Error::Listen`], where workers accept from a shared socket and this process has no
    /// descriptor free, for one. The next call may succeed.
    pub fn accept(&self) -> Result<Option<Connection>, Error> {
        let Server { channel, id } = &self.server;
        match &self.from {
            From::Primary => {
                let Some(fd) = channel.call(op::connection(*id)) else {
                    return Ok(None);
                };
                let hold = ConnectionHold::new(*id, channel.owner());
                let stream = Stream::from_fd(fd).map_err(|e| self.error(e))?;
                Ok(Some(Connection::new(stream, hold)))
            }
            From::Socket(socket) => {
                let open = lock(socket).clone();
                let accepted = self.accept_from(open);
                if matches!(accepted, Ok(None)) {
                    *lock(socket) = None;
                }
                accepted
            }
        }
    }

    fn accept_from(&self, socket: Option<Arc<Socket>>) -> Result<Option<Connection>, Error> {
        let Server { channel, id } = &self.server;
        let Some(socket) = socket else {
            return Ok(None);
        };
        if !channel.call(op::room(*id)) {
            return Ok(None);
        }
        let hold = ConnectionHold::new(*id, channel.owner());
        let accepted = op::until_over(*id, || Stream::accept(&socket));
        match channel.call_watching(socket.clone(), accepted) {
            None => Ok(None),
            Some(stream) => Ok(Some(Connection::new(stream.map_err(|e| self.error(e))?, hold))),
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

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("blocking::cluster::Listener").field("address", &self.address).finish_non_exhaustive()
    }
}
