//! A Rust web server that renders its pages in a pool of Node workers. A worker that crashes costs the page
//! that it was rendering, and no other.
//! `cargo run --example render_pool --features tokio [-- --advanced]`; see `/`, `/a/page`, `/crash`.

use std::fmt::Display;
use std::io::{Write, stdout};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Html;
use crossfork::tokio::{Child, Fork};
use crossfork::{Serialization, Signal};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{sleep, timeout};

const WORKERS: usize = 2;
/// How many requests may wait for a worker. More are refused at once.
const QUEUE: usize = 100;
/// How long a request may take, with its time in the queue.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// How long a worker may take to start, and to begin with a page.
const START_TIME: Duration = Duration::from_secs(5);
/// How long a worker may render one page before it is replaced.
const RENDER_TIME: Duration = Duration::from_secs(5);
/// How long to wait before a worker is replaced: longer each time, until one renders a page.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

struct Pool {
    queue: mpsc::Sender<Job>,
    waiting: Mutex<mpsc::Receiver<Job>>,
}

struct Job {
    path: String,
    /// Closed when the client has left, or has waited too long.
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
    let (queue, waiting) = mpsc::channel(QUEUE);
    let pool = Arc::new(Pool { queue, waiting: Mutex::new(waiting) });
    for _ in 0..WORKERS {
        tokio::spawn(keep_a_worker(pool.clone()));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    log(format_args!("http://{}/ is rendered by Node", listener.local_addr()?));
    axum::serve(listener, Router::new().fallback(page).with_state(pool)).await
}

async fn page(State(pool): State<Arc<Pool>>, uri: Uri) -> (StatusCode, Html<String>) {
    let (reply, answer) = oneshot::channel();
    if pool.queue.try_send(Job { path: uri.path().to_owned(), reply }).is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, Html("too many requests are waiting\n".into()));
    }
    match timeout(REQUEST_TIME, answer).await {
        Ok(Ok(Ok(html))) => (StatusCode::OK, Html(html)),
        Ok(Ok(Err(e))) => (StatusCode::INTERNAL_SERVER_ERROR, Html(format!("{e}\n"))),
        _ => (StatusCode::SERVICE_UNAVAILABLE, Html("no worker had the time\n".into())),
    }
}

/// One place of the pool: a worker after the other, each until it fails.
async fn keep_a_worker(pool: Arc<Pool>) {
    let advanced = std::env::args().any(|arg| arg == "--advanced");
    let serialization = if advanced { Serialization::Advanced } else { Serialization::Json };
    let mut pause = PAUSES.0;
    loop {
        let fork = Fork::new("examples/node/render.js").serialization(serialization);
        match fork.kill_signal(Signal::KILL).kill_on_drop().spawn() {
            Ok(worker) => {
                if work(&worker, &pool).await > 0 {
                    pause = PAUSES.0;
                }
                log(format_args!("worker {} is given up", worker.process.id()));
            }
            Err(e) => log(e),
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Until the worker fails. Says how many pages it has rendered.
async fn work(worker: &Child, pool: &Pool) -> usize {
    if !says_something(worker).await {
        return 0; // it cannot start
    }
    log(format_args!("worker {} is here", worker.process.id()));
    let mut rendered = 0;
    loop {
        let job = tokio::select! {
            // It has nothing to say while it has nothing to do: this is its end.
            _ = worker.channel.recv() => return rendered,
            job = pool.next() => job,
        };
        let sent = worker.channel.send(&Request { path: &job.path }).await;
        if sent.is_err() || !says_something(worker).await {
            // It died, and not of this page: another worker renders it.
            let _ = pool.queue.try_send(job);
            return rendered;
        }
        let page = timeout(RENDER_TIME, receive(worker)).await;
        let page = page.unwrap_or_else(|_| Err("the page took too long".into()));
        let failed = page.is_err();
        let _ = job.reply.send(page);
        if failed {
            return rendered;
        }
        rendered += 1;
    }
}

impl Pool {
    /// The next page that somebody still wants.
    async fn next(&self) -> Job {
        let mut waiting = self.waiting.lock().await;
        loop {
            // Cannot end, for we have a sender.
            if let Some(job) = waiting.recv().await
                && !job.reply.is_closed()
            {
                return job;
            }
        }
    }
}

/// Waits until it says that it is ready, or that it begins to render.
async fn says_something(worker: &Child) -> bool {
    matches!(timeout(START_TIME, worker.channel.recv()).await, Ok(Ok(Some(_))))
}

async fn receive(worker: &Child) -> Result<String, String> {
    match worker.channel.recv().await.map_err(|e| e.to_string())? {
        Some(message) => message.decode::<Page>().map(|page| page.html).map_err(|e| e.to_string()),
        None => Err("the worker crashed while it rendered this page".into()),
    }
}

/// Unlike `println!`, which panics when nobody reads standard output any more.
fn log(what: impl Display) {
    let _ = writeln!(stdout(), "{what}");
}
