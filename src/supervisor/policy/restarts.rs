//! When a lost worker is replaced.
//!
//! A worker that was up is replaced at once: its start succeeded, so will the next. Only starts that fail
//! are followed by pauses, each slot by its own.
//!
//! ```text
//!   it was up ──── another slot serves, and this one was started less than SPACING ago ──► wait for the rest
//!       └───────── else ──► start
//!   it never was ─ its slot's first failure in a row ──► start
//!       └───────── else ──► wait: 100 ms, 200 ms, ... 15 s
//! ```
//!
//! No wait lasts longer than it helps. When no worker is up any more, slots that wait for [`SPACING`] start
//! at once, and of the others one tries again after [`DARK_PAUSE`] at the most; when that one is up, the
//! others try again at once.

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

/// The longest pause of one slot while no worker is up.
pub const DARK_PAUSE: Duration = Duration::from_secs(1);

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
    /// This worker, which was up, is gone from this slot.
    pub(super) fn replace(&mut self, slot: usize, lost: Worker, now: Time) {
        if self.phase != Phase::Running {
            return;
        }
        if self.is_reloaded_in_place(slot) {
            self.reload_failed(slot, "exited too soon after it was up", now);
            if !matches!(self.slots[slot].state, State::Closed) {
                return;
            }
        }
        let until = lost.started.saturating_add(SPACING);
        if until <= now {
            self.start(slot, now);
        } else {
            self.slots[slot].state = State::Waiting { since: now, until, after: Loss::Server };
        }
        self.keep_serving(now);
    }

    /// A start in this slot has failed.
    pub(super) fn start_failed(&mut self, slot: usize, why: impl Into<Cow<'static, str>>, now: Time) {
        if self.phase != Phase::Running {
            return;
        }
        self.slots[slot].failures += 1;
        if self.is_reloaded_in_place(slot) {
            self.reload_failed(slot, why, now);
        }
        if self.is_hopeless() {
            return self.give_up(now);
        }
        // That may have begun another reload, and with it another worker here.
        if !matches!(self.slots[slot].state, State::Closed) {
            return;
        }
        let pause = pause(self.slots[slot].failures);
        if pause.is_zero() {
            self.start(slot, now);
        } else {
            let until = now.saturating_add(pause);
            self.slots[slot].state = State::Waiting { since: now, until, after: Loss::Start };
        }
        self.keep_serving(now);
        if let State::Waiting { until, .. } = self.slots[slot].state {
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

    /// Shortens what slots wait, if no worker is up.
    pub(super) fn keep_serving(&mut self, now: Time) {
        if self.phase != Phase::Running || self.slots.iter().any(|slot| matches!(slot.state, State::Up(..))) {
            return;
        }
        self.dark = true;
        self.start_those_that_wait(|loss| loss == Loss::Server, now);
        let is_on_its_way = |state: &State| matches!(state, State::Forking | State::Starting(_));
        if self.slots.iter().any(|slot| is_on_its_way(&slot.state)) {
            return;
        }
        let waits = self.slots.iter().enumerate().filter_map(|(slot, it)| match it.state {
            State::Waiting { since, until, .. } => Some((until, since, slot)),
            _ => None,
        });
        if let Some((until, since, slot)) = waits.min() {
            let until = until.min(since.saturating_add(DARK_PAUSE));
            match until <= now {
                true => self.start(slot, now),
                false => self.slots[slot].state = State::Waiting { since, until, after: Loss::Start },
            }
        }
    }

    /// A worker is up: if none was, others may succeed as well.
    pub(super) fn came_up(&mut self, now: Time) {
        self.has_been_up = true;
        if std::mem::take(&mut self.dark) {
            self.start_those_that_wait(|_| true, now);
        }
    }

    fn start_those_that_wait(&mut self, which: impl Fn(Loss) -> bool, now: Time) {
        for slot in 0..self.slots.len() {
            if let State::Waiting { after, .. } = self.slots[slot].state
                && which(after)
            {
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
