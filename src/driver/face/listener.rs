//! `Listener`: accepts connections, from the primary or from a shared socket.

macro_rules! listener_face {
    (
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
        // Fields that only one driver has, and their initial values.
        $(with { $($field:tt)* } { $($beginning:tt)* })?
    ) => {
        use std::fmt;
        use std::io;
        use std::net::SocketAddr;
        use std::path::{Path, PathBuf};
        use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

        use super::connection::{Connection, Stream};
        use super::worker::Server;
        use crate::driver::listen::{self, ConnectionHold, Granted, ListenAddress};
        use crate::driver::op;
        use crate::error::Error;
        use crate::wire::v8::Value;

        /// A server that this worker shares with the other workers of its cluster. Dropping it closes it,
        /// together with connections that were not accepted yet.
        pub struct Listener {
            pub(super) server: Server,
            source: Source,
            address: String,
            local_addr: Option<SocketAddr>,
            path: Option<PathBuf>,
            data: Option<Value>,
            $($($field)*)?
        }

        /// Where connections come from.
        enum Source {
            Primary,
            /// A shared socket. It is closed when no caller accepts from it any more, because an open socket
            /// would let clients connect and wait in vain.
            Socket(Mutex<Option<Arc<Socket>>>),
        }

        impl Listener {
            pub(super) fn new(
                server: Server,
                granted: Granted,
                address: &ListenAddress,
            ) -> Result<Self, Error> {
                let Granted { socket, local_addr, path, data } = granted;
                let socket = socket.map(register).transpose().map_err(|e| address.error(e))?;
                let source = match socket {
                    Some(socket) => Source::Socket(Mutex::new(Some(Arc::new(socket)))),
                    None => Source::Primary,
                };
                Ok(Listener {
                    server,
                    source,
                    address: address.describe(),
                    local_addr,
                    path,
                    data,
                    $($($beginning)*)?
                })
            }

            /// Waits for the next connection. `None` means that no more will come: the worker is to stop, the
            /// listener was closed, or the primary is gone. Any number of callers may accept.
            ///
            /// # Errors
            /// [`Error::Listen`], for example if workers accept from a shared socket and this process cannot
            /// open another descriptor. The next call may succeed.
            $(#[$tasks]
            /// # Cancel safety
            /// Dropping the future loses no connection: the next call returns it.
            )?
            pub $($async)? fn accept(&self) -> Result<Option<Connection>, Error> {
                let Server { channel, id } = &self.server;
                match &self.source {
                    Source::Primary => {
                        let Some(fd) = channel.call(op::connection(*id)) $(.$await)? else {
                            return Ok(None);
                        };
                        let hold = ConnectionHold::new(*id, channel.connection_owner());
                        let stream = Stream::from_fd(fd).map_err(|e| self.error(e))?;
                        Ok(Some(Connection::new(stream, hold)))
                    }
                    Source::Socket(socket) => {
                        let open = lock(socket).clone();
                        let accepted = self.accept_from(open) $(.$await)?;
                        if matches!(accepted, Ok(None)) {
                            *lock(socket) = None;
                        }
                        accepted
                    }
                }
            }

            $($async)? fn accept_from(
                &self,
                socket: Option<Arc<Socket>>,
            ) -> Result<Option<Connection>, Error> {
                let Server { channel, id } = &self.server;
                let Some(socket) = socket else {
                    return Ok(None);
                };
                if !channel.call(op::room(*id)) $(.$await)? {
                    return Ok(None);
                }
                let hold = ConnectionHold::new(*id, channel.connection_owner());
                match accept_until_over(&self.server, &socket) $(.$await)? {
                    None => Ok(None),
                    Some(stream) => Ok(Some(Connection::new(stream.map_err(|e| self.error(e))?, hold))),
                }
            }

            fn error(&self, reason: io::Error) -> Error {
                Error::Listen { address: self.address.clone(), reason }
            }

            /// The TCP address it listens on. `None` also if a primary other than Node's does not report it.
            pub fn local_addr(&self) -> Option<SocketAddr> {
                self.local_addr
            }

            /// The path of the Unix socket.
            pub fn path(&self) -> Option<&Path> {
                self.path.as_deref()
            }

            /// The data that the servers of all workers share: that of the first worker.
            pub fn data(&self) -> Option<&Value> {
                self.data.as_ref()
            }

            /// Sets how many connections may be open. Further connections are refused and go to other
            /// workers. There is no limit by default.
            pub fn set_max_connections(&self, max: Option<usize>) {
                self.server.work(|worker, id| worker.set_max_connections(id, max));
            }

            /// Stops taking connections. Connections that were handed over before can still be accepted.
            pub fn close(&self) {
                if let Source::Socket(socket) = &self.source {
                    *lock(socket) = None;
                }
                self.server.work(|worker, id| worker.close(id));
            }
        }

        fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
            mutex.lock().unwrap_or_else(PoisonError::into_inner)
        }

        impl fmt::Debug for Listener {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use listener_face;
