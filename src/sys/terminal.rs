//! What is typed in a terminal.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getpgrp, read};

/// How long somebody else's input is left alone before another look.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until something was typed for us, and reads it; nothing at the end. What is typed while we are in the
/// background is for others, and the system would stop us for reading it.
///
/// # Errors
/// If the terminal is gone.
pub fn read_in_foreground(terminal: &impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut fds = [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(e) => return Err(e.into()),
        }
        // SAFETY: takes a number only, of a descriptor that is open.
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
