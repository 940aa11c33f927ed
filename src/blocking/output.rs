//! `Command::output` for threads.

use std::io::Read;
use std::os::fd::AsFd;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

crate::driver::face::output_face! { Blocking threads #[doc = ""] }

/// Reads both streams to their end and then waits for the process, unless a limit is exceeded first.
fn run(
    process: &Process,
    stdout: &mut Stream<impl Read + AsFd>,
    stderr: &mut Stream<impl Read + AsFd>,
    limit: OutputLimit,
) -> io::Result<(Stopped, Option<ExitStatus>)> {
    let deadline = limit.timeout.and_then(|t| Instant::now().checked_add(t));
    let stopped = read(stdout, stderr, limit.max_buffer, deadline)?;
    if stopped != Stopped::AtEnd {
        return Ok((stopped, None));
    }
    // Wait only after both streams have ended, because until then the process may still be writing.
    let Some(left) = left(deadline) else {
        return Ok((stopped, Some(process.wait()?)));
    };
    Ok(match process.wait_timeout(left)? {
        Some(status) => (stopped, Some(status)),
        None => (Stopped::TimedOut, None),
    })
}

impl<R: Read + AsFd> Stream<R> {
    /// Reads the available bytes once. False if this exceeded the limit.
    fn read(&mut self, max: usize) -> io::Result<bool> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(true);
        };
        let mut buffer = [0; 16 * 1024];
        match pipe.read(&mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(n) => self.bytes.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        let fits = self.bytes.len() <= max;
        self.bytes.truncate(max);
        Ok(fits)
    }

    fn poll_fd(&self) -> Option<PollFd<'_>> {
        self.pipe.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN))
    }
}

fn read<A: Read + AsFd, B: Read + AsFd>(
    stdout: &mut Stream<A>,
    stderr: &mut Stream<B>,
    max: usize,
    deadline: Option<Instant>,
) -> io::Result<Stopped> {
    loop {
        let mut fds: Vec<PollFd<'_>> = stdout.poll_fd().into_iter().chain(stderr.poll_fd()).collect();
        if fds.is_empty() {
            return Ok(Stopped::AtEnd);
        }
        let left = left(deadline);
        if left == Some(Duration::ZERO) {
            return Ok(Stopped::TimedOut);
        }
        let timeout = match left {
            Some(left) => {
                PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::NONE,
        };
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
        let mut ready = fds.iter().map(|fd| fd.any() == Some(true));
        let first = ready.next() == Some(true);
        let second = ready.next() == Some(true);
        drop(ready);
        drop(fds);
        let (out, err) = if stdout.pipe.is_some() { (first, second) } else { (false, first) };
        if out && !stdout.read(max)? {
            return Ok(Stopped::Over(stdout.name));
        }
        if err && !stderr.read(max)? {
            return Ok(Stopped::Over(stderr.name));
        }
    }
}

fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}
