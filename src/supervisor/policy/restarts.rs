//! How soon a lost worker is replaced.

use std::collections::VecDeque;
use std::time::Duration;

use super::Time;

/// The pause before the second replacement in a row; the first comes at once.
pub const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Each pause is twice the one before, up to this.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How many restarts of all instances together are nothing special.
pub const RESTARTS_A_MINUTE: usize = 60;

/// Beyond that, the pause between any two restarts, after a first one of [`LONGEST_PAUSE`]; until
/// for a minute none had to wait for it.
pub const SLOW_PAUSE: Duration = Duration::from_secs(2);

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn pause(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        n => FIRST_PAUSE.saturating_mul(1 << (n - 1).min(16)).min(LONGEST_PAUSE),
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Restarts {
    /// Those of the last minute.
    recent: VecDeque<Time>,
    slow: Option<Slow>,
}

#[derive(Clone, Debug)]
struct Slow {
    next: Time,
    /// When one last had to wait for that.
    last_wait: Time,
    reported: Time,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Now,
    NotBefore(Time),
}

impl Restarts {
    /// Whether there may be a restart now; and how many there were in the last minute, if that is
    /// to be told.
    pub(super) fn admit(&mut self, now: Time) -> (Admission, Option<usize>) {
        while self.recent.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE) {
            self.recent.pop_front();
        }
        let count = self.recent.len();
        if self.slow.as_ref().is_some_and(|slow| now.saturating_sub(slow.last_wait) >= MINUTE) {
            self.slow = None;
        }
        match &mut self.slow {
            None if count < RESTARTS_A_MINUTE => {
                self.recent.push_back(now);
                (Admission::Now, None)
            }
            None => {
                let next = now.saturating_add(LONGEST_PAUSE);
                self.slow = Some(Slow { next, last_wait: now, reported: now });
                (Admission::NotBefore(next), Some(count))
            }
            Some(slow) if now < slow.next => {
                slow.last_wait = now;
                (Admission::NotBefore(slow.next), None)
            }
            Some(slow) => {
                slow.next = now.saturating_add(SLOW_PAUSE);
                let again = now.saturating_sub(slow.reported) >= MINUTE;
                if again {
                    slow.reported = now;
                }
                self.recent.push_back(now);
                (Admission::Now, again.then_some(count))
            }
        }
    }
}
