//! [`WithHandle`]: a result that brings a handle.

use crate::handle::{IntoOutgoing, Outgoing};

/// A result that brings a handle: a handler returns one to give its caller a socket, a server or a pipe.
///
/// ```
/// use crossfork::blocking::Context;
/// use crossfork::calls::WithHandle;
/// use std::net::TcpListener;
///
/// // In Node: const { result, handle } = await pool.call('listen', null, { takesHandle: true })
/// fn listen((): (), _: &Context) -> std::io::Result<WithHandle<u16>> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     Ok(WithHandle::new(listener.local_addr()?.port(), listener))
/// }
/// ```
///
/// A caller that does not take the handle closes it. An end that is not ours would leave it open, so the call
/// fails there, unless [`to_any_peer`](Self::to_any_peer) was called. The handle is closed then.
#[derive(Debug)]
pub struct WithHandle<T> {
    pub(crate) result: T,
    pub(crate) handle: Outgoing,
    pub(crate) to_any_peer: bool,
}

impl<T> WithHandle<T> {
    /// A result and a handle.
    pub fn new(result: T, handle: impl IntoOutgoing) -> Self {
        WithHandle { result, handle: handle.into(), to_any_peer: false }
    }

    /// Sends the handle to an end too that has not said that it takes handles.
    pub fn to_any_peer(self) -> Self {
        WithHandle { to_any_peer: true, ..self }
    }
}
