//! Two ways to wake a thread: one that waits in `poll`, and one that waits for nothing else.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// A byte in a socket pair, to wake a thread in `poll`.
pub(super) struct Bell {
    ear: UnixStream,
    clapper: UnixStream,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let (ear, clapper) = UnixStream::pair()?;
        ear.set_nonblocking(true)?;
        clapper.set_nonblocking(true)?;
        Ok(Bell { ear, clapper })
    }

    pub(super) fn ring(&self) {
        // Full means that it rings already.
        let _ = (&self.clapper).write(&[1]);
    }

    pub(super) fn heard(&self) {
        let _ = (&self.ear).read(&mut [0; 64]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ear.as_fd()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

/// A thread that sleeps until it is woken.
pub(super) struct Sleeper {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Sleeper {
    /// This thread.
    pub(super) fn new() -> Self {
        Sleeper { thread: thread::current(), is_woken: AtomicBool::new(false) }
    }

    /// Sleeps, for so long at the most.
    pub(super) fn sleep(&self, timeout: Option<Duration>) {
        let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
        // Others may unpark this thread too, for their own reasons.
        while !self.is_woken.load(Ordering::Acquire) {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return,
                Some(left) => thread::park_timeout(left),
            }
        }
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
