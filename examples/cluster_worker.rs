//! A web application that Node's cluster serves: `node examples/cluster.js` is its primary.

use axum::extract::ConnectInfo;
use axum::{Router, routing::get};
use crossfork::tokio::cluster::{PeerAddr, Worker};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let worker = Worker::from_env()?;
    // As the primary has it; or the port 8000.
    let address = std::env::args().nth(1).unwrap_or("8000".to_owned());
    let listener = worker.listen(address).await?;

    let app = Router::new()
        .route("/", get(async || format!("hello from pid {}\n", std::process::id())))
        .route("/client", get(async |ConnectInfo(client): ConnectInfo<PeerAddr>| format!("{client}\n")))
        .into_make_service_with_connect_info::<PeerAddr>();
    // Until the primary wants the worker to stop, and its requests are answered.
    let ended = listener.ended();
    axum::serve(listener, app).with_graceful_shutdown(ended).await
}
