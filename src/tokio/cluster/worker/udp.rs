//! [`UdpSocket`]: datagrams, whichever worker gets them.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net;
use tokio::select;

use super::Server;
use crate::driver::op;

/// A UDP socket that this worker shares with the others of its cluster: each datagram comes to one
/// of them. Dropped, it is closed.
pub struct UdpSocket {
    pub(super) server: Server,
    socket: net::UdpSocket,
}

impl UdpSocket {
    pub(super) fn new(server: Server, socket: std::net::UdpSocket) -> io::Result<Self> {
        Ok(UdpSocket { server, socket: net::UdpSocket::from_std(socket)? })
    }

    /// Waits for the next datagram; `None` when the worker is to stop, or the socket was closed.
    ///
    /// # Errors
    /// As for any socket.
    ///
    /// # Cancel safety
    /// No datagram is lost if the future is dropped: the next call gives it.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let Server { channel, id } = &self.server;
        select! {
            biased;
            () = channel.call(op::over(*id)) => Ok(None),
            received = self.socket.recv_from(buffer) => received.map(Some),
        }
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// As for any socket.
    ///
    /// # Cancel safety
    /// If the future is dropped, nothing was sent.
    pub async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.socket.send_to(bytes, to).await
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// As for any socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The socket, for everything else.
    pub fn get_ref(&self) -> &net::UdpSocket {
        &self.socket
    }

    /// Receives no more.
    pub fn close(&self) {
        self.server.work(|worker, id| worker.close(id));
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("tokio::cluster::UdpSocket").field("socket", &self.socket).finish_non_exhaustive()
    }
}
