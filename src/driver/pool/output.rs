//! What workers write to their standard output and standard error.

use std::fmt;
use std::io::stderr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc::PIPE_BUF;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::write;

use super::Shared;
use crate::calls::pool::WorkerId;
use crate::driver::calls::catch;

/// So much of the end of a worker's standard error is kept, for the errors of its calls.
const KEPT: usize = 4096;

/// What a worker has written.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Output<'a> {
    /// The worker's number in the pool.
    pub worker: u64,
    /// Where it has written.
    pub stream: OutputStream,
    /// What came in one read: a line, a part of one, or several.
    pub bytes: &'a [u8],
}

/// One of a worker's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

pub(crate) type OnOutput = Arc<dyn Fn(Output<'_>) + Send + Sync>;

/// The end of what a worker has written to its standard error.
#[derive(Default)]
pub(crate) struct StderrTail(Vec<u8>);

impl StderrTail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
        let over = self.0.len().saturating_sub(KEPT);
        self.0.drain(..over);
    }
}

impl fmt::Display for StderrTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(String::from_utf8_lossy(&self.0).trim())
    }
}

/// Writes what standard error takes, and drops the rest: one that is full must not stop the workers. Not with the
/// lock of `std`, which another thread may have while it waits.
fn write_to_stderr(mut bytes: &[u8]) {
    /// Who reads it may only be slow. In milliseconds. Waited for once, until it takes something again.
    const PATIENCE: u8 = 100;
    static IS_STUCK: AtomicBool = AtomicBool::new(false);
    let stderr = stderr();
    while !bytes.is_empty() {
        let patience = if IS_STUCK.load(Ordering::Relaxed) { 0 } else { PATIENCE };
        match poll(&mut [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)], PollTimeout::from(patience)) {
            Err(Errno::EINTR) => continue,
            Ok(0) | Err(_) => return IS_STUCK.store(true, Ordering::Relaxed),
            Ok(_) => IS_STUCK.store(false, Ordering::Relaxed),
        }
        // A pipe that takes anything takes so much at once.
        match write(&stderr, &bytes[..bytes.len().min(PIPE_BUF)]) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

impl Shared {
    /// A worker has written something.
    pub(crate) fn output(
        &self,
        worker: WorkerId,
        stream: OutputStream,
        bytes: &[u8],
        stderr_tail: &mut StderrTail,
    ) {
        if stream == OutputStream::Stderr {
            stderr_tail.push(bytes);
        }
        match &self.common.on_output {
            // A panic is told by the hook.
            Some(on_output) => {
                let _ = catch(|| on_output(Output { worker: worker.number(), stream, bytes }));
            }
            // Nobody may read it any more.
            None => write_to_stderr(bytes),
        }
    }
}
