//! A web server in Rust (axum) whose pages are rendered by Node: `/a/page`, `/bug` throws an error, and `/crash` ends the
//! process that renders it.
//! `cargo run --example render_pool --features calls,tokio [-- --once] [--advanced]`

use std::error::Error;
use std::io::{Write, stdout};
use std::num::NonZero;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Html;
use crossfork::Serialization;
use crossfork::tokio::pool::{Call, PoolError};
use crossfork::tokio::{Fork, Pool};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::ctrl_c;

const WORKERS: NonZero<usize> = NonZero::new(2).unwrap();
/// How many pages may wait for a worker. More are refused at once.
const QUEUE: usize = 100;
/// How long a page may take, with its time in the queue.
const PAGE_TIME: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Page<'a> {
    path: &'a str,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let has = |option| std::env::args().any(|arg| arg == option);
    let mut fork = Fork::new("examples/node/render.js");
    if has("--advanced") {
        fork = fork.serialization(Serialization::Advanced);
    }
    let pool = Pool::fork(fork).size(WORKERS).max_queue(QUEUE).start()?;
    if has("--once") {
        print(&render(&pool, "/a/page").await?)?;
        pool.close().await;
        return Ok(());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    print(&format!("http://{}/ is rendered by Node\n", listener.local_addr()?))?;
    let router = Router::new().fallback(page).with_state(pool.clone());
    let stop = async { drop(ctrl_c().await) };
    axum::serve(listener, router).with_graceful_shutdown(stop).await?;
    pool.close().await;
    Ok(())
}

/// If the client leaves, this future is dropped, and the call with it: it leaves the queue, or its handler is told.
async fn page(State(pool): State<Pool>, uri: Uri) -> (StatusCode, Html<String>) {
    match render(&pool, uri.path()).await {
        Ok(html) => (StatusCode::OK, Html(html)),
        Err(error) => {
            let status = match error.code() {
                "ERR_QUEUE_FULL" | "ERR_CALL_TIMEOUT" | "ERR_POOL_START" => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, Html(format!("{error}\n")))
        }
    }
}

async fn render(pool: &Pool, path: &str) -> Result<String, PoolError> {
    // To render a page twice does no harm, so that a worker that dies costs no page, unless it dies of this one.
    let how = Call::new().timeout(PAGE_TIME).idempotent(1);
    pool.call_with("render", &Page { path }, how).await
}

/// Unlike `print!`, it does not panic when nobody reads standard output any more.
fn print(text: &str) -> std::io::Result<()> {
    write!(stdout(), "{text}")
}
