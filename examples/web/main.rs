//! HTTPS and WebSockets in a worker of Node's cluster, with graceful shutdown. `node examples/web/cluster.js` is its primary.
//! Its arguments are an address, and a file with a certificate and its key.

use std::error::Error;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::{Router, routing::get};
use crossfork::tokio::cluster::Worker;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let worker = Worker::from_env()?;
    let [_, address, pem] = std::env::args().collect::<Vec<_>>().try_into().expect("an address, and a file");
    let certificate = CertificateDer::from_pem_file(&pem)?;
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::from_pem_file(&pem)?)?;
    let tls = TlsAcceptor::from(Arc::new(tls));
    let app = Router::new()
        .route("/", get(async || "hello over TLS\n"))
        .route("/echo", get(async |State(worker), upgrade: WebSocketUpgrade| upgraded(worker, upgrade)))
        .with_state(worker.clone());

    let listener = worker.listen(address).await?;
    let shutdown = GracefulShutdown::new();
    while let Some(connection) = listener.accept().await? {
        let (tls, app, watcher) = (tls.clone(), app.clone(), shutdown.watcher());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(connection).await else { return };
            let service = TowerToHyperService::new(app);
            let builder = Builder::new(TokioExecutor::new());
            let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
            let _ = watcher.watch(served.into_owned()).await;
        });
    }
    shutdown.shutdown().await; // requests in flight are answered
    worker.closed().await; // and WebSockets are closed
    Ok(())
}

fn upgraded(worker: Worker, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| echo(worker, socket).await)
}

/// Sends messages back, until the client leaves or the worker is to stop.
async fn echo(worker: Worker, mut socket: WebSocket) {
    loop {
        tokio::select! {
            message = socket.recv() => {
                let Some(Ok(message)) = message else { return };
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            () = worker.stopping() => {
                let _ = socket.send(Message::Close(None)).await;
                return;
            }
        }
    }
}
