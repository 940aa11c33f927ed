//! A parent at its descriptor limit: a clear error, and it still works.

use std::fs::File;
use std::os::fd::BorrowedFd;

use crossfork::process::Command;
use crossfork::{Error, Stdio};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;

use crate::faults::{assert_end, receive};
use crate::look::children;
use crate::support::for_both_drivers;
use crate::support::parents::{Kid, Parent, Started, start_with_channel};
use crate::support::process::alone;

for_both_drivers!(alone:
    a_start_without_free_descriptors_is_an_error_that_names_the_program,
    a_start_without_a_channel_or_free_descriptors_is_an_error,
    output_without_free_descriptors_is_an_error,
);

const LIMIT: u64 = 96;

/// Opens files until the process has no free descriptor.
fn starve() -> Vec<File> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, LIMIT, hard).unwrap();
    let mut hoard = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => hoard.push(file),
            Err(e) if e.raw_os_error() == Some(libc::EMFILE) => return hoard,
            Err(e) => panic!("{e}"),
        }
    }
}

/// Checked one by one, because reading a directory takes a descriptor.
#[allow(unsafe_code)]
fn open_numbers() -> Vec<i32> {
    (0..LIMIT as i32)
        .filter(|number| {
            // SAFETY: only asked whether it is open.
            let fd = unsafe { BorrowedFd::borrow_raw(*number) };
            fcntl(fd, FcntlArg::F_GETFD).is_ok()
        })
        .collect()
}

/// Tries without a free descriptor, then with one more each time, until the start succeeds.
fn starve_and_feed<D: Parent, T>(mut start: impl FnMut() -> Result<T, Error>) -> T {
    // The descriptors that the driver opens once and keeps are open.
    drop(start_with_channel::<D>(Command::new("true"), 3));
    let mut hoard = starve();
    for free in 0..40 {
        let open = open_numbers();
        match start() {
            Ok(started) => {
                assert!(free > 2, "with {free} descriptors");
                return started;
            }
            Err(error) => {
                assert!(
                    matches!(&error, Error::Spawn { program, .. } if program == "/bin/sh"),
                    "with {free} descriptors free, the program is not named: {error:?}"
                );
                assert_eq!(error.code(), "EMFILE", "with {free} descriptors free: {error:?}");
                assert_eq!(open_numbers(), open, "with {free} descriptors free, some were left open");
            }
        }
        hoard.pop();
        hoard.pop();
        let spare = File::open("/dev/null").unwrap();
        assert_eq!(children(), [0; 0], "with {free} descriptors free, a child was left");
        hoard.push(spare);
    }
    panic!("the process was never started");
}

fn a_start_without_free_descriptors_is_an_error_that_names_the_program<D: Parent>() {
    let echo =
        || Command::shell("read -r line <&3; echo \"$line\" >&3").stdio(5, Stdio::Pipe).stdio(1, Stdio::Pipe);
    let child = starve_and_feed::<D, _>(|| D::start_with_channel(echo(), 3));
    let mut kid = Kid::<D>::guard(child);
    kid.channel.send(&json!("hello")).unwrap();
    assert_eq!(receive(&kid), json!("hello"));
    assert_end(&kid);
    assert!(kid.process().wait().unwrap().success());
    drop(kid);
    // And it still works.
    let kid = start_with_channel::<D>(echo(), 3);
    kid.channel.send(&json!("again")).unwrap();
    assert_eq!(receive(&kid), json!("again"));
}

fn a_start_without_a_channel_or_free_descriptors_is_an_error<D: Parent>() {
    let shell = || Command::shell("exit 3").stdio(0, Stdio::Pipe).stdio(1, Stdio::Pipe).stdio(2, Stdio::Pipe);
    let process = starve_and_feed::<D, _>(|| D::start(shell()));
    assert_eq!(process.wait().unwrap().code(), Some(3));
}

fn output_without_free_descriptors_is_an_error<D: Parent>() {
    let output = starve_and_feed::<D, _>(|| match D::output(Command::shell("echo hello")) {
        Ok(output) => Ok(output),
        Err(crossfork::ExecError::Start(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    });
    assert_eq!(output.stdout, b"hello\n");
}
