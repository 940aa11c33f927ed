//! The descriptor of a process.

use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;

use crossfork::Signal;
use crossfork::process::Command;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::support::deadline::{in_time, wait};
use crate::support::descriptors::is_cloexec;
use crate::support::for_both_drivers;
use crate::support::parents::{Parent, Started, start};

for_both_drivers!(in_time:
    the_pidfd_is_readable_when_the_process_has_exited,
    the_pidfd_must_be_opened_before_the_process_is_waited_for,
);

fn the_pidfd_is_readable_when_the_process_has_exited<D: Parent>() {
    let process = start::<D>(Command::new("sleep").arg("1000"));
    let pidfd = process.pidfd().unwrap();
    let again = process.pidfd().unwrap();
    assert_eq!(again.as_raw_fd(), pidfd.as_raw_fd(), "the same descriptor is returned");
    assert!(is_cloexec(pidfd));
    let mut fds = [PollFd::new(pidfd, PollFlags::POLLIN)];
    assert_eq!(poll(&mut fds, PollTimeout::ZERO), Ok(0));
    process.kill(Signal::TERM).unwrap();
    wait(&pidfd, PollFlags::POLLIN, "the process has ended");
    assert_eq!(process.try_wait().unwrap().unwrap().signal(), Some(libc::SIGTERM));
}

fn the_pidfd_must_be_opened_before_the_process_is_waited_for<D: Parent>() {
    let process = start::<D>(Command::new("true"));
    process.pidfd().unwrap();
    process.wait().unwrap();
    wait(&process.pidfd().unwrap(), PollFlags::POLLIN, "the process has ended");
    let process = start::<D>(Command::new("true"));
    process.wait().unwrap();
    // Another process may have its number.
    assert_eq!(process.pidfd().unwrap_err().raw_os_error(), Some(libc::ESRCH));
}
