//! The socket of a server, in its primary.

use std::io;
use std::os::fd::OwnedFd;

use super::address::{self, Bound};
use super::listener::Listener;
use super::unix_path::OwnPath;
use crate::proto::cluster::Query;
use crate::wire::control::HandleType;

pub(super) struct ServerSocket {
    /// Removed with the socket, and before it: the number of the file could be another's then.
    path: Option<OwnPath>,
    used: Used,
    /// What was asked for.
    query: Query,
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
    pub(super) fn listening(bound: Bound, query: Query) -> io::Result<Self> {
        let listener = Listener::new(bound.socket, bound.is_ours, address::is_patient(&query))?;
        Ok(ServerSocket { path: bound.path, used: Used::Listening(listener), query })
    }

    /// One to give to workers.
    pub(super) fn shared(bound: Bound, query: Query) -> Self {
        let is_udp = query.address_type.is_udp();
        let wire_type = if is_udp { HandleType::DgramNative } else { HandleType::NetNative };
        ServerSocket { path: bound.path, used: Used::Shared { socket: bound.socket, wire_type }, query }
    }

    /// Whether clients reach it: the file of its path, if it has one, is the one that was bound.
    pub(super) fn is_reachable(&self) -> bool {
        self.path.as_ref().is_none_or(OwnPath::is_ours)
    }

    /// What was asked for.
    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// Takes the place of another, whose clients are served first.
    pub(super) fn replaces(&mut self, other: ServerSocket) {
        if let (Used::Listening(listener), Used::Listening(old)) = (&mut self.used, other.used) {
            listener.replaces(old);
        }
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
