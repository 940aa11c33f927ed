//! [`UdpSocket`]: datagrams, whichever worker gets them.

use std::fmt;
use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::worker::Server;
use crate::driver::op;

/// A UDP socket that this worker shares with the others of its cluster: each datagram comes to one
/// of them. Dropped, it is closed.
pub struct UdpSocket {
    pub(super) server: Server,
    socket: Arc<net::UdpSocket>,
}

impl UdpSocket {
    pub(super) fn new(server: Server, socket: net::UdpSocket) -> io::Result<Self> {
        Ok(UdpSocket { server, socket: Arc::new(socket) })
    }

    /// Waits for the next datagram; `None` when the worker is to stop, or the socket was closed.
    ///
    /// # Errors
    /// As for any socket.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let Server { channel, id } = &self.server;
        let received = op::until_over(*id, || match self.socket.recv_from(buffer) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => None,
            received => Some(received),
        });
        channel.call_watching(self.socket.clone(), received).transpose()
    }

    /// Sends a datagram, and waits while there is no room for it.
    ///
    /// # Errors
    /// As for any socket.
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        loop {
            match self.socket.send_to(bytes, to) {
                // The flag is the primary's and the other workers' too (HND-16).
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLOUT)];
                    match poll(&mut fds, PollTimeout::NONE) {
                        Ok(_) | Err(Errno::EINTR) => {}
                        Err(e) => return Err(e.into()),
                    }
                }
                sent => return sent,
            }
        }
    }

    /// Where it is bound.
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

    /// Receives no more.
    pub fn close(&self) {
        self.server.work(|worker, id| worker.close(id));
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("blocking::cluster::UdpSocket").field("socket", &self.socket).finish_non_exhaustive()
    }
}
