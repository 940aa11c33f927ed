//! The runtime that the subcommands run in.

use std::fs::File;
use std::io;

use tokio::runtime::{Builder, Runtime};

/// The number of descriptors that the runtime opens: its epoll instance twice, its waker, and three ends
/// of the socket pair for signals.
const NEEDED: usize = 6;

/// Builds a runtime on this thread.
///
/// # Errors
/// Fails, too, if too few descriptors are available; tokio itself would panic then.
pub(crate) fn build() -> io::Result<Runtime> {
    let reserved: Vec<File> = (0..NEEDED).map(|_| File::open("/dev/null")).collect::<io::Result<_>>()?;
    drop(reserved);
    Builder::new_current_thread().enable_all().build()
}
