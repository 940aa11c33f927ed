//! Tests that need their own process: the test program starts itself for one test.

use std::env;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::deadline::{WHOLE_TEST, in_so_long, in_time};

/// Names the test that this process was started for.
pub const INSIDE: &str = "CROSSFORK_TEST_INSIDE";

/// More than the deadline inside the process.
const OUTSIDE: Duration = WHOLE_TEST.saturating_add(Duration::from_secs(20));

/// Runs the body in a process in which nothing else runs.
pub fn alone(test: &'static str, body: fn()) {
    if is_inside(test) {
        return in_time(test, body);
    }
    in_so_long(test, OUTSIDE, move || {
        let child = command(test).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        assert_success(child.unwrap());
    });
}

/// Runs a body that starts a process for its other half: see [`is_inside`] and [`as_child`].
pub fn with_name(test: &'static str, body: fn(&'static str)) {
    in_time(test, move || body(test));
}

/// Whether this process was started for this test.
pub fn is_inside(test: &str) -> bool {
    env::var(INSIDE).is_ok_and(|inside| inside == test)
}

/// A command that runs this test alone.
pub fn command(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(arguments(test)).env(INSIDE, test);
    command
}

pub fn arguments(test: &str) -> [&str; 3] {
    let (_program, name) = test.split_once("::").unwrap();
    ["--exact", "--nocapture", name]
}

/// Starts this test once more, with the socket at the given number and `NODE_CHANNEL_*` in its
/// environment, as Node starts a child.
pub fn as_child(test: &str, socket: OwnedFd, number: i32, variables: &[(&str, &str)]) -> Child {
    // A shell puts it there, as a wrapper script might; with a number of one digit.
    let redirect = match number {
        0 => String::new(),
        1 | 2 => format!("{number}>&0 </dev/null"),
        _ => format!("{number}<&0 </dev/null"),
    };
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$@\" {redirect}"), "sh"]);
    command.arg(env::current_exe().unwrap()).args(arguments(test));
    command.env(INSIDE, test).env_remove("NODE_CHANNEL_FD").env_remove("NODE_CHANNEL_SERIALIZATION_MODE");
    command.envs(variables.iter().copied());
    command.stdin(socket).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for the end of a process, which must be a good one.
pub fn assert_success(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    // If the channel was its standard output, we see nothing that it printed.
    let has_run = printed.is_empty() || printed.contains("test result: ok. 1 passed");
    assert!(
        output.status.success() && has_run,
        "the process inside failed, {}:\n{}{}",
        output.status,
        printed,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
