//! A web application that Node's cluster serves: `node examples/cluster.js` is its primary.

use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Router, routing::get};
use crossfork::tokio::cluster::{PeerAddr, Worker};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    // Ctrl-C reaches every process of the terminal. Only the primary decides when this worker stops.
    let _ignored = signal(SignalKind::interrupt())?;
    let worker = Worker::from_env()?;
    // The primary passes the address as the first argument.
    let address = std::env::args().nth(1).unwrap_or("8000".to_owned());
    let listener = worker.listen(address).await?;

    let app = Router::new()
        .route("/", get(async || format!("hello from pid {}\n", std::process::id())))
        .route("/client", get(async |ConnectInfo(client): ConnectInfo<PeerAddr>| format!("{client}\n")))
        .route("/slow", get(slow))
        .into_make_service_with_connect_info::<PeerAddr>();
    let ended = listener.ended(); // the primary wants the worker to stop: axum drains
    tokio::select! {
        served = axum::serve(listener, app).with_graceful_shutdown(ended) => served,
        () = async { worker.stopping().await; sleep(Duration::from_secs(30)).await } => Ok(()), // drained long enough
    }
}

/// A request to try a graceful shutdown with.
async fn slow() -> &'static str {
    println!("a slow request has begun");
    sleep(Duration::from_secs(1)).await;
    "at last\n"
}
