//! A connection of the primary itself to one worker.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream as Stream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as UnixPair;

use tokio::net::{TcpStream, UnixStream};

use crate::proto::cluster::primary::Transport;

/// Our end of it.
pub(crate) enum Direct {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Both ends: ours, and that for the worker. To be called in a runtime.
pub(super) fn pair(transport: Transport) -> io::Result<(Direct, OwnedFd)> {
    match transport {
        Transport::Tcp => {
            let (ours, its) = tcp_pair()?;
            ours.set_nonblocking(true)?;
            Ok((Direct::Tcp(TcpStream::from_std(ours)?), its.into()))
        }
        Transport::Unix => {
            let (ours, its) = UnixPair::pair()?;
            ours.set_nonblocking(true)?;
            Ok((Direct::Unix(UnixStream::from_std(ours)?), its.into()))
        }
    }
}

/// Over the loopback interface, so that the worker sees an ordinary client with an address. Nothing here waits:
/// the kernel connects at once, and the connection is there when that is done.
fn tcp_pair() -> io::Result<(Stream, Stream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let ours = Stream::connect(listener.local_addr()?)?;
    // Somebody else may have been faster.
    loop {
        let (its, client) = listener.accept()?;
        if client == ours.local_addr()? {
            return Ok((ours, its));
        }
    }
}
