//! The services: HTTP on streams, echo on datagrams.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use crossfork::SocketHold;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::UdpSocket;
use tokio::select;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long a new connection may take to send its first request after the shutdown began.
const GRACE: Duration = Duration::from_secs(1);

/// Serves one connection until the client closes it, or this worker shuts down and no request is in flight.
/// The hold is released after the stream.
pub(super) async fn serve<S>(stream: S, _hold: Option<SocketHold>, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut stream = BufReader::new(stream);
    // On shutdown, hyper would close a connection that has sent nothing yet, although its request may be
    // in flight.
    select! {
        biased;
        _ = stream.fill_buf() => {}
        () = grace(&mut stopping) => return,
    }
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(respond));
    let mut connection = pin!(connection);
    // An error is the client's fault, and ends the connection too.
    select! {
        biased;
        _ = connection.as_mut() => {}
        _ = stopping.wait_for(|stopping| *stopping) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn grace(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
    sleep(GRACE).await;
}

async fn respond(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::from(answer()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

/// Returns the response body for every request.
pub(super) fn answer() -> String {
    format!("handled by child, pid is {}\n", std::process::id())
}

/// Sends each datagram back to its sender.
pub(super) async fn echo_datagrams(socket: UdpSocket) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // An error reports an earlier datagram that could not be delivered.
        if let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&buffer[..len], from).await;
        }
    }
}
