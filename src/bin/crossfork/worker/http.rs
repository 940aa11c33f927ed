//! The services themselves: HTTP on streams, echo on datagrams.

use std::convert::Infallible;

use crossfork::SocketHold;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UdpSocket;

/// Serves one connection. The hold outlives the stream.
pub(super) async fn serve<S>(stream: S, hold: Option<SocketHold>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(respond));
    // An error is the client's, and ends the connection as well as any other way.
    let _ = watcher.watch(connection).await;
    drop(hold);
}

async fn respond(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::from(answer()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

/// What every request is answered with.
pub(super) fn answer() -> String {
    format!("handled by child, pid is {}\n", std::process::id())
}

/// Sends each datagram back to where it came from.
pub(super) async fn echo_datagrams(socket: UdpSocket) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // An error is about a datagram that could not be delivered.
        if let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&buffer[..len], from).await;
        }
    }
}
