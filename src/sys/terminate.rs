//! SIGTERM as a request to end, for programs of threads.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::{SigSet, Signal};

/// Calls `run`, and meanwhile `asked` when SIGTERM comes first, which does not end the process then. It is
/// blocked for this thread and those that `run` starts: no other may be there that does not block it.
pub fn heeded<T>(asked: impl Fn() + Send, run: impl FnOnce() -> T) -> io::Result<T> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGTERM);
    let before = set.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
    let is_over = AtomicBool::new(false);
    let result = thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let is_over = &is_over;
        let waiter = scope.spawn(move || {
            let _ = tell.send(pthread_self());
            // It fails only for a set that is none.
            let _ = set.wait();
            if !is_over.load(Ordering::Acquire) {
                asked();
            }
        });
        let wake = Wake { is_over, thread: told.recv().ok() };
        let result = run();
        drop(wake);
        // Not before: until then its number is its own.
        let _ = waiter.join();
        result
    });
    before.thread_set_mask()?;
    Ok(result)
}

/// Wakes the thread that waits, also if `run` panics.
struct Wake<'a> {
    is_over: &'a AtomicBool,
    thread: Option<Pthread>,
}

impl Drop for Wake<'_> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread {
            let _ = pthread_kill(thread, Signal::SIGTERM);
        }
    }
}
