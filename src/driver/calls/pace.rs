//! [`Pace`] and [`Asleep`]: which threads are worth being woken, and when.

use std::time::{Duration, Instant};

/// It takes about as long to wake a thread.
const QUICK: Duration = Duration::from_micros(20);

/// How long answers may wait for the calls behind them, and calls for a second thread.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1);

/// How long handlers have taken of late.
///
/// If they are quick, one thread carries out all that has come in a message, and then writes all answers at
/// once: to wake others would take longer. The thread that receives watches it, and wakes others after
/// [`PATIENCE`].
#[derive(Default)]
pub(super) struct Pace {
    /// `None`: unknown, and taken for long.
    mean: Option<Duration>,
    /// When a handler has ended last, or something came while none ran.
    moved: Option<Instant>,
    /// How many of those that run are not quick, so that nothing is to wait for their end.
    slow: usize,
}

impl Pace {
    /// A handler has ended, and so many still run.
    pub(super) fn took(&mut self, time: Duration, now: Instant, running: usize) {
        self.mean = Some(self.mean.map_or(time, |mean| (mean * 7 + time) / 8));
        self.moved = Some(now);
        self.slow = self.slow.min(running);
    }

    pub(super) fn is_quick(&self) -> bool {
        self.mean.is_some_and(|mean| mean < QUICK)
    }

    /// A message has come while so many run. Messages may come so often that nobody's patience ends between two.
    pub(super) fn came(&mut self, now: Instant, running: usize) {
        if running == 0 {
            self.moved = Some(now);
        } else if self.moved.is_some_and(|moved| now.saturating_duration_since(moved) >= PATIENCE) {
            self.are_slow(running);
        }
    }

    /// So many run, and may do so for long.
    pub(super) fn are_slow(&mut self, running: usize) {
        self.slow = running;
    }

    /// Whether one of those that run is about to end.
    pub(super) fn ends_soon(&self, running: usize) -> bool {
        running > self.slow
    }
}

/// Threads that wait for a condition. To wake it is a system call even if nobody waits.
#[derive(Default)]
pub(super) struct Asleep {
    waiting: usize,
    /// Woken, and not there yet.
    woken: usize,
}

impl Asleep {
    /// Before a thread waits.
    pub(super) fn waits(&mut self) {
        self.waiting += 1;
    }

    /// When it goes on: woken, or by chance.
    pub(super) fn goes_on(&mut self) {
        match self.woken.checked_sub(1) {
            Some(woken) => self.woken = woken,
            None => self.waiting -= 1,
        }
    }

    /// Whether there is one to be woken, which is done then.
    pub(super) fn wake(&mut self) -> bool {
        let wakes = self.waiting > 0;
        self.waiting -= usize::from(wakes);
        self.woken += usize::from(wakes);
        wakes
    }

    pub(super) fn is_one_coming(&self) -> bool {
        self.woken > 0
    }
}
