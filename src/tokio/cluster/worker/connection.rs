//! [`Connection`]: one client.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::driver::listen::{Connected, ConnectionHold};

/// A connection that this worker serves, over TCP or a Unix socket.
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
            Connected::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream)?),
            Connected::Unix(stream) => Stream::Unix(UnixStream::from_std(stream)?),
        })
    }
}

macro_rules! with_stream {
    ($connection:expr, $stream:ident => $call:expr) => {
        match &mut $connection.get_mut().stream {
            Stream::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        with_stream!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with_stream!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
