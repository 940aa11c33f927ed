//! The socket of a server, in its primary.

use std::io;
use std::os::fd::OwnedFd;

use super::address::{Bound, OwnPath};
use super::listener::Listener;
use crate::wire::control::HandleType;

pub(super) struct ServerSocket {
    used: Used,
    /// Removed with it.
    _path: Option<OwnPath>,
}

/// Who accepts from it.
enum Used {
    /// Ours to accept from.
    Listening(Listener),
    /// The workers'.
    Shared { socket: OwnedFd, wire_type: HandleType },
}

impl ServerSocket {
    /// One to accept from.
    pub(super) fn listening(bound: Bound, is_patient: bool) -> io::Result<Self> {
        let listener = Listener::new(bound.socket, bound.is_ours, is_patient)?;
        Ok(ServerSocket { used: Used::Listening(listener), _path: bound.path })
    }

    /// One to give to workers.
    pub(super) fn shared(bound: Bound, is_udp: bool) -> Self {
        let wire_type = if is_udp { HandleType::DgramNative } else { HandleType::NetNative };
        ServerSocket { used: Used::Shared { socket: bound.socket, wire_type }, _path: bound.path }
    }

    /// The socket, if it is ours to accept from.
    pub(super) fn listener(&mut self) -> Option<&mut Listener> {
        match &mut self.used {
            Used::Listening(listener) => Some(listener),
            Used::Shared { .. } => None,
        }
    }

    /// A duplicate for a worker, and what it travels as.
    pub(super) fn duplicate(&self) -> io::Result<(OwnedFd, HandleType)> {
        match &self.used {
            Used::Shared { socket, wire_type } => Ok((socket.try_clone()?, *wire_type)),
            Used::Listening(_) => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        }
    }
}
