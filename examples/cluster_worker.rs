//! A web application that Node's cluster serves: `node examples/cluster.js` is its primary.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Router, routing::get};
use crossfork::tokio::cluster::{Connection, Listener, Worker};
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> io::Result<()> {
    let worker = Worker::from_env()?;
    // As the primary has it; or the port 8000.
    let address = std::env::args().nth(1).unwrap_or("8000".to_owned());
    let listener = worker.listen(address).await?;

    let app = Router::new().route("/", get(async || format!("hello from pid {}\n", std::process::id())));
    let ended = Arc::new(Notify::new());
    let server = axum::serve(Clients { listener, ended: ended.clone() }, app);
    // Until the primary wants the worker to stop, and its requests are answered.
    server.with_graceful_shutdown(async move { ended.notified().await }).await
}

/// Connections as axum takes them.
struct Clients {
    listener: Listener,
    ended: Arc<Notify>,
}

impl axum::serve::Listener for Clients {
    type Io = Connection;
    type Addr = Option<SocketAddr>;

    async fn accept(&mut self) -> (Connection, Option<SocketAddr>) {
        loop {
            match self.listener.accept().await {
                Ok(Some(connection)) => {
                    let client = connection.peer_addr();
                    return (connection, client);
                }
                Ok(None) => {
                    self.ended.notify_one();
                    pending().await
                }
                // No descriptor is free, for one.
                Err(e) => {
                    eprintln!("{e}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Option<SocketAddr>> {
        Ok(self.listener.local_addr())
    }
}
