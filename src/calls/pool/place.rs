//! [`Place`]: room for one worker at a time, and for the one that replaces it.

use std::time::Duration;

use super::call::Queue;
use super::{Time, WorkerId};

/// How long is waited after a start that has failed: it doubles from time to time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Place {
    /// The one that takes calls.
    pub(super) worker: Option<WorkerId>,
    pub(super) next: Next,
    /// How many starts in a row have failed.
    pub(super) failures: u32,
    /// Calls whose key belongs here.
    pub(super) queue: Queue,
}

/// What is under way at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Next {
    #[default]
    Nothing,
    Starting(WorkerId),
    /// Nothing is started before this time.
    Pausing(Time),
}

impl Place {
    pub(super) fn is_empty(&self) -> bool {
        self.worker.is_none() && self.next == Next::Nothing
    }

    /// Something is under way here that may still fail.
    pub(super) fn is_trying(&self) -> bool {
        self.next != Next::Nothing
    }

    /// Begins a pause that is longer than the last. Tells when it ends.
    pub(super) fn pause(&mut self, now: Time) -> Time {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        let end = now.saturating_add(pause);
        self.next = Next::Pausing(end);
        end
    }
}

/// The place of a key: rendezvous hashing. With one place more or less only the keys of that place move.
/// Places stay when their workers go, so that a key moves to the worker that replaces its own.
pub(super) fn place_of(key: &str, places: usize) -> usize {
    (0..places).max_by_key(|place| (score(*place, key), usize::MAX - place)).unwrap_or(0)
}

/// The same everywhere: FNV-1a, with its bits mixed.
fn score(place: usize, key: &str) -> u32 {
    let text = format!("{place} {key}");
    let mut hash =
        text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}
