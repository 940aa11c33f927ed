//! What workers write to standard error while none has ever been up. Where none can start, all say why, each time:
//! what several write alike is told once.
//!
//! ```text
//!   lines ──► a block, until nothing comes for QUIET, or the worker has ended
//!              ├── no worker has written such a block lately ──► told
//!              └── one has ──► held, and told after all if a worker comes up meanwhile
//! ```
//!
//! Blocks are alike if only numbers differ: process ids, times, addresses.

use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::supervisor::repeats::WINDOW;

/// How long nothing more must come for what has come to be a block.
pub(super) const QUIET: Duration = Duration::from_millis(100);

/// How long a block may go on. What comes after it is another.
const LONGEST_TIME: Duration = Duration::from_secs(1);

/// A block that is longer, with what is held before it, is told at once.
const LONGEST: usize = 64 * 1024;

/// How many different blocks are known. All others are told.
const KNOWN: usize = 256;

/// Shared by all who pass on output.
#[derive(Clone, Debug, Default)]
pub(super) struct Cold(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Each block that was told, and when.
    told: Vec<(u64, Instant)>,
    /// How many ended with what they wrote held.
    repeats: usize,
}

/// Lines as they are passed on, and how many.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: usize,
}

/// What has come of one worker, and was not passed on.
pub(super) struct Block {
    cold: Cold,
    held: Text,
    new: Text,
    /// When the first new line came.
    since: Option<Instant>,
    hash: DefaultHasher,
}

impl Cold {
    /// How many workers have ended whose output was held. Counted anew afterwards.
    pub(super) fn take_repeats(&self) -> usize {
        std::mem::take(&mut self.lock().repeats)
    }

    /// Whether such a block is news, at this time.
    fn is_news(&self, block: u64, now: Instant) -> bool {
        let mut known = self.lock();
        known.told.retain(|(_, at)| now.duration_since(*at) < WINDOW);
        let is_news = known.told.iter().all(|(other, _)| *other != block);
        if is_news && known.told.len() < KNOWN {
            known.told.push((block, now));
        }
        is_news
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Text {
    fn append(&mut self, mut other: Text) {
        self.bytes.append(&mut other.bytes);
        self.lines += other.lines;
    }
}

impl Block {
    pub(super) fn new(cold: Cold) -> Self {
        Block { cold, held: Text::default(), new: Text::default(), since: None, hash: DefaultHasher::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.new.lines == 0
    }

    pub(super) fn has_anything(&self) -> bool {
        self.held.lines + self.new.lines > 0
    }

    fn has_held(&self) -> bool {
        self.held.lines > 0
    }

    pub(super) fn is_too_long(&self) -> bool {
        self.held.bytes.len() + self.new.bytes.len() > LONGEST
    }

    /// One more line: where to write it as it is passed on.
    pub(super) fn add(&mut self) -> &mut Vec<u8> {
        self.new.lines += 1;
        self.since.get_or_insert_with(Instant::now);
        &mut self.new.bytes
    }

    fn take_new(&mut self) -> Text {
        self.since = None;
        std::mem::take(&mut self.new)
    }

    /// When it is a block, if nothing more comes from now on.
    pub(super) fn settles_at(&self, now: Instant) -> Instant {
        let longest = self.since.map(|since| since + LONGEST_TIME);
        longest.into_iter().chain([now + QUIET]).min().unwrap_or(now)
    }

    /// What makes that line like others.
    pub(super) fn compare(&mut self, line: &[u8]) {
        let mut was_digit = false;
        for byte in line {
            let is_digit = byte.is_ascii_digit();
            if !(is_digit && was_digit) {
                self.hash.write_u8(if is_digit { b'0' } else { *byte });
            }
            was_digit = is_digit;
        }
    }

    /// Nothing more comes for now: gives what is news.
    pub(super) fn settle(&mut self, now: Instant) -> Text {
        let hash = std::mem::take(&mut self.hash).finish();
        let new = self.take_new();
        if new.lines == 0 {
            return new;
        }
        if self.cold.is_news(hash, now) {
            // What was held belongs before it.
            let mut all = std::mem::take(&mut self.held);
            all.append(new);
            return all;
        }
        self.held.append(new);
        Text::default()
    }

    /// The worker has ended: gives what is news, and counts it if nothing is.
    pub(super) fn end(&mut self, now: Instant) -> Text {
        let text = self.settle(now);
        if self.has_held() {
            self.held = Text::default();
            self.cold.lock().repeats += 1;
        }
        text
    }

    /// Everything.
    pub(super) fn take(&mut self) -> Text {
        let new = self.take_new();
        if !self.has_held() {
            return new;
        }
        let mut all = std::mem::take(&mut self.held);
        all.append(new);
        all
    }

    /// What was passed on, for its memory.
    pub(super) fn reuse(&mut self, mut text: Text) {
        if self.is_empty() {
            text.bytes.clear();
            self.new.bytes = text.bytes;
        }
    }
}
