//! A Rust web server that renders its pages in a pool of Node workers. A worker that crashes costs the page
//! that it was rendering, and no other.
//! `cargo run --example render_pool --features tokio [-- --advanced]`; see `/`, `/a/page`, `/crash`.

mod pool;
mod worker;

use std::fmt::Display;
use std::io::{Write, stdout};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Html;
use crossfork::tokio::Fork;
use crossfork::{Serialization, Signal};
use pool::{Failure, Pool};
use tokio::net::TcpListener;

const WORKERS: usize = 2;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let pool = Pool::start(WORKERS);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    log(format_args!("http://{}/ is rendered by Node", listener.local_addr()?));
    axum::serve(listener, Router::new().fallback(page).with_state(pool)).await
}

/// How a worker is started.
fn fork() -> Fork {
    let advanced = std::env::args().any(|arg| arg == "--advanced");
    let serialization = if advanced { Serialization::Advanced } else { Serialization::Json };
    let fork = Fork::new("examples/node/render.js").serialization(serialization);
    fork.kill_signal(Signal::KILL).kill_on_drop()
}

async fn page(State(pool): State<Arc<Pool>>, uri: Uri) -> (StatusCode, Html<String>) {
    match pool.render(uri.path()).await {
        Ok(html) => (StatusCode::OK, Html(html)),
        Err(Failure::Busy(why)) => (StatusCode::SERVICE_UNAVAILABLE, Html(format!("{why}\n"))),
        Err(Failure::Page(why)) => (StatusCode::INTERNAL_SERVER_ERROR, Html(format!("{why}\n"))),
    }
}

/// Unlike `println!`, which panics when nobody reads standard output any more.
fn log(what: impl Display) {
    let _ = writeln!(stdout(), "{what}");
}
