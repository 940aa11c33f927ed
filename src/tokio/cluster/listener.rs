//! [`Listener`] for tasks.

use tokio::net::{TcpListener, UnixListener};
use tokio::select;

crate::driver::face::listener_face! {
    tasks #[doc = ""] async await
    with {
        #[cfg(feature = "axum")]
        pub(super) ended: super::axum::Ended,
    } {
        #[cfg(feature = "axum")]
        ended: super::axum::Ended::default(),
    }
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Tasks wait for connections in the reactor.
fn register(socket: listen::Socket) -> io::Result<Socket> {
    Ok(match socket {
        listen::Socket::Tcp(listener) => Socket::Tcp(TcpListener::from_std(listener)?),
        listen::Socket::Unix(listener) => Socket::Unix(UnixListener::from_std(listener)?),
    })
}

/// Waits for a connection on the socket. `None` when the server ends.
async fn accept_until_over(server: &Server, socket: &Socket) -> Option<io::Result<Stream>> {
    select! {
        biased;
        () = server.channel.call(op::over(server.id)) => None,
        accepted = socket.accept() => Some(accepted),
    }
}

impl Socket {
    /// Skips connections that were closed before they could be accepted.
    async fn accept(&self) -> io::Result<Stream> {
        loop {
            let accepted = match self {
                Socket::Tcp(listener) => listener.accept().await.map(|(stream, _)| Stream::Tcp(stream)),
                Socket::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
            };
            match accepted {
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                accepted => return accepted,
            }
        }
    }
}
