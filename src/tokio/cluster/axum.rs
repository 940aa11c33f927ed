//! The listener as axum takes it (feature `axum`).

use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ::axum::extract::connect_info::Connected;
use ::axum::serve::IncomingStream;

use super::{Connection, Listener};

/// How long to wait when a connection cannot be accepted, because no descriptor is free for one.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// The address of a client that `axum::serve` serves through a [`Listener`], for handlers to extract as
/// `ConnectInfo<PeerAddr>`.
///
/// ```no_run
/// use axum::extract::ConnectInfo;
/// use axum::{Router, routing::get};
/// use crossfork::tokio::cluster::{PeerAddr, Worker};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let worker = Worker::from_env()?;
/// let listener = worker.listen(8000).await?;
/// let app = Router::new()
///     .route("/", get(async |ConnectInfo(client): ConnectInfo<PeerAddr>| format!("hello, {client}\n")))
///     .into_make_service_with_connect_info::<PeerAddr>();
/// // The primary wants the worker to stop, and all its connections have been accepted.
/// let ended = listener.ended();
/// axum::serve(listener, app).with_graceful_shutdown(ended).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(Option<SocketAddr>);

impl PeerAddr {
    /// The address; `None` over a Unix socket, where clients have none, and for a client that is gone.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        self.0
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("a client without an address"),
        }
    }
}

impl Connected<IncomingStream<'_, Listener>> for PeerAddr {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        *stream.remote_addr()
    }
}

/// When no more connections will come, [`accept`](Listener::accept) waits for ever, as axum wants it:
/// serve with a graceful shutdown at [`ended`](Self::ended). If a connection cannot be accepted, as where
/// this process has no descriptor free, it tries again after 50 ms, for which the runtime needs its timers.
impl ::axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = PeerAddr;

    async fn accept(&mut self) -> (Connection, PeerAddr) {
        loop {
            match Listener::accept(self).await {
                Ok(Some(connection)) => {
                    let client = PeerAddr(connection.peer_addr());
                    return (connection, client);
                }
                Ok(None) => {
                    self.ended.send_replace(true);
                    pending().await
                }
                Err(_) => tokio::time::sleep(EXHAUSTED).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<PeerAddr> {
        Ok(PeerAddr(Listener::local_addr(self)))
    }
}

impl Listener {
    /// Waits until `axum::serve` has accepted the last connection: the worker is to stop, the listener was
    /// closed, or the primary is gone. This is what `with_graceful_shutdown` wants. To shut down when
    /// [`Worker::stopping`](super::Worker::stopping) says so would lose connections that the primary has
    /// handed over before.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ended = self.ended.subscribe();
        async move {
            // An error is a listener that was dropped.
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }
}
