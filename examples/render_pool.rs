//! A Rust web server that renders its pages in a pool of Node workers, and survives their crashes.
//! `cargo run --example render_pool --features tokio [-- --advanced]`; see `/`, `/a/page`, `/crash`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Html;
use crossfork::Serialization;
use crossfork::tokio::{Child, Fork};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{sleep, timeout};

const WORKERS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(10);

struct Job {
    path: String,
    reply: oneshot::Sender<Result<String, String>>,
}

#[derive(Serialize)]
struct Request<'a> {
    path: &'a str,
}

#[derive(Deserialize)]
struct Page {
    html: String,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (jobs, waiting) = mpsc::channel(100);
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..WORKERS {
        tokio::spawn(keep_a_worker(waiting.clone()));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/ is rendered by Node", listener.local_addr()?);
    axum::serve(listener, Router::new().fallback(page).with_state(jobs)).await
}

async fn page(State(jobs): State<mpsc::Sender<Job>>, uri: Uri) -> (StatusCode, Html<String>) {
    let (reply, answer) = oneshot::channel();
    let job = Job { path: uri.path().to_owned(), reply };
    let result = match jobs.send(job).await {
        Ok(()) => answer.await.unwrap_or_else(|_| Err("the pool has ended".into())),
        Err(_) => Err("the pool has ended".into()),
    };
    match result {
        Ok(html) => (StatusCode::OK, Html(html)),
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, Html(format!("{e}\n"))),
    }
}

/// One place of the pool: a worker after the other, each until it fails.
async fn keep_a_worker(jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
    let advanced = std::env::args().any(|arg| arg == "--advanced");
    let serialization = if advanced { Serialization::Advanced } else { Serialization::Json };
    loop {
        match Fork::new("examples/node/render.js").serialization(serialization).kill_on_drop().spawn() {
            Ok(worker) => {
                println!("worker {} is here", worker.process.id());
                work(worker, &jobs).await;
            }
            Err(e) => {
                eprintln!("{e}");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn work(worker: Child, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let Some(job) = jobs.lock().await.recv().await else { return };
        let rendered = timeout(PATIENCE, render(&worker, &job.path)).await;
        let result = rendered.unwrap_or_else(|_| Err("the page took too long".into()));
        let failed = result.is_err();
        let _ = job.reply.send(result);
        if failed {
            println!("worker {} is given up", worker.process.id());
            return;
        }
    }
}

async fn render(worker: &Child, path: &str) -> Result<String, String> {
    worker.channel.send(&Request { path }).await.map_err(|e| e.to_string())?;
    match worker.channel.recv().await.map_err(|e| e.to_string())? {
        Some(message) => message.decode::<Page>().map(|page| page.html).map_err(|e| e.to_string()),
        None => Err("the worker crashed while it rendered this page".into()),
    }
}
