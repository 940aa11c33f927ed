//! Reads input from a terminal.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getpgrp, read};

/// How long to wait before checking again, while the input is for the foreground process group.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits for input while this process group is in the foreground, and reads it. Returns 0 at the end of
/// input. While the group is in the background, the input is for others, and the kernel would stop this
/// process (SIGTTIN) if it read.
///
/// # Errors
/// Fails if the terminal is gone.
pub fn read_in_foreground(terminal: &impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut fds = [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(e) => return Err(e.into()),
        }
        // SAFETY: takes only the number of an open descriptor.
        let foreground = unsafe { libc::tcgetpgrp(terminal.as_fd().as_raw_fd()) };
        if foreground == getpgrp().as_raw() {
            return Ok(read(terminal, buffer)?);
        }
        if foreground < 0 {
            return Err(io::Error::last_os_error());
        }
        sleep(PAUSE);
    }
}
