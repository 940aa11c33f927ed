//! How often the same is said: a peer that does something wrong all the time must not fill a disk.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// So often in each [`WINDOW`].
pub const MOST: u32 = 5;

/// From the first time on.
pub const WINDOW: Duration = Duration::from_secs(60);

/// What has been said, by what it was about. Knows no clock.
#[derive(Debug)]
pub struct Repeats<K>(HashMap<K, Said>);

#[derive(Debug)]
struct Said {
    since: Duration,
    count: u32,
}

/// What is to be done with the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Say it.
    Say,
    /// Say it, and that more follow which are not said.
    SayAsLast,
    /// Leave it out.
    LeaveOut,
}

impl<K: Hash + Eq> Repeats<K> {
    /// Nothing was said.
    pub fn new() -> Self {
        Repeats(HashMap::new())
    }

    /// Something is to be said about this.
    pub fn admit(&mut self, about: K, now: Duration) -> Verdict {
        self.0.retain(|_, said| now.saturating_sub(said.since) < WINDOW);
        let said = self.0.entry(about).or_insert(Said { since: now, count: 0 });
        said.count = said.count.saturating_add(1);
        match said.count {
            count if count < MOST => Verdict::Say,
            MOST => Verdict::SayAsLast,
            _ => Verdict::LeaveOut,
        }
    }
}

impl<K: Hash + Eq> Default for Repeats<K> {
    fn default() -> Self {
        Repeats::new()
    }
}
