//! Lets axum serve from a listener (feature `axum`).

use std::fmt;
use std::future::{Future, pending};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::axum::extract::connect_info::Connected;
use ::axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Connection, Listener};

/// How long to wait when a connection cannot be accepted, because no descriptor is free.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// How long to wait for the first bytes of the connections that were accepted last.
const FIRST_BYTES: Duration = Duration::from_millis(500);

/// The address of a client that `axum::serve` serves through a [`Listener`]. Handlers extract it as
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
    /// The address. `None` over a Unix socket, whose clients have no address, and for a client that has
    /// disconnected.
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

/// When no more connections will come, [`accept`](Listener::accept) never returns, as axum expects: serve
/// with a graceful shutdown at [`ended`](Self::ended). If a connection cannot be accepted, for example
/// because this process has no free descriptor, `accept` tries again after 50 ms. This needs the runtime's
/// timers.
impl ::axum::serve::Listener for Listener {
    type Io = Served;
    type Addr = PeerAddr;

    async fn accept(&mut self) -> (Served, PeerAddr) {
        loop {
            match Listener::accept(self).await {
                Ok(Some(connection)) => {
                    let client = PeerAddr(connection.peer_addr());
                    let unread = Some(Unread::new(&self.ended.unread));
                    return (Served { connection, unread }, client);
                }
                Ok(None) => {
                    let mut unread = self.ended.unread.subscribe();
                    let _ = timeout(FIRST_BYTES, unread.wait_for(|count| *count == 0)).await;
                    self.ended.is_over.send_replace(true);
                    pending().await
                }
                Err(_) => sleep(EXHAUSTED).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<PeerAddr> {
        Ok(PeerAddr(Listener::local_addr(self)))
    }
}

impl Listener {
    /// Waits until `axum::serve` has accepted the last connection: the worker is to stop, the listener was
    /// closed, or the primary is gone. Pass this to `with_graceful_shutdown`. A shutdown at
    /// [`Worker::stopping`](super::Worker::stopping) would lose connections that the primary has already
    /// handed over.
    ///
    /// During a graceful shutdown, hyper closes each connection that has not sent a request yet. So this also
    /// waits until all connections have sent their first bytes, for up to half a second.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut is_over = self.ended.is_over.subscribe();
        async move {
            // An error means that the listener was dropped.
            let _ = is_over.wait_for(|is_over| *is_over).await;
        }
    }
}

/// The state that [`Listener::ended`] waits for.
#[derive(Default)]
pub(super) struct Ended {
    is_over: watch::Sender<bool>,
    /// The number of connections that have sent nothing yet.
    unread: Arc<watch::Sender<usize>>,
}

/// A [`Connection`] that `axum::serve` serves.
#[derive(Debug)]
pub struct Served {
    connection: Connection,
    /// `Some` until its first bytes are read.
    unread: Option<Unread>,
}

#[derive(Debug)]
struct Unread(Arc<watch::Sender<usize>>);

impl Unread {
    fn new(count: &Arc<watch::Sender<usize>>) -> Self {
        count.send_modify(|count| *count += 1);
        Unread(count.clone())
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Deref for Served {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl AsyncRead for Served {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.connection).poll_read(cx, buffer));
        self.unread = None;
        Poll::Ready(read)
    }
}

impl AsyncWrite for Served {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }
}
