//! When sockets are closed that no worker wants any more.

use super::{Action, Policy, SETTLE, State, Time};

impl Policy {
    /// New workers may listen elsewhere. A socket is kept for the sake of a worker that is not
    /// there, so this is no time to close any while one is missing, or not sure to have them all.
    pub(super) fn tidy(&mut self, now: Time) {
        if self.tidy_at.is_some_and(|at| at <= now) {
            let is_settled = |since: Time| now.saturating_sub(since) >= SETTLE;
            let complete =
                self.slots.iter().all(|slot| matches!(slot.state, State::Up(_, since) if is_settled(since)));
            self.tidy_at = (!complete).then(|| self.when_to_tidy(now));
            if complete {
                self.actions.push_back(Action::CloseUnusedServers);
            }
        }
    }

    pub(super) fn when_to_tidy(&self, now: Time) -> Time {
        now.saturating_add(self.settings.listen_timeout.max(SETTLE))
    }
}
