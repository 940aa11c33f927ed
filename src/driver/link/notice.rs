//! Which calls are to be woken now.

#[cfg(feature = "tokio")]
use super::Role;
use super::{Link, Topic};
use crate::proto::Ticket;

impl Link {
    /// Wakes the calls that may be able to go on. Call this after anything that may have changed the
    /// link, before others get it.
    pub(crate) fn notice(&mut self) {
        let mut next = Topic::Written(0);
        // Each kind of topic once, and only where somebody waits.
        while let Some((topic, _)) = self.waiters.first(next, Topic::End) {
            if self.core.is_closed() {
                return self.waiters.wake_everybody();
            }
            next = match topic {
                Topic::Written(_) => {
                    let last = if self.core.is_broken() { Ticket::MAX } else { self.core.last_written() };
                    self.waiters.wake_range(Topic::Written(0), Topic::Written(last));
                    Topic::Outcome(0)
                }
                // These are woken where the outcome becomes known.
                Topic::Outcome(_) => Topic::Flushed,
                Topic::Flushed => {
                    if self.flushed().is_some() {
                        self.waiters.wake_all(Topic::Flushed);
                    }
                    Topic::Message
                }
                Topic::Message => {
                    self.notice_receivers();
                    if self.core.is_closed() {
                        return self.waiters.wake_everybody();
                    }
                    Topic::Stopping
                }
                // These too.
                Topic::Server(_) | Topic::ServerClosed(_) => Topic::Stopping,
                Topic::Stopping => {
                    if self.is_stopping() {
                        self.waiters.wake_all(Topic::Stopping);
                    }
                    Topic::ExitAcknowledged
                }
                Topic::ExitAcknowledged => {
                    if self.exit_acknowledged().is_some() {
                        self.waiters.wake_all(Topic::ExitAcknowledged);
                    }
                    Topic::End
                }
                Topic::End => return,
            };
        }
    }

    /// Somebody waits for a message.
    fn notice_receivers(&mut self) {
        #[cfg(feature = "tokio")]
        if let Role::Primary(primary) = &self.role {
            if primary.has_events(&self.core) {
                self.waiters.wake_one(Topic::Message);
            }
            return;
        }
        match self.core.waiting_events() {
            // All messages have been received.
            0 => self.leave_if_done(),
            waiting => {
                for _ in 0..waiting {
                    if !self.waiters.wake_one(Topic::Message) {
                        break;
                    }
                }
            }
        }
    }
}
