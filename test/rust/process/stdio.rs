//! The descriptors of a new process.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use crossfork::Stdio;
use crossfork::process::Command;
use nix::fcntl::OFlag;

use crate::look::{descriptors, flags, frozen, start_frozen};
use crate::support::deadline::{PATIENCE, in_time};
use crate::support::descriptors::identity;
use crate::support::for_both_drivers;
use crate::support::parents::{Parent, Started, start, start_with_channel};

for_both_drivers!(in_time:
    standard_streams_can_be_pipes,
    null_is_dev_null_at_any_number,
    a_descriptor_gets_the_requested_number,
    a_descriptor_used_as_a_standard_stream_is_blocking,
    a_passed_descriptor_is_closed_in_the_parent,
    descriptors_may_swap_numbers,
    a_pipe_above_2_is_bidirectional,
    an_inherited_descriptor_above_2_is_the_same_file,
    inheriting_a_closed_descriptor_is_an_error,
    the_channel_takes_precedence_over_a_stdio_setting_at_its_number,
);

fn standard_streams_can_be_pipes<D: Parent>() {
    let command = Command::shell("read line; echo \"got $line\"; echo oops >&2");
    let command = command.stdio(0, Stdio::Pipe).stdio(1, Stdio::Pipe).stdio(2, Stdio::Pipe);
    let mut process = start::<D>(command);
    process.standard(0).unwrap().write_all(b"a line\n").unwrap();
    let mut text = String::new();
    process.standard(1).unwrap().read_to_string(&mut text).unwrap();
    process.standard(2).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "got a line\noops\n");
    assert!(process.wait().unwrap().success());
    assert!(process.standard(0).is_none() && process.pipes().is_empty());
}

fn null_is_dev_null_at_any_number<D: Parent>() {
    let all = [0, 1, 2, 5];
    let command = all.iter().fold(frozen(), |command, number| command.stdio(*number, Stdio::Null));
    let process = start_frozen::<D>(command);
    let found = descriptors(process.id());
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 5]);
    assert!(found.values().all(|path| path == "/dev/null"), "{found:?}");
}

fn a_descriptor_gets_the_requested_number<D: Parent>() {
    for number in [0, 1, 2, 3, 5, 60] {
        let (given, kept) = UnixStream::pair().unwrap();
        let inode = identity(&given).1;
        let process = start_frozen::<D>(frozen().stdio(number, given));
        assert_eq!(descriptors(process.id())[&(number as i32)], format!("socket:[{inode}]"));
        drop(kept);
    }
}

fn a_descriptor_used_as_a_standard_stream_is_blocking<D: Parent>() {
    for number in [0, 1, 2, 5] {
        let (given, _kept) = UnixStream::pair().unwrap();
        given.set_nonblocking(true).unwrap();
        let process = start_frozen::<D>(frozen().stdio(number, given));
        // Above these, a program knows the state of its descriptors.
        let is_nonblocking = flags(process.id(), number as i32).contains(OFlag::O_NONBLOCK);
        assert_eq!(is_nonblocking, number > 2, "{number}");
    }
}

fn a_passed_descriptor_is_closed_in_the_parent<D: Parent>() {
    for number in [1, 2, 3, 5] {
        let (given, mut kept) = UnixStream::pair().unwrap();
        kept.set_read_timeout(Some(PATIENCE)).unwrap();
        let line = format!("echo hello >&{number}");
        let process = start::<D>(Command::shell(line).stdio(number, given));
        assert!(process.wait().unwrap().success());
        let mut text = String::new();
        // Reads to the end, which comes when the last copy is closed.
        kept.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello\n");
    }
}

fn descriptors_may_swap_numbers<D: Parent>() {
    // For some of these, the requested number is another's number in this process.
    let files: Vec<File> = (0..6).map(|_| File::open("/dev/null").unwrap()).collect();
    let pairs: Vec<_> = (0..6).map(|_| UnixStream::pair().unwrap()).collect();
    let given: Vec<OwnedFd> = pairs.iter().map(|(a, _)| a.as_fd().try_clone_to_owned().unwrap()).collect();
    let expected: Vec<_> = given.iter().map(|fd| format!("socket:[{}]", identity(fd).1)).collect();
    let numbers: Vec<usize> = given.iter().rev().map(|fd| fd.as_raw_fd() as usize).collect();
    let command =
        given.into_iter().zip(&numbers).fold(frozen(), |command, (fd, number)| command.stdio(*number, fd));
    let process = start_frozen::<D>(command);
    let found = descriptors(process.id());
    for (number, expected) in numbers.iter().zip(expected) {
        assert_eq!(found[&(*number as i32)], expected);
    }
    assert_eq!(found.len(), 3 + numbers.len());
    drop(files);
}

fn a_pipe_above_2_is_bidirectional<D: Parent>() {
    let command = Command::shell("read line <&5; echo \"got $line\" >&5; echo second >&8");
    let mut process = start::<D>(command.stdio(5, Stdio::Pipe).stdio(8, Stdio::Pipe));
    let pipes = process.pipes();
    assert_eq!(pipes.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [5, 8]);
    for (_, pipe) in &pipes {
        pipe.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    (&pipes[0].1).write_all(b"a line\n").unwrap();
    let mut text = String::new();
    (&pipes[0].1).read_to_string(&mut text).unwrap();
    (&pipes[1].1).read_to_string(&mut text).unwrap();
    assert_eq!(text, "got a line\nsecond\n");
    assert!(process.wait().unwrap().success());
}

fn an_inherited_descriptor_above_2_is_the_same_file<D: Parent>() {
    let (shared, _other) = UnixStream::pair().unwrap();
    let number = shared.as_raw_fd();
    let process = start_frozen::<D>(frozen().stdio(number as usize, Stdio::Inherit));
    assert_eq!(descriptors(process.id())[&number], format!("socket:[{}]", identity(&shared).1));
}

fn inheriting_a_closed_descriptor_is_an_error<D: Parent>() {
    let refused = D::start(frozen().stdio(900, Stdio::Inherit)).map(drop).unwrap_err();
    assert!(refused.to_string().starts_with("/bin/sh cannot be started: "), "{refused}");
}

fn the_channel_takes_precedence_over_a_stdio_setting_at_its_number<D: Parent>() {
    for number in [1, 5] {
        let line = format!("echo '\"hello\"' >&{number}");
        let mut kid = start_with_channel::<D>(Command::shell(line).stdio(number, Stdio::Null), number);
        assert_eq!(kid.channel.recv().unwrap().unwrap().decode::<&str>().unwrap(), "hello");
        assert!(kid.process().wait().unwrap().success());
    }
}
