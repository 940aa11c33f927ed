//! What a program is started with: arguments, directory, environment, user, session.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use crossfork::process::Command;
use crossfork::v8::Value;
use crossfork::{Error, Serialization, Stdio};
use nix::unistd::{Pid, getpgid, getsid};

use crate::look::{frozen, start_frozen, start_frozen_with_channel, state, status_line, variable};
use crate::support::deadline::{PATIENCE, in_time};
use crate::support::for_both_drivers;
use crate::support::parents::{Parent, Started, start_with_channel};

for_both_drivers!(in_time:
    arguments_arrive_unchanged,
    a_program_is_looked_up_in_its_own_path_variable,
    the_working_directory_can_be_set,
    a_relative_program_is_resolved_in_its_working_directory,
    variables_are_set_and_removed_in_the_order_of_the_calls,
    the_environment_is_inherited_by_default,
    a_program_can_run_as_another_user_and_group,
    a_detached_process_has_its_own_session,
    a_process_can_have_its_own_group_in_our_session,
    signal_dispositions_are_reset_to_their_defaults,
    ch_2_each_variable_is_set_exactly_once_even_if_the_caller_sets_it,
    ch_2_without_a_channel_no_variable_is_set,
    ch_2_messages_use_the_requested_and_announced_serialization,
);

fn stdout<D: Parent>(command: Command<D::Mark>) -> String {
    String::from_utf8(D::output(command).unwrap().stdout).unwrap()
}

fn arguments_arrive_unchanged<D: Parent>() {
    let odd = OsStr::from_bytes(b"not \xff UTF-8");
    let command = Command::new("printf").arg("%s|").args(["", "a b", "$HOME", "\"'\n"]).arg(odd);
    assert_eq!(D::output(command).unwrap().stdout, b"|a b|$HOME|\"'\n|not \xff UTF-8|");
}

fn a_program_is_looked_up_in_its_own_path_variable<D: Parent>() {
    let directory = scratch(D::NAME, "path");
    script(&directory.join("crossfork-greeter"), "echo found");
    let command =
        Command::new("crossfork-greeter").env("PATH", format!("{}:/usr/bin:/bin", directory.display()));
    assert_eq!(stdout::<D>(command), "found\n");
    fs::remove_dir_all(directory).unwrap();
}

fn the_working_directory_can_be_set<D: Parent>() {
    let directory = scratch(D::NAME, "cwd");
    assert_eq!(stdout::<D>(Command::new("pwd").cwd(&directory)), format!("{}\n", directory.display()));
    let ours = std::env::current_dir().unwrap();
    assert_eq!(stdout::<D>(Command::new("pwd")), format!("{}\n", ours.display()));
    fs::remove_dir_all(directory).unwrap();
}

fn a_relative_program_is_resolved_in_its_working_directory<D: Parent>() {
    let directory = scratch(D::NAME, "relative");
    script(&directory.join("greeter"), "echo \"from $PWD\"");
    let said = stdout::<D>(Command::new("./greeter").cwd(&directory));
    assert_eq!(said, format!("from {}\n", directory.display()));
    fs::remove_dir_all(directory).unwrap();
}

fn variables_are_set_and_removed_in_the_order_of_the_calls<D: Parent>() {
    let command =
        || Command::new("env").env("LOST", "1").env_clear().env("A", "1").env("B", "2").env("A", "3");
    let lines = |text: String| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(stdout::<D>(command())), ["A=3", "B=2"]);
    assert_eq!(lines(stdout::<D>(command().env_remove("B"))), ["A=3"]);
    assert_eq!(lines(stdout::<D>(command().env_remove("B").env("B", "again"))), ["A=3", "B=again"]);
}

fn the_environment_is_inherited_by_default<D: Parent>() {
    let path = std::env::var("PATH").unwrap();
    assert_eq!(stdout::<D>(Command::shell("echo \"$PATH\"")), format!("{path}\n"));
    let home = Command::shell("echo \"${HOME-none}\"");
    assert_eq!(stdout::<D>(home.env_remove("HOME")), "none\n");
}

fn a_program_can_run_as_another_user_and_group<D: Parent>() {
    const NOBODY: u32 = 65534;
    let as_nobody = || Command::shell("echo $(id -u) $(id -g) $(id -G)").uid(NOBODY).gid(NOBODY);
    match D::output(as_nobody()) {
        // It has none of our supplementary groups either.
        Ok(output) => assert_eq!(String::from_utf8(output.stdout).unwrap(), "65534 65534 65534\n"),
        // Without root, this is an error that says so.
        Err(error) => {
            assert!(!is_root(), "{error}");
            assert!(error.to_string().contains("/bin/sh"), "{error}");
        }
    }
    let mut kid = match D::start_with_channel(frozen().uid(NOBODY), 3) {
        Ok(child) => child,
        Err(error) => return assert!(!is_root() && matches!(error, Error::Spawn { .. }), "{error}"),
    };
    let process = D::process(&mut kid);
    assert_eq!(status_line(process.id(), "Uid"), "65534\t65534\t65534\t65534");
    assert!(process.kill(crossfork::Signal::KILL).unwrap());
    process.wait().unwrap();
}

fn is_root() -> bool {
    status_line(std::process::id(), "Uid").starts_with("0\t")
}

fn a_detached_process_has_its_own_session<D: Parent>() {
    let session = |pid: u32| getsid(Some(Pid::from_raw(pid as i32))).unwrap();
    let mut detached = start_frozen_with_channel::<D>(frozen().detached(), 3);
    let attached = start_frozen::<D>(frozen());
    assert_eq!(session(detached.id()), Pid::from_raw(detached.id() as i32));
    assert_eq!(session(attached.id()), getsid(None).unwrap());
    // It is still our child.
    assert_eq!(state(detached.id()).unwrap().1, std::process::id());
}

fn a_process_can_have_its_own_group_in_our_session<D: Parent>() {
    let process = start_frozen::<D>(frozen().own_process_group());
    let pid = Pid::from_raw(process.id() as i32);
    assert_eq!(getpgid(Some(pid)), Ok(pid));
    assert_eq!(getsid(Some(pid)), getsid(None));
    // A process with its own session has its own group anyway.
    let detached = start_frozen::<D>(frozen().own_process_group().detached());
    let pid = Pid::from_raw(detached.id() as i32);
    assert_eq!((getpgid(Some(pid)), getsid(Some(pid))), (Ok(pid), Ok(pid)));
}

fn signal_dispositions_are_reset_to_their_defaults<D: Parent>() {
    let signals = |pid, which| u64::from_str_radix(&status_line(pid, which), 16).unwrap();
    let ignores_sigpipe = |pid| signals(pid, "SigIgn") & (1 << (libc::SIGPIPE - 1)) != 0;
    assert!(ignores_sigpipe(std::process::id()), "as Rust programs do");
    let process = start_frozen::<D>(frozen());
    assert!(!ignores_sigpipe(process.id()));
    assert_eq!(signals(process.id(), "SigBlk"), 0);
}

fn ch_2_each_variable_is_set_exactly_once_even_if_the_caller_sets_it<D: Parent>() {
    let stale = frozen().env("NODE_CHANNEL_FD", "9").env("NODE_CHANNEL_SERIALIZATION_MODE", "advanced");
    let mut kid = start_frozen_with_channel::<D>(stale, 5);
    let pid = kid.id();
    assert_eq!(variable(pid, "NODE_CHANNEL_FD"), ["5"]);
    assert_eq!(variable(pid, "NODE_CHANNEL_SERIALIZATION_MODE"), ["json"]);
    let mut kid = start_frozen_with_channel::<D>(frozen().env_clear(), 4);
    assert_eq!(variable(kid.id(), "NODE_CHANNEL_FD"), ["4"]);
}

fn ch_2_without_a_channel_no_variable_is_set<D: Parent>() {
    let stale = frozen().env("NODE_CHANNEL_FD", "9").env("NODE_CHANNEL_SERIALIZATION_MODE", "json");
    let process = start_frozen::<D>(stale);
    let pid = process.id();
    assert_eq!(variable(pid, "NODE_CHANNEL_FD"), [""; 0]);
    assert_eq!(variable(pid, "NODE_CHANNEL_SERIALIZATION_MODE"), [""; 0]);
}

/// An empty directory.
pub fn scratch(driver: &str, name: &str) -> std::path::PathBuf {
    let name = format!("crossfork-{}-{driver}-{name}", std::process::id());
    let directory = std::env::temp_dir().canonicalize().unwrap().join(name);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// An executable that runs the line.
///
/// A short-lived process writes it. If we wrote it, a child of another thread could still hold it open
/// for writing at the exec, which would then fail.
pub fn script(path: &std::path::Path, line: &str) {
    let write = "printf '#!/bin/sh\\n%s\\n' \"$2\" > \"$1\" && chmod 755 \"$1\"";
    let status = std::process::Command::new("sh").args(["-c", write, "sh"]).arg(path).arg(line).status();
    assert!(status.unwrap().success());
}

fn ch_2_messages_use_the_requested_and_announced_serialization<D: Parent>() {
    for serialization in [Serialization::Json, Serialization::Advanced] {
        let echo = "printf %s \"$NODE_CHANNEL_SERIALIZATION_MODE\" >&2; exec cat <&3 >&3";
        let command = Command::shell(echo).serialization(serialization).stdio(2, Stdio::Pipe);
        let mut kid = start_with_channel::<D>(command, 3);
        assert_eq!(kid.channel.serialization(), serialization);
        let value = Value::object([("a", Value::from(["é", "\u{1F600}"]))]);
        kid.channel.send(&value).unwrap();
        let message = kid.channel.recv_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!(message.payload().serialization(), serialization);
        assert_eq!(message.value().unwrap(), value);
        let mut announced = vec![0; serialization.as_str().len()];
        kid.process().standard(2).unwrap().read_exact(&mut announced).unwrap();
        assert_eq!(announced, serialization.as_str().as_bytes());
    }
}
