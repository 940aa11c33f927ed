//! Two ways to wake a thread: one for a thread in `poll`, and one for a thread that only sleeps.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// A socket pair. One end is in the descriptor set of a thread in `poll`, and a byte wakes that thread.
pub(super) struct PollWaker {
    polled: UnixStream,
    written: UnixStream,
}

impl PollWaker {
    pub(super) fn new() -> io::Result<Self> {
        let (polled, written) = UnixStream::pair()?;
        polled.set_nonblocking(true)?;
        written.set_nonblocking(true)?;
        Ok(PollWaker { polled, written })
    }

    /// Wakes the thread.
    pub(super) fn wake_poll(&self) {
        // If the socket is full, the thread is already being woken.
        let _ = (&self.written).write(&[1]);
    }

    /// Removes the bytes that woke the thread.
    pub(super) fn drain(&self) {
        let _ = (&self.polled).read(&mut [0; 64]);
    }
}

/// The end for `poll`.
impl AsFd for PollWaker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.polled.as_fd()
    }
}

impl Wake for PollWaker {
    fn wake(self: Arc<Self>) {
        self.wake_poll();
    }
}

/// Lets a thread sleep until it is woken.
pub(super) struct Sleeper {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Sleeper {
    /// For the current thread.
    pub(super) fn new() -> Self {
        Sleeper { thread: thread::current(), is_woken: AtomicBool::new(false) }
    }

    /// Sleeps, up to a timeout.
    pub(super) fn sleep(&self, timeout: Option<Duration>) {
        let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
        // Other code may unpark this thread too, for its own reasons.
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
