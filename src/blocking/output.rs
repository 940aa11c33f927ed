//! `Command::output`: Node's `exec` and `execFile`, for threads.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::Output;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Blocking, Process};
use crate::process::Command;
use crate::process::{ExecError, Stopped, conclude};

impl Command<Blocking> {
    /// Runs it to its end, and gives what it wrote. Standard input is empty, unless it was set; our
    /// ends of other pipes that were asked for are closed.
    ///
    /// Its end is that of the process and of both streams, which programs that it started may keep open.
    /// When the time is over, or it has written too much, it is sent the
    /// [kill signal](Command::kill_signal) and nothing is read any more. The whole of its
    /// [process group](Command::own_process_group) gets the signal, if it has one of its own. Then this
    /// waits for the end of the process alone, which one that ignores the signal decides by itself. One
    /// that had to be killed is an error, however it took that (in Node, one that then ends with code 0
    /// is a success).
    ///
    /// # Errors
    /// [`ExecError`] tells which limit it broke or how it ended, with what it had written.
    pub fn output(self) -> Result<Output, ExecError> {
        let limit = self.limit;
        let prepared = self.piped().prepare(None)?;
        let kill_signal = prepared.spec.kill_signal;
        let mut process = Process::start(prepared)?;
        let deadline = limit.timeout.and_then(|t| Instant::now().checked_add(t));
        // Nobody can use our ends: a program that reads there finds the end.
        process.stdin = None;
        process.pipes.clear();

        let mut stdout = Stream::new("stdout", process.stdout.take());
        let mut stderr = Stream::new("stderr", process.stderr.take());
        let mut stopped = read(&mut stdout, &mut stderr, limit.max_buffer, deadline)?;
        // Not before the end of both, for it may still be writing.
        let status = match (stopped, left(deadline)) {
            (Stopped::AtEnd, Some(left)) => process.wait_timeout(left)?,
            (Stopped::AtEnd, None) => Some(process.wait()?),
            _ => None,
        };
        let status = match status {
            Some(status) => status,
            None => {
                if stopped == Stopped::AtEnd {
                    stopped = Stopped::TimedOut;
                }
                // Nobody reads any more. One that ignores the signal and goes on writing would wait for
                // ever, and so would we.
                (stdout.pipe, stderr.pipe) = (None, None);
                process.end(kill_signal)?;
                process.wait()?
            }
        };
        let output = Output { status, stdout: stdout.bytes, stderr: stderr.bytes };
        conclude(stopped, limit.max_buffer, output)
    }
}

struct Stream<R> {
    name: &'static str,
    pipe: Option<R>,
    bytes: Vec<u8>,
}

impl<R: Read + AsFd> Stream<R> {
    fn new(name: &'static str, pipe: Option<R>) -> Self {
        Stream { name, pipe, bytes: Vec::new() }
    }

    /// Reads once what is there; false if that was over the limit.
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
