//! `UdpSocket`: a UDP socket shared by workers.

macro_rules! udp_face {
    (
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::fmt;
        use std::io;
        use std::net::SocketAddr;

        use super::worker::Server;
        use crate::driver::op;

        /// A UDP socket that this worker shares with the other workers of its cluster. Each datagram goes to
        /// one of them. Dropping it closes it.
        pub struct UdpSocket {
            pub(super) server: Server,
            socket: Socket,
        }

        impl UdpSocket {
            pub(super) fn new(server: Server, socket: std::net::UdpSocket) -> io::Result<Self> {
                Ok(UdpSocket { server, socket: register(socket)? })
            }

            /// Waits for the next datagram. `None` means that the worker is to stop, or that the socket was
            /// closed.
            ///
            /// # Errors
            /// As for any socket.
            $(#[$tasks]
            /// # Cancel safety
            /// Dropping the future loses no datagram: the next call returns it.
            )?
            pub $($async)? fn recv_from(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
                receive_until_over(&self.server, &self.socket, buffer) $(.$await)?
            }

            /// Sends a datagram. Waits while the send buffer is full.
            ///
            /// # Errors
            /// As for any socket.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, nothing was sent.
            )?
            pub $($async)? fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
                send(&self.socket, bytes, to) $(.$await)?
            }

            /// The local address.
            ///
            /// # Errors
            /// As for any socket.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.socket.local_addr()
            }

            /// The socket, for everything else. It is non-blocking.
            pub fn get_ref(&self) -> &net::UdpSocket {
                &self.socket
            }

            /// Stops receiving.
            pub fn close(&self) {
                self.server.work(|worker, id| worker.close(id));
            }
        }

        impl fmt::Debug for UdpSocket {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("UdpSocket").field("socket", &self.socket).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use udp_face;
