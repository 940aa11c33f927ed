//! Inherited standard streams, from a process whose own streams are known.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::Stdio;

use crossfork::process::Command;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};

use crate::look::{descriptors, flags, frozen, start_frozen, start_frozen_with_channel};
use crate::support::descriptors::is_cloexec;
use crate::support::for_both_drivers;
use crate::support::names::ABSENT;
use crate::support::parents::{Parent, Started, start, start_with_channel};
use crate::support::process::{assert_success, command, is_inside, with_name};

for_both_drivers!(with_name:
    standard_streams_are_inherited_by_default,
    standard_streams_that_are_close_on_exec_are_inherited,
    non_blocking_standard_streams_are_blocking_in_the_child,
);

mod alone {
    use super::a_closed_standard_stream_is_dev_null_in_the_child;
    use crate::support::{for_both_drivers, process::alone};
    for_both_drivers!(alone: a_closed_standard_stream_is_dev_null_in_the_child);
}

/// Runs the test in a process with this standard input, and returns its output.
fn run(test: &str, input: &str) -> (String, String) {
    let mut process = command(test);
    process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = process.spawn().unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = assert_success(process);
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn standard_streams_are_inherited_by_default<D: Parent>(test: &'static str) {
    if is_inside(test) {
        let cat = start::<D>(Command::shell("cat; echo to stderr >&2"));
        assert!(cat.wait().unwrap().success());
        return;
    }
    let (stdout, stderr) = run(test, "through two processes");
    assert!(stdout.contains("through two processes"), "{stdout}");
    assert!(stderr.contains("to stderr"), "{stderr}");
}

/// Node marks its own streams like this, and this crate may run inside Node as an addon.
fn standard_streams_that_are_close_on_exec_are_inherited<D: Parent>(test: &'static str) {
    if is_inside(test) {
        for fd in [io::stdin().as_fd(), io::stdout().as_fd(), io::stderr().as_fd()] {
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        assert!(start::<D>(Command::shell("cat; echo without >&2")).wait().unwrap().success());
        let mut with = start_with_channel::<D>(Command::shell("echo a channel; echo with >&2"), 3);
        assert!(with.process().wait().unwrap().success());
        assert!(is_cloexec(io::stdin()) && is_cloexec(io::stdout()), "our own streams are unchanged");
        return;
    }
    let (stdout, stderr) = run(test, "through two processes\n");
    assert!(stdout.contains("through two processes\na channel\n"), "{stdout}");
    assert!(stderr.contains("without\nwith\n"), "{stderr}");
}

fn non_blocking_standard_streams_are_blocking_in_the_child<D: Parent>(test: &'static str) {
    if is_inside(test) {
        let make_nonblocking = || {
            for fd in [io::stdin().as_fd(), io::stdout().as_fd(), io::stderr().as_fd()] {
                fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
            }
        };
        let assert_blocking = |pid: u32| {
            let all = [0, 1, 2].map(|number| flags(pid, number));
            assert!(all.iter().all(|flags| !flags.contains(OFlag::O_NONBLOCK)), "{all:?}");
        };
        make_nonblocking();
        assert_blocking(start_frozen::<D>(frozen()).id());
        make_nonblocking();
        assert_blocking(start_frozen_with_channel::<D>(frozen(), 3).id());
        make_nonblocking();
        // More than the pipe's buffer.
        assert!(start::<D>(Command::new("seq").arg("300000")).wait().unwrap().success());
        return;
    }
    assert!(run(test, "").0.contains("\n299999\n300000\n"));
}

fn a_closed_standard_stream_is_dev_null_in_the_child<D: Parent>() {
    // The descriptors that the driver opens once and keeps are open.
    assert!(start::<D>(Command::new("true")).wait().unwrap().success());
    nix::unistd::close(0).unwrap();
    let process = start_frozen::<D>(frozen());
    assert_eq!(descriptors(process.id())[&0], "/dev/null");
    drop(process);
    let mut kid = start_frozen_with_channel::<D>(frozen(), 3);
    assert_eq!(descriptors(kid.id())[&0], "/dev/null");
    drop(kid);
    // The pipe that reports a failed start could get that number.
    D::start(Command::new(ABSENT)).map(drop).unwrap_err();
    D::start(Command::new(ABSENT).stdio(0, crossfork::Stdio::Pipe)).map(drop).unwrap_err();
    assert_eq!(nix::unistd::close(0), Err(nix::errno::Errno::EBADF), "no descriptor is left at 0");
}
