//! `Connection`: one client. Reading and writing are the driver's own.

macro_rules! connection_face {
    (
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::io;
        use std::net::SocketAddr;
        use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

        use crate::driver::listen::{Connected, ConnectionHold};

        /// A connection that this worker serves, over TCP or a Unix socket.
        $(#[$threads]
        /// Calls on it wait.
        )?
        ///
        /// It counts as open until it is dropped: for the limit of connections, and for a worker that
        /// stops, whose channel is closed with its last connection. Options of its socket are set through
        /// its descriptor ([`AsFd`]).
        #[derive(Debug)]
        pub struct Connection {
            // In this order: a connection is closed before it counts as closed.
            stream: Stream,
            hold: ConnectionHold,
        }

        #[derive(Debug)]
        pub(super) enum Stream {
            Tcp(TcpStream),
            Unix(UnixStream),
        }

        impl Connection {
            pub(super) fn new(stream: Stream, hold: ConnectionHold) -> Self {
                Connection { stream, hold }
            }

            /// The client's address over TCP.
            pub fn peer_addr(&self) -> Option<SocketAddr> {
                match &self.stream {
                    Stream::Tcp(stream) => stream.peer_addr().ok(),
                    Stream::Unix(_) => None,
                }
            }

            /// Our address over TCP.
            pub fn local_addr(&self) -> Option<SocketAddr> {
                match &self.stream {
                    Stream::Tcp(stream) => stream.local_addr().ok(),
                    Stream::Unix(_) => None,
                }
            }

            /// The TCP connection by itself. It does not count as open any more.
            ///
            /// # Errors
            /// The connection, if it is over a Unix socket.
            pub fn into_tcp(self) -> Result<TcpStream, Self> {
                match self.stream {
                    Stream::Tcp(stream) => Ok(stream),
                    stream => Err(Connection { stream, hold: self.hold }),
                }
            }

            /// The connection over a Unix socket by itself. It does not count as open any more.
            ///
            /// # Errors
            /// The connection, if it is over TCP.
            pub fn into_unix(self) -> Result<UnixStream, Self> {
                match self.stream {
                    Stream::Unix(stream) => Ok(stream),
                    stream => Err(Connection { stream, hold: self.hold }),
                }
            }
        }

        impl AsFd for Connection {
            fn as_fd(&self) -> BorrowedFd<'_> {
                match &self.stream {
                    Stream::Tcp(stream) => stream.as_fd(),
                    Stream::Unix(stream) => stream.as_fd(),
                }
            }
        }

        impl Stream {
            /// From the primary, which was asked for a connection and for nothing else.
            pub(super) fn from_fd(fd: OwnedFd) -> io::Result<Self> {
                Ok(match Connected::from(fd) {
                    Connected::Tcp(stream) => Stream::Tcp(register_tcp(stream)?),
                    Connected::Unix(stream) => Stream::Unix(register_unix(stream)?),
                })
            }
        }
    };
}
pub(crate) use connection_face;
