//! No test hangs: each test and each wait has a deadline.

use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long one wait may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long a test may take.
pub const WHOLE_TEST: Duration = Duration::from_secs(180);

/// Runs the body of a test, and fails if it takes too long. A hang fails only this test.
pub fn in_time(test: &str, body: impl FnOnce() + Send + 'static) {
    in_so_long(test, WHOLE_TEST, body);
}

/// [`in_time`] with a chosen deadline.
pub fn in_so_long(test: &str, time: Duration, body: impl FnOnce() + Send + 'static) {
    let (running, done) = channel::<()>();
    let thread = thread::spawn(move || {
        // Dropped when the body returns or panics.
        let _running = running;
        body();
    });
    if done.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
        panic!("{test} hangs: it is not done after {time:?}");
    }
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
}

/// Waits for a condition that no descriptor or channel signals.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "timed out after {PATIENCE:?} waiting until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for a descriptor.
pub fn wait(fd: &impl AsFd, flags: PollFlags, what: &str) {
    let start = Instant::now();
    loop {
        let left = PATIENCE.saturating_sub(start.elapsed());
        let timeout = PollTimeout::try_from(left).unwrap();
        match poll(&mut [PollFd::new(fd.as_fd(), flags)], timeout) {
            Ok(0) => panic!("timed out after {PATIENCE:?} waiting until {what}"),
            Ok(_) => return,
            Err(Errno::EINTR) => {}
            Err(e) => panic!("poll: {e}"),
        }
    }
}
