//! [`Connection`]: one client.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use crate::driver::listen::{Connected, ConnectionHold, Socket};

/// A connection that this worker serves, over TCP or a Unix socket. Calls on it wait.
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
    /// From the primary, which closes its copy: the flag is ours to clear (HND-16).
    pub(super) fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        Ok(match Connected::from(fd) {
            Connected::Tcp(stream) => {
                stream.set_nonblocking(false)?;
                Stream::Tcp(stream)
            }
            Connected::Unix(stream) => {
                stream.set_nonblocking(false)?;
                Stream::Unix(stream)
            }
        })
    }

    /// From a shared socket, which is non-blocking; `None` if there is no connection now.
    pub(super) fn accept(socket: &Socket) -> Option<io::Result<Self>> {
        loop {
            let accepted = match socket {
                Socket::Tcp(listener) => listener.accept().map(|(stream, _)| Stream::Tcp(stream)),
                Socket::Unix(listener) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
            };
            return match accepted {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => None,
                // Gone before it could be accepted.
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => continue,
                accepted => Some(accepted),
            };
        }
    }
}

macro_rules! with_stream {
    ($connection:expr, $stream:ident => $call:expr) => {
        match &$connection.stream {
            Stream::Tcp(stream) => {
                let mut $stream = stream;
                $call
            }
            Stream::Unix(stream) => {
                let mut $stream = stream;
                $call
            }
        }
    };
}

impl Read for &Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        with_stream!(self, stream => stream.read(buffer))
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        with_stream!(self, stream => stream.read_vectored(buffers))
    }
}

impl Write for &Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        with_stream!(self, stream => stream.write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        with_stream!(self, stream => stream.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        with_stream!(self, stream => stream.flush())
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}
