//! Programs that cannot be started: the error names the cause, and nothing is left behind.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

use crossfork::Error;
use crossfork::process::Command;
use nix::sys::resource::{Resource, setrlimit};

use crate::command::scratch;
use crate::support::deadline::in_time;
use crate::support::descriptors::watched;
use crate::support::for_both_drivers;
use crate::support::names::ABSENT;
use crate::support::parents::{Parent, Started};

for_both_drivers!(in_time:
    the_error_names_a_missing_program,
    the_error_names_a_program_that_is_not_executable,
    the_error_names_a_program_that_is_a_directory,
    the_error_names_a_program_that_is_not_on_the_path,
    the_error_names_a_missing_working_directory,
    the_error_names_a_working_directory_that_is_a_file,
    the_error_names_a_string_with_a_zero_byte,
    a_failed_start_has_nodes_error_code,
    ch_3_a_channel_above_the_descriptor_limit_is_an_error,
    ch_3_a_failed_start_is_reported_wherever_the_channel_is,
    descriptors_for_a_failed_start_are_closed,
    output_reports_why_the_program_could_not_start,
);

mod alone {
    use super::a_permission_error_has_nodes_error_code;
    use crate::support::{for_both_drivers, process::alone};
    for_both_drivers!(alone: a_permission_error_has_nodes_error_code);
}

/// Fails to start, with and without a channel, in the same way.
fn refused<D: Parent>(command: impl Fn() -> Command<D::Mark>) -> Error {
    let plain = D::start(command()).map(drop).unwrap_err();
    let with_channel = D::start_with_channel(command(), 3).map(drop).unwrap_err();
    assert_eq!(plain.to_string(), with_channel.to_string());
    assert_eq!(plain.code(), with_channel.code());
    plain
}

fn assert_names(error: &Error, what: impl AsRef<Path>, code: &str) {
    let what = what.as_ref().to_str().unwrap();
    assert!(matches!(error, Error::Spawn { .. }), "{error:?}");
    assert!(error.to_string().contains(what), "{error}");
    assert_eq!(error.code(), code, "{error}");
}

fn the_error_names_a_missing_program<D: Parent>() {
    let error = refused::<D>(|| Command::new(ABSENT).arg("a"));
    assert_names(&error, format!("{ABSENT} cannot be started: No such file"), "ENOENT");
}

fn the_error_names_a_program_that_is_not_on_the_path<D: Parent>() {
    let error = refused::<D>(|| Command::new("crossfork-no-such-program"));
    assert_names(&error, "crossfork-no-such-program cannot be started: No such file", "ENOENT");
}

fn the_error_names_a_program_that_is_not_executable<D: Parent>() {
    let directory = scratch(D::NAME, "plain");
    let file = directory.join("plain-file");
    fs::write(&file, "#!/bin/sh\n").unwrap();
    assert_names(&refused::<D>(|| Command::new(&file)), &file, "EACCES");
    fs::remove_dir_all(directory).unwrap();
}

fn the_error_names_a_program_that_is_a_directory<D: Parent>() {
    assert_names(&refused::<D>(|| Command::new("/usr")), "/usr", "EACCES");
}

fn the_error_names_a_missing_working_directory<D: Parent>() {
    let error = refused::<D>(|| Command::new("true").cwd(ABSENT));
    assert_names(&error, ABSENT, "ENOENT");
}

fn the_error_names_a_working_directory_that_is_a_file<D: Parent>() {
    let file = std::env::current_exe().unwrap();
    let error = refused::<D>(|| Command::new("true").cwd(&file));
    assert!(matches!(error, Error::Spawn { .. }), "{error:?}");
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
}

fn the_error_names_a_string_with_a_zero_byte<D: Parent>() {
    let named = |command: fn() -> Command<D::Mark>, name: &str| {
        assert_names(&refused::<D>(command), name, "ERR_INVALID_ARG_VALUE");
    };
    named(|| Command::new("tr\0ue"), "the name of the program");
    named(|| Command::new("true").args(["a", "b\0c"]), "argument 2");
    named(|| Command::new("true").env("PLAIN", "a").env("SPOILT", "b\0c"), "the variable SPOILT");
    named(|| Command::new("true").env("SPO\0ILT", "a"), "the name of the variable \"SPO\\0ILT\"");
    named(|| Command::new("true").cwd("/\0"), "the working directory");
    named(|| Command::new(""), "the name of the program is empty");
}

/// The code that Node reports for the same failure.
fn a_failed_start_has_nodes_error_code<D: Parent>() {
    let directory = scratch(D::NAME, "codes");
    let path = |name: &str| directory.join(name);
    let write = |name: &str, mode: u32, text: &str| {
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path(name)).unwrap();
        std::io::Write::write_all(&mut &file, text.as_bytes()).unwrap();
        file
    };
    drop(write("plain", 0o644, "#!/bin/sh\n"));
    drop(write("lost", 0o755, &format!("#!{ABSENT}\n")));
    let busy = write("busy", 0o755, "#!/bin/sh\n");
    symlink(path("loop"), path("loop")).unwrap();
    let long = "a".repeat(300);
    let program = |name: &str| refused::<D>(|| Command::new(path(name))).code();
    let cwd = |name: &str| refused::<D>(|| Command::new("true").cwd(path(name))).code();
    assert_eq!(program("missing"), "ENOENT");
    assert_eq!(program("lost"), "ENOENT");
    assert_eq!(program("plain"), "EACCES");
    assert_eq!(program("plain/below"), "ENOTDIR");
    assert_eq!(program("loop"), "ELOOP");
    assert_eq!(program(&long), "ENAMETOOLONG");
    assert_eq!(program("busy"), "ETXTBSY");
    assert_eq!(refused::<D>(|| Command::new(&long)).code(), "ENAMETOOLONG");
    assert_eq!(refused::<D>(|| Command::new("true").arg("a".repeat(3 << 20))).code(), "E2BIG");
    assert_eq!(cwd("missing"), "ENOENT");
    assert_eq!(cwd("plain"), "ENOTDIR");
    assert_eq!(cwd("loop"), "ELOOP");
    assert_eq!(cwd(&long), "ENAMETOOLONG");
    drop(busy);
    fs::remove_dir_all(directory).unwrap();
}

#[allow(unsafe_code)]
fn a_permission_error_has_nodes_error_code<D: Parent>() {
    // The descriptors that the driver opens once and keeps are open.
    D::start(Command::new("true")).unwrap().wait().unwrap();
    // SAFETY: takes a number only. It fails if we are no superuser anyway.
    unsafe { libc::setuid(54_321) };
    let error = refused::<D>(|| Command::new("true").uid(0));
    assert_names(&error, "true cannot be started: Operation not permitted", "EPERM");
    setrlimit(Resource::RLIMIT_NPROC, 0, 0).unwrap();
    let error = refused::<D>(|| Command::new("true"));
    assert_names(&error, "true cannot be started: Resource temporarily unavailable", "EAGAIN");
}

fn ch_3_a_channel_above_the_descriptor_limit_is_an_error<D: Parent>() {
    for number in [1 << 30, i32::MAX as usize, 1 << 31, (1 << 32) + 3, usize::MAX] {
        let error = D::start_with_channel(Command::new("true"), number).map(drop).unwrap_err();
        assert!(matches!(error, Error::Spawn { .. }), "{number}: {error:?}");
        assert_eq!(error.code(), "ERR_INVALID_ARG_VALUE");
    }
}

fn ch_3_a_failed_start_is_reported_wherever_the_channel_is<D: Parent>() {
    for number in (0..48).chain([200]) {
        let error = D::start_with_channel(Command::new(ABSENT), number).map(drop).unwrap_err();
        assert_names(&error, ABSENT, "ENOENT");
    }
}

fn descriptors_for_a_failed_start_are_closed<D: Parent>() {
    for number in [0, 5] {
        let (given, witness) = watched();
        let command = Command::new(ABSENT).stdio(number, given);
        D::start_with_channel(command, 3).map(drop).unwrap_err();
        witness.assert_closed();
    }
}

fn output_reports_why_the_program_could_not_start<D: Parent>() {
    let error = D::output(Command::new(ABSENT)).unwrap_err();
    assert_eq!(error.code(), "ENOENT");
    assert!(error.output().is_none());
    assert!(error.to_string().contains(ABSENT), "{error}");
    let shell = D::start(Command::shell(format!("'{ABSENT}' 2>/dev/null"))).unwrap();
    // A shell does start, and reports the failure in its exit code.
    assert_eq!(shell.wait().unwrap().code(), Some(127));
}
