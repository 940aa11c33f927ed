//! When a lost worker is replaced.
//!
//! A worker that has served is replaced at once: its start succeeded, so will the next. Starts that fail are
//! followed by pauses, each slot by its own. A worker that is lost soon after it was up, and that has accepted no
//! connection, is such a failure too: nobody's request has ended it.
//!
//! ```text
//!   it has served, or was up for PROVEN
//!       ├── another slot serves, and this one was started less than SPACING ago ──► wait for the rest
//!       └── else ──► start
//!   it has not
//!       ├── its slot's first failure in a row ──► start
//!       └── else ──► wait: 100 ms, 200 ms, ... 15 s
//! ```
//!
//! No wait lasts longer than it helps. While no worker is up and none is starting, one slot is started: at once if
//! its worker has served, else after [`DARK_PAUSE`] at the latest. One is enough, for all together could keep every
//! processor busy with starts. When it is up, those whose starts had failed try again at once.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use super::notice::Notice;
use super::slots::{Loss, State, Worker};
use super::{Phase, Policy, Time, exit_code};

/// The pause after the second start in a row that failed; after the first there is none.
pub const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Each pause is twice the one before, up to this.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The longest pause while no worker is up and none is starting.
pub const DARK_PAUSE: Duration = Duration::from_secs(1);

/// A worker that was up for so long is no failed start, even if it has accepted no connection.
pub const PROVEN: Duration = Duration::from_secs(10);

/// The shortest time between two starts in one slot, while other slots serve: for programs that end
/// whenever they are up.
pub const SPACING: Duration = Duration::from_secs(1);

/// More restarts of all instances in a minute are told.
pub const MANY_RESTARTS: usize = 60;

const MINUTE: Duration = Duration::from_secs(60);

fn pause(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        n => FIRST_PAUSE.saturating_mul(1 << (n - 2).min(16)).min(LONGEST_PAUSE),
    }
}

impl Policy {
    /// This worker, which was up since then, is gone from this slot.
    pub(super) fn replace(&mut self, slot: usize, lost: Worker, up_since: Time, now: Time) {
        if self.phase != Phase::Running {
            return;
        }
        let (loss, failures) = match lost.has_served || now.saturating_sub(up_since) >= PROVEN {
            true => (Loss::Server, 0),
            false => (Loss::Idler, self.slots[slot].failures.saturating_add(1)),
        };
        self.slots[slot].failures = failures;
        if self.is_reloaded_in_place(slot) {
            self.reload_failed(slot, "exited too soon after it was up", now);
        }
        let mut pause = pause(failures);
        if self.is_one_up() {
            pause = pause.max(lost.started.saturating_add(SPACING).saturating_sub(now));
        }
        self.start_after(slot, pause, loss, now);
    }

    /// A start in this slot has failed.
    pub(super) fn start_failed(&mut self, slot: usize, why: impl Into<Cow<'static, str>>, now: Time) {
        if self.phase != Phase::Running {
            return;
        }
        self.slots[slot].failures = self.slots[slot].failures.saturating_add(1);
        if self.is_reloaded_in_place(slot) {
            self.reload_failed(slot, why, now);
        }
        if self.is_hopeless() {
            return self.give_up(now);
        }
        self.start_after(slot, pause(self.slots[slot].failures), Loss::Start, now);
    }

    fn start_after(&mut self, slot: usize, pause: Duration, after: Loss, now: Time) {
        // The end of a reload may have begun another, and with it another worker here.
        if !matches!(self.slots[slot].state, State::Closed) {
            return;
        }
        match pause.is_zero() {
            true => self.start(slot, now),
            false => self.slots[slot].state = State::Waiting { until: now.saturating_add(pause), after },
        }
        self.keep_serving(now);
        if let State::Waiting { until, .. } = self.slots[slot].state
            && after != Loss::Server
        {
            self.print(Notice::Pause { slot, pause: until.saturating_sub(now) });
        }
    }

    /// Another worker comes into this slot, in place of one that is lost.
    pub(super) fn start(&mut self, slot: usize, now: Time) {
        if let Some(restarts) = self.restarts.count(now) {
            self.print(Notice::ManyRestarts { restarts });
        }
        self.fork_into(slot);
        // It may listen on other ports, if it listens at all.
        let tidy_at = self.when_to_tidy(now);
        self.tidy_at.get_or_insert(tidy_at);
    }

    fn is_one_up(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot.state, State::Up(..)))
    }

    /// Shortens what one slot waits, if no worker is up.
    pub(super) fn keep_serving(&mut self, now: Time) {
        if self.phase != Phase::Running || self.is_one_up() {
            return;
        }
        self.dark = true;
        let is_on_its_way = |state: &State| matches!(state, State::Forking | State::Starting(_));
        if self.slots.iter().any(|slot| is_on_its_way(&slot.state)) {
            return;
        }
        let waits = self.slots.iter().enumerate().filter_map(|(slot, it)| match it.state {
            State::Waiting { until, after: Loss::Server } => Some((until.min(now), slot)),
            State::Waiting { until, .. } => Some((until.min(now.saturating_add(DARK_PAUSE)), slot)),
            _ => None,
        });
        if let Some((at, slot)) = waits.min() {
            match &mut self.slots[slot].state {
                State::Waiting { until, .. } if at > now => *until = at,
                _ => self.start(slot, now),
            }
        }
    }

    /// A worker is up: if none was, other starts may succeed as well.
    pub(super) fn came_up(&mut self, now: Time) {
        self.has_been_up = true;
        if !std::mem::take(&mut self.dark) {
            return;
        }
        for slot in 0..self.slots.len() {
            if let State::Waiting { after: Loss::Start, .. } = self.slots[slot].state {
                self.start(slot, now);
            }
        }
    }

    /// No worker was ever up, and each instance has been tried often enough.
    fn is_hopeless(&self) -> bool {
        let enough = self.settings.start_attempts;
        enough > 0 && !self.has_been_up && self.slots.iter().all(|slot| slot.failures >= enough)
    }

    fn give_up(&mut self, now: Time) {
        self.print(Notice::GivingUp { attempts: self.settings.start_attempts });
        self.stop_all(exit_code::NEVER_UP, now);
    }
}

/// The restarts of the last minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Restarts {
    recent: VecDeque<Time>,
    told: Option<Time>,
}

impl Restarts {
    /// Counts one; and gives their number if it is to be told.
    fn count(&mut self, now: Time) -> Option<usize> {
        while self.recent.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        let is_news = self.told.is_none_or(|at| now.saturating_sub(at) >= MINUTE);
        let is_told = self.recent.len() > MANY_RESTARTS && is_news;
        if is_told {
            self.told = Some(now);
        }
        is_told.then_some(self.recent.len())
    }
}
