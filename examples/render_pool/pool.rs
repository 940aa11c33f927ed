//! The requests that wait for a worker.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

use crate::worker;

/// How many requests may wait for a worker. More are refused at once.
const QUEUE: usize = 100;
/// How long a request may take, with its time in the queue.
const REQUEST_TIME: Duration = Duration::from_secs(10);

pub struct Pool {
    queue: mpsc::Sender<Job>,
    waiting: Mutex<mpsc::Receiver<Job>>,
}

pub struct Job {
    pub path: String,
    /// Closed when the client has left, or has waited too long.
    pub reply: oneshot::Sender<Result<String, Failure>>,
}

pub enum Failure {
    /// The page was not rendered, and may be asked for again.
    Busy(&'static str),
    Page(String),
}

impl Pool {
    pub fn start(workers: usize) -> Arc<Pool> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let pool = Arc::new(Pool { queue, waiting: Mutex::new(waiting) });
        for _ in 0..workers {
            tokio::spawn(worker::keep(pool.clone()));
        }
        pool
    }

    pub async fn render(&self, path: &str) -> Result<String, Failure> {
        let (reply, answer) = oneshot::channel();
        if self.queue.try_send(Job { path: path.to_owned(), reply }).is_err() {
            return Err(Failure::Busy("too many requests are waiting"));
        }
        match timeout(REQUEST_TIME, answer).await {
            Ok(Ok(page)) => page,
            _ => Err(Failure::Busy("no worker had the time")),
        }
    }

    /// The next page that somebody still wants.
    pub async fn next(&self) -> Job {
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

    /// Another worker is to render this page.
    pub fn give_back(&self, job: Job) {
        let _ = self.queue.try_send(job);
    }
}
