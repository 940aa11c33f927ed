//! What was received, for the calls that wait for it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Weak;

use super::Link;
use crate::error::{Error, ProtocolError};
use crate::handle::{Handle, fits};
use crate::handle::{ReceivedHandle, SocketHold, SocketOwner};
use crate::message::Message;
use crate::message::Payload;
use crate::proto::{Attached, Event};
use crate::sys::probe::{self, Kind};
use crate::wire;
use crate::wire::control::{HandleType, SocketKey};

/// Something that was received.
pub(super) enum Incoming {
    /// It is for the user: see [`Link::next`].
    User(Result<Option<Message>, Error>),
    /// It is for the primary of a cluster. Only tasks have one.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    Cluster(Payload),
}

impl Link {
    /// What was received next; `Some(Ok(None))` when the channel is over, and from then on.
    pub(in crate::driver) fn next(
        &mut self,
        owner: impl Fn() -> Weak<dyn SocketOwner>,
    ) -> Option<Result<Option<Message>, Error>> {
        loop {
            match self.received(&owner)? {
                Incoming::User(message) => return Some(message),
                // Only a cluster's primary asked for these, and it does not come here.
                Incoming::Cluster(_) => {}
            }
        }
    }

    /// The same, and what a cluster's worker tells its primary, in order.
    pub(super) fn received(&mut self, owner: impl Fn() -> Weak<dyn SocketOwner>) -> Option<Incoming> {
        self.has_receiver();
        Some(Incoming::User(match self.core.poll_event() {
            Some(Event::Message { payload, handle }) => {
                let payload = payload.received_on(self.encoder.number());
                match handle {
                    None => Ok(Some(Message::new(payload, None))),
                    Some(attached) => self.with_handle(payload, attached, owner),
                }
            }
            // A worker has no descriptor that a primary would want: it is closed.
            Some(Event::Cluster { payload, .. }) => return Some(Incoming::Cluster(payload)),
            Some(Event::Invalid(error)) => Err(error.into()),
            Some(Event::Disconnected { .. }) => self.over(),
            None => {
                self.leave_if_done();
                if !self.core.is_closed() {
                    return None;
                }
                self.over()
            }
        }))
    }

    fn over(&mut self) -> Result<Option<Message>, Error> {
        self.failure.take().map_or(Ok(None), |e| Err(Error::Io(e)))
    }

    /// Node trusts the type; we ask the kernel (HND-22).
    fn with_handle(
        &mut self,
        payload: Payload,
        attached: Attached<OwnedFd>,
        owner: impl Fn() -> Weak<dyn SocketOwner>,
    ) -> Result<Option<Message>, Error> {
        let Attached { fd, wire_type, key } = attached;
        let hold = key.map(|key| SocketHold::new(key, owner()));
        let mut kind = probe::probe(fd.as_fd()).unwrap_or(Kind::Other);
        if probe::set_nonblocking(fd.as_fd()).is_err() {
            kind = Kind::Other;
        }
        let known = HandleType::from_name(&wire_type).filter(|known| fits(kind, *known));
        // A server listens when it arrives, if it did not before (HND-17).
        if known == Some(HandleType::NetServer) && kind == Kind::TcpBound && probe::listen(&fd).is_ok() {
            kind = Kind::TcpListener;
        }
        let handle = known.and_then(|known| Some((known, Handle::from_fd(fd, kind).ok()?)));
        let Some((known, handle)) = handle else {
            // Uncounted here: its drop would wait for the lock that we hold.
            if let Some(hold) = hold {
                self.socket_closed(&hold.release());
            }
            let found = kind.as_str();
            let message = wire::quote(self.encoder.serialization(), payload.into_bytes());
            return Err(ProtocolError::InvalidHandle { wire_type, found, message }.into());
        };
        self.bound_sockets |= known == HandleType::NetBoundSocket;
        Ok(Some(Message::new(payload, Some(ReceivedHandle::new(handle, known, hold)))))
    }

    /// A socket of this key is closed: tells the peer, if it asked.
    pub(crate) fn socket_closed(&mut self, key: &SocketKey) {
        self.core.socket_closed(key);
        self.write();
    }
}
