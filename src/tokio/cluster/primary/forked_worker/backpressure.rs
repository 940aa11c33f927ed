//! Backpressure: a worker whose events nobody takes is not read.

use std::sync::atomic::Ordering;

use super::ForkedWorker;

/// How many pages of a worker's events may be unread before no more is read from it.
const MAX_UNREAD_PAGES: usize = 256;

impl ForkedWorker {
    /// Reads no more from it, until a `release`.
    #[cfg(any(feature = "calls", feature = "cli"))]
    pub(crate) fn hold(&self) {
        self.event_queued(MAX_UNREAD_PAGES);
    }

    #[cfg(any(feature = "calls", feature = "cli"))]
    pub(crate) fn release(&self) {
        self.event_taken(MAX_UNREAD_PAGES);
    }

    /// An event waits that makes us keep so much.
    pub(in crate::tokio::cluster::primary) fn event_queued(&self, pages: usize) {
        let unread = &self.0.unread_pages;
        if pages > 0 && unread.fetch_add(pages, Ordering::Relaxed) + pages >= MAX_UNREAD_PAGES {
            self.pause_or_resume();
        }
    }

    /// It was taken.
    pub(in crate::tokio::cluster::primary) fn event_taken(&self, pages: usize) {
        if pages > 0 && self.0.unread_pages.fetch_sub(pages, Ordering::Relaxed) >= MAX_UNREAD_PAGES {
            self.pause_or_resume();
        }
    }

    /// Looks under the channel's lock, so that of two calls at once the later one sees it all.
    fn pause_or_resume(&self) {
        let is_full = || self.0.unread_pages.load(Ordering::Relaxed) >= MAX_UNREAD_PAGES;
        self.0.channel.pause_reading(is_full);
    }
}
