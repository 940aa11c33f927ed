//! What workers are asked while they run, and their answers.

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

use super::policy::{Policy, Probed, Time};
use super::ready_url::ReadyUrl;
use crate::process::Signal;
use crate::tokio::cluster::ForkedWorker;

/// Those that wait for an answer. The end of a worker's channel is one, too.
#[derive(Default)]
pub(super) struct Questions {
    waiting: JoinSet<Answer>,
    /// By the workers that were sent a request.
    probes: HashMap<u32, AbortHandle>,
}

pub(super) enum Answer {
    /// How long its event loop took, if it could be asked.
    Alive(u32, Option<Duration>),
    /// Whether it is ready.
    Probe(u32, Probed),
}

impl Questions {
    /// Whether its event loop runs.
    pub(super) fn ask(&mut self, worker: ForkedWorker) {
        self.waiting.spawn(async move { Answer::Alive(worker.id(), worker.event_loop_delay().await.ok()) });
    }

    /// Whether it is ready.
    pub(super) fn probe(&mut self, worker: ForkedWorker, url: ReadyUrl) {
        let id = worker.id();
        let probe = self.waiting.spawn(async move { Answer::Probe(id, url.ask(&worker).await) });
        self.probes.insert(id, probe);
    }

    /// The worker is to end, and would wait for a request that it does not answer.
    pub(super) fn withdraw_probe(&mut self, worker: u32) {
        if let Some(probe) = self.probes.remove(&worker) {
            probe.abort();
        }
    }

    /// The next answer. `None` if there is no question.
    pub(super) async fn next(&mut self) -> Option<Answer> {
        loop {
            // One that was withdrawn has none.
            let Ok(answer) = self.waiting.join_next().await? else {
                continue;
            };
            if let Answer::Probe(worker, _) = answer {
                self.probes.remove(&worker);
            }
            return Some(answer);
        }
    }
}

impl Answer {
    pub(super) fn tell(self, policy: &mut Policy, now: Time) {
        match self {
            Answer::Alive(worker, Some(delay)) => policy.answered(worker, delay, now),
            Answer::Alive(worker, None) => policy.not_asked(worker, now),
            Answer::Probe(worker, result) => policy.probed(worker, result, now),
        }
    }
}

/// What a worker gets that hangs, if Node has these options: with `--trace-sigint` it writes a stack at SIGINT
/// although the event loop is blocked, and ends.
pub(super) fn hang_signal(stop_signal: Signal, mut node_options: impl Iterator<Item = OsString>) -> Signal {
    match node_options.any(|option| option == "--trace-sigint") {
        true => Signal::INT,
        false => stop_signal,
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn a_withdrawn_probe_does_not_hide_the_next_answer() {
        let mut questions = Questions::default();
        let probe = questions.waiting.spawn(pending());
        questions.probes.insert(1, probe);
        questions.withdraw_probe(1);
        questions.waiting.spawn(async {
            for _ in 0..10 {
                yield_now().await;
            }
            Answer::Alive(2, None)
        });
        assert!(matches!(questions.next().await, Some(Answer::Alive(2, None))));
    }
}
