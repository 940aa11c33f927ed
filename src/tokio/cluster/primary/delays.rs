//! How long workers take to answer, and who waits to know.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::{Error, SendError};
use crate::proto::cluster::primary::WorkerId;

/// Who waits for which worker's answer.
#[derive(Default)]
pub(super) struct Delays(BTreeMap<WorkerId, Vec<oneshot::Sender<io::Result<Instant>>>>);

/// An answer to come.
pub(super) struct Answer {
    asked: Instant,
    answered: oneshot::Receiver<io::Result<Instant>>,
}

impl Delays {
    /// The worker is asked, or was already.
    pub(super) fn ask(&mut self, worker: WorkerId) -> Answer {
        let (sender, answered) = oneshot::channel();
        let waiting = self.0.entry(worker).or_default();
        // Whoever gives up and asks again, while the worker is silent, is not to be kept twice.
        waiting.retain(|other| !other.is_closed());
        waiting.push(sender);
        Answer { asked: Instant::now(), answered }
    }

    pub(super) fn answered(&mut self, worker: WorkerId) {
        let now = Instant::now();
        self.tell(worker, || Ok(now));
    }

    /// The system refuses to ask it: the number of an error.
    pub(super) fn failed(&mut self, worker: WorkerId, errno: i32) {
        self.tell(worker, || Err(io::Error::from_raw_os_error(errno)));
    }

    /// The worker is gone.
    pub(super) fn forget(&mut self, worker: WorkerId) {
        self.0.remove(&worker);
    }

    fn tell(&mut self, worker: WorkerId, result: impl Fn() -> io::Result<Instant>) {
        for waiting in self.0.remove(&worker).into_iter().flatten() {
            // They may have given up.
            let _ = waiting.send(result());
        }
    }
}

impl Answer {
    pub(super) async fn delay(self) -> Result<Duration, Error> {
        match self.answered.await {
            Ok(answered) => Ok(answered?.saturating_duration_since(self.asked)),
            Err(_) => Err(SendError::Closed.into()),
        }
    }
}
