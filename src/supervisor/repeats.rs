//! How often the same is said: a peer that does something wrong all the time must not fill a disk.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Counted from the first time on.
pub const WINDOW: Duration = Duration::from_secs(60);

/// What has been said, by what it was about. Knows no clock.
#[derive(Debug)]
pub struct Repeats<K> {
    most: u32,
    said: HashMap<K, Said>,
}

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
    /// So often may be said in each [`WINDOW`] about each.
    pub fn new(most: u32) -> Self {
        Repeats { most, said: HashMap::new() }
    }

    /// Something is to be said about this.
    pub fn admit(&mut self, about: K, now: Duration) -> Verdict {
        self.said.retain(|_, said| now.saturating_sub(said.since) < WINDOW);
        let said = self.said.entry(about).or_insert(Said { since: now, count: 0 });
        said.count = said.count.saturating_add(1);
        match said.count.cmp(&self.most) {
            Ordering::Less => Verdict::Say,
            Ordering::Equal => Verdict::SayAsLast,
            Ordering::Greater => Verdict::LeaveOut,
        }
    }
}
