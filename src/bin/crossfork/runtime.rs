//! The runtime that the subcommands run in.

use std::fs::File;
use std::io;

use tokio::runtime::{Builder, Runtime};

/// What the runtime opens for itself: its epoll instance twice, what wakes it, and three ends of the
/// socket pair over which it hears of signals.
const NEEDED: usize = 6;

/// Builds it, on this thread.
///
/// # Errors
/// If it has too few descriptors, too, where tokio would panic.
pub(crate) fn build() -> io::Result<Runtime> {
    let there_are_enough: Vec<File> =
        (0..NEEDED).map(|_| File::open("/dev/null")).collect::<io::Result<_>>()?;
    drop(there_are_enough);
    Builder::new_current_thread().enable_all().build()
}
