//! What users of a pool wait for, ask and want, beside calls.

use super::shared::State;
use super::{PoolError, Shared, Stats};
use crate::calls::pool::Phase;

impl Shared {
    pub(crate) async fn is_ready(&self) -> Result<(), PoolError> {
        self.act(|state, now| state.machine.need_least(now));
        self.until(|state| {
            if state.machine.is_ready() {
                return Some(Ok(()));
            }
            if state.machine.phase() != Phase::Open {
                return Some(Err(PoolError::Closed));
            }
            state.machine.problem().map(|reason| Err(PoolError::Start { reason: reason.to_owned() }))
        })
        .await
    }

    /// Waits until one more call can be taken on.
    pub(crate) async fn room(&self) -> Result<(), PoolError> {
        loop {
            let look = |state: &State| match state.machine.phase() {
                Phase::Open if state.machine.has_room() => Some(Ok(true)),
                Phase::Open => match state.machine.problem() {
                    Some(reason) => Some(Err(PoolError::Start { reason: reason.to_owned() })),
                    None if state.machine.is_room_wanted() => None,
                    None => Some(Ok(false)),
                },
                _ => Some(Err(PoolError::Closed)),
            };
            if self.until(look).await? {
                return Ok(());
            }
            self.act(|state, _| state.machine.need_room());
        }
    }

    /// Waits until no call waits.
    pub(crate) async fn drained(&self) {
        self.until(|state| (state.machine.waiting() == 0).then_some(())).await;
    }

    pub(crate) async fn reload(&self) -> Result<(), PoolError> {
        if self.look(|state| state.machine.phase()) != Phase::Open {
            return Err(PoolError::Closed);
        }
        let number = self.act(|state, now| state.machine.reload(now));
        let over = |state: &State| (state.reloaded.0 >= number).then(|| state.reloaded.1.clone());
        self.until(over).await.map_err(PoolError::from)
    }

    pub(crate) fn cancel_waiting(&self) {
        self.act(|state, now| state.machine.cancel_waiting(now));
    }

    pub(crate) async fn close(&self) -> usize {
        self.act(|state, now| state.machine.close(now));
        self.over().await
    }

    pub(crate) fn destroy(&self) {
        self.act(|state, now| state.machine.destroy(now));
    }

    /// Waits until no worker is left, and all was told. Tells how many had to be killed.
    pub(crate) async fn over(&self) -> usize {
        let is_over = |state: &State| state.machine.phase() == Phase::Over && self.is_told(state);
        self.until(|state| is_over(state).then(|| state.machine.killed())).await
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.look(|state| state.machine.phase() != Phase::Open)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.look(|state| {
            let now = self.began.elapsed();
            let mut workers = state.machine.worker_stats(now);
            for worker in &mut workers {
                let held = state.held.iter().find(|(id, _)| id.number() == worker.id);
                worker.pid = held.map(|(_, held)| held.pid);
            }
            let counts = state.machine.counts();
            let (wait_time, run_time) = state.machine.times();
            let busy: f64 = workers.iter().map(|worker| worker.utilization).sum();
            Stats {
                waiting: state.machine.waiting(),
                running: state.machine.running(),
                restarts: counts.restarts,
                completed: counts.completed,
                failed: counts.failed,
                timed_out: counts.timed_out,
                cancelled: counts.cancelled,
                lost: counts.lost,
                refused: counts.refused,
                utilization: if workers.is_empty() { 0.0 } else { busy / workers.len() as f64 },
                wait_time,
                run_time,
                workers,
            }
        })
    }
}
