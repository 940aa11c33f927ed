//! Who is to be woken now.

use super::{Link, Topic};
use crate::proto::Ticket;

impl Link {
    /// Wakes those whose time has come. To be called after whatever may have changed something,
    /// before the link is left to others.
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
                // These are woken when it is known.
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
                Topic::Server(_) | Topic::Over(_) => Topic::Stopping,
                Topic::Stopping => {
                    if self.is_stopping() {
                        self.waiters.wake_all(Topic::Stopping);
                    }
                    Topic::Told
                }
                Topic::Told => {
                    if self.told().is_some() {
                        self.waiters.wake_all(Topic::Told);
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
        if self.is_leading() {
            if self.has_news() {
                self.waiters.wake_one(Topic::Message);
            }
            return;
        }
        match self.core.waiting_events() {
            // All there were have been received.
            0 => self.part(),
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
