//! `Connection`: one client. Each driver adds its own reading and writing.

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
        /// Reading and writing block.
        )?
        ///
        /// It counts as open until it is dropped. Open connections count for the connection limit, and a
        /// stopping worker closes its channel when its last connection closes. Set socket options through its
        /// descriptor ([`AsFd`]).
        #[derive(Debug)]
        pub struct Connection {
            // Field order matters: the connection is closed before it stops counting as open.
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

            /// The client's address (TCP only).
            pub fn peer_addr(&self) -> Option<SocketAddr> {
                match &self.stream {
                    Stream::Tcp(stream) => stream.peer_addr().ok(),
                    Stream::Unix(_) => None,
                }
            }

            /// Our address (TCP only).
            pub fn local_addr(&self) -> Option<SocketAddr> {
                match &self.stream {
                    Stream::Tcp(stream) => stream.local_addr().ok(),
                    Stream::Unix(_) => None,
                }
            }

            /// Converts this into the TCP connection. It then no longer counts as open.
            ///
            /// # Errors
            /// The connection itself, if it uses a Unix socket.
            pub fn into_tcp(self) -> Result<TcpStream, Self> {
                match self.stream {
                    Stream::Tcp(stream) => Ok(stream),
                    stream => Err(Connection { stream, hold: self.hold }),
                }
            }

            /// Converts this into the Unix socket connection. It then no longer counts as open.
            ///
            /// # Errors
            /// The connection itself, if it uses TCP.
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
            /// From a descriptor of the primary's, which is a connection because we asked for one.
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
