//! A server's socket in its primary.

use std::io;
use std::os::fd::OwnedFd;

use super::address::{Bound, OwnPath};
use super::listener::Listener;
use crate::wire::control::HandleType;

pub(super) struct Server {
    socket: Socket,
    /// Removed with it.
    _path: Option<OwnPath>,
}

enum Socket {
    /// Ours to accept from.
    Listening(Listener),
    /// The workers'.
    Shared { socket: OwnedFd, wire_type: HandleType },
}

impl Server {
    /// One to accept from.
    pub(super) fn listening(bound: Bound, is_patient: bool) -> io::Result<Self> {
        let listener = Listener::new(bound.socket, bound.is_ours, is_patient)?;
        Ok(Server { socket: Socket::Listening(listener), _path: bound.path })
    }

    /// One to give to workers.
    pub(super) fn shared(bound: Bound, is_udp: bool) -> Self {
        let wire_type = if is_udp { HandleType::DgramNative } else { HandleType::NetNative };
        Server { socket: Socket::Shared { socket: bound.socket, wire_type }, _path: bound.path }
    }

    /// The socket, if it is ours to accept from.
    pub(super) fn listener(&mut self) -> Option<&mut Listener> {
        match &mut self.socket {
            Socket::Listening(listener) => Some(listener),
            Socket::Shared { .. } => None,
        }
    }

    /// A duplicate for a worker, and what it travels as.
    pub(super) fn duplicate(&self) -> io::Result<(OwnedFd, HandleType)> {
        match &self.socket {
            Socket::Shared { socket, wire_type } => Ok((socket.try_clone()?, *wire_type)),
            Socket::Listening(_) => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        }
    }
}
