//! One place of the pool: a worker that renders one page at a time, and is replaced when it fails.

use std::sync::Arc;
use std::time::Duration;

use crossfork::tokio::Child;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use crate::pool::{Failure, Pool};
use crate::{fork, log};

/// How long a worker may take to start, and to begin with a page.
const START_TIME: Duration = Duration::from_secs(5);
/// How long a worker may render one page before it is replaced.
const RENDER_TIME: Duration = Duration::from_secs(5);
/// How long to wait before a worker is replaced: longer each time, until one renders a page.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

#[derive(Serialize)]
struct Request<'a> {
    path: &'a str,
}

#[derive(Deserialize)]
struct Page {
    html: String,
}

/// Starts a worker after the other, each when the one before has failed.
pub async fn keep(pool: Arc<Pool>) {
    let mut pause = PAUSES.0;
    loop {
        match fork().spawn() {
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
            // It died, and not of this page.
            pool.give_back(job);
            return rendered;
        }
        let page = timeout(RENDER_TIME, receive(worker)).await;
        let page = page.unwrap_or_else(|_| Err("the page took too long".into()));
        let failed = page.is_err();
        let _ = job.reply.send(page.map_err(Failure::Page));
        if failed {
            return rendered;
        }
        rendered += 1;
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
