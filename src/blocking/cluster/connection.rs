//! [`Connection`] for threads.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use crate::driver::listen::Socket;

crate::driver::face::connection_face! { threads #[doc = ""] }

/// The primary closes its copy, so this worker may clear the flag (HND-16).
fn register_tcp(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// As for TCP.
fn register_unix(stream: UnixStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(false)?;
    Ok(stream)
}

impl Stream {
    /// From a shared socket, which is non-blocking; `None` if there is no connection now.
    pub(super) fn accept(socket: &Socket) -> Option<io::Result<Self>> {
        loop {
            let accepted = match socket {
                Socket::Tcp(listener) => listener.accept().map(|(stream, _)| Stream::Tcp(stream)),
                Socket::Unix(listener) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
            };
            return match accepted {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => None,
                // The client disconnected before the accept.
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
