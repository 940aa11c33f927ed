//! [`Pace`] and [`Asleep`]: which threads are worth being woken, and when.

use std::time::Duration;

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
}

impl Pace {
    pub(super) fn took(&mut self, time: Duration) {
        self.mean = Some(self.mean.map_or(time, |mean| (mean * 7 + time) / 8));
    }

    pub(super) fn is_quick(&self) -> bool {
        self.mean.is_some_and(|mean| mean < QUICK)
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
