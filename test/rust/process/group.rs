//! A process that leads a group: it can be killed with all processes that it has started.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crossfork::process::Command;
use crossfork::{Error, Escalation, ExecError, Signal, Stdio};
use nix::sys::signal::{SIGCHLD, SIGKILL, SigHandler, signal};

use crate::look::{runs, state};
use crate::support::deadline::{PATIENCE, eventually, in_time};
use crate::support::for_both_drivers;
use crate::support::parents::{Parent, Started, start, start_with_channel};

for_both_drivers!(in_time:
    a_timeout_ends_the_whole_group,
    too_much_output_ends_the_whole_group,
    a_timeout_ends_the_group_of_an_exited_program,
    stop_signals_the_whole_group,
    stop_kills_the_whole_group,
    kill_on_drop_signals_the_whole_group,
    kill_signals_only_the_process_and_kill_group_the_whole_group,
    kill_group_sends_nothing_once_the_process_was_waited_for,
    kill_group_of_a_process_that_does_not_lead_a_group_is_an_error,
);

/// Ignores a signal.
mod alone {
    use super::kill_group_sends_nothing_after_the_kernel_has_reaped_the_process;
    use crate::support::{for_both_drivers, process::alone};
    for_both_drivers!(alone: kill_group_sends_nothing_after_the_kernel_has_reaped_the_process);
}

/// Both ways to lead a group.
fn both<D: Parent>(test: impl Fn(fn(Command<D::Mark>) -> Command<D::Mark>)) {
    test(Command::own_process_group);
    test(Command::detached);
}

/// Starts another process, prints its id, and waits.
const LINE: &str = "sleep 1000 & echo $!; wait";

fn number(text: &[u8]) -> u32 {
    std::str::from_utf8(text).unwrap().trim().parse().unwrap()
}

/// The other process, from the shell's standard output.
fn other(process: &mut impl Started) -> u32 {
    let mut line = String::new();
    BufReader::new(process.standard(1).unwrap()).read_line(&mut line).unwrap();
    number(line.as_bytes())
}

fn assert_ends(pid: u32) {
    // Its new parent may or may not reap it.
    eventually("the other process has ended", || !runs(pid));
}

/// Runs into a timeout after it has written something. A busy machine gets more time.
fn timed_out<D: Parent>(command: impl Fn() -> Command<D::Mark>) -> u32 {
    let mut time = Duration::from_millis(500);
    loop {
        match D::output(command().timeout(time)) {
            Err(ExecError::TimedOut(output)) if !output.stdout.is_empty() => return number(&output.stdout),
            Err(ExecError::TimedOut(_)) if time < PATIENCE => time *= 3,
            other => panic!("{other:?}"),
        }
    }
}

fn a_timeout_ends_the_whole_group<D: Parent>() {
    both::<D>(|leading| assert_ends(timed_out::<D>(|| leading(Command::shell(LINE)))));
}

fn too_much_output_ends_the_whole_group<D: Parent>() {
    both::<D>(|leading| {
        let line = "sleep 1000 & echo $!; head -c 1000000 /dev/zero; wait";
        match D::output(leading(Command::shell(line)).max_buffer(1000)) {
            Err(ExecError::MaxBuffer { output, .. }) => {
                assert_ends(number(output.stdout.split(|byte| *byte == b'\n').next().unwrap()));
            }
            other => panic!("{other:?}"),
        }
    });
}

fn a_timeout_ends_the_group_of_an_exited_program<D: Parent>() {
    both::<D>(|leading| assert_ends(timed_out::<D>(|| leading(Command::shell("sleep 1000 & echo $!")))));
}

fn stop_signals_the_whole_group<D: Parent>() {
    both::<D>(|leading| {
        let mut kid = start_with_channel::<D>(leading(Command::shell(LINE)).stdio(1, Stdio::Pipe), 3);
        let other = other(kid.process());
        let haste = Escalation::new().disconnect(Duration::ZERO);
        assert_eq!(kid.stop(haste).unwrap().signal(), Some(libc::SIGTERM));
        assert_ends(other);
    });
}

fn stop_kills_the_whole_group<D: Parent>() {
    let line = format!("trap '' TERM; {LINE}");
    both::<D>(|leading| {
        let mut kid = start_with_channel::<D>(leading(Command::shell(&line)).stdio(1, Stdio::Pipe), 3);
        let other = other(kid.process());
        let zero = Duration::ZERO;
        let haste = Escalation::new().disconnect(zero).signal(Signal::TERM).after_signal(zero);
        assert_eq!(kid.stop(haste).unwrap().signal(), Some(libc::SIGKILL));
        assert_ends(other);
    });
}

fn kill_on_drop_signals_the_whole_group<D: Parent>() {
    both::<D>(|leading| {
        let command = leading(Command::shell(LINE)).stdio(1, Stdio::Pipe).kill_on_drop();
        let mut process = start::<D>(command);
        let other = other(&mut *process);
        drop(process.unguarded());
        assert_ends(other);
    });
}

fn kill_signals_only_the_process_and_kill_group_the_whole_group<D: Parent>() {
    both::<D>(|leading| {
        let mut process = start::<D>(leading(Command::shell(LINE)).stdio(1, Stdio::Pipe));
        let (shell, other) = (process.id(), other(&mut *process));
        assert!(process.kill(Signal::KILL).unwrap());
        eventually("the shell has ended", || !runs(shell));
        assert!(runs(other));
        // The shell is not reaped, so the group is still known by its number.
        assert_eq!(state(shell).unwrap().0, 'Z');
        assert!(process.kill_group(Signal::TERM).unwrap());
        assert_ends(other);
        assert_eq!(process.wait().unwrap().signal(), Some(libc::SIGKILL));
    });
}

fn kill_group_sends_nothing_once_the_process_was_waited_for<D: Parent>() {
    both::<D>(|leading| {
        let line = "sleep 1000 & echo $!";
        let mut process = start::<D>(leading(Command::shell(line)).stdio(1, Stdio::Pipe));
        let other = other(&mut *process);
        assert!(process.wait().unwrap().success());
        // By now the number may belong to another group.
        assert!(!process.kill_group(Signal::KILL).unwrap());
        assert!(runs(other));
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(other as i32), SIGKILL).unwrap();
    });
}

fn kill_group_of_a_process_that_does_not_lead_a_group_is_an_error<D: Parent>() {
    let process = start::<D>(Command::new("sleep").arg("1000"));
    let refused: Error = process.kill_group(Signal::KILL).unwrap_err().into();
    assert!(refused.to_string().contains("own_process_group"), "{refused}");
    assert!(runs(process.id()));
}

#[allow(unsafe_code)]
fn kill_group_sends_nothing_after_the_kernel_has_reaped_the_process<D: Parent>() {
    both::<D>(|leading| {
        let line = "sleep 1000 & echo $!; read -r line";
        let command = leading(Command::shell(line)).stdio(0, Stdio::Pipe).stdio(1, Stdio::Pipe);
        let mut process = start::<D>(command).unguarded();
        let (shell, other) = (process.id(), other(&mut process));
        // Many daemons do this.
        // SAFETY: no handler is run.
        let before = unsafe { signal(SIGCHLD, SigHandler::SigIgn) }.unwrap();
        drop(process.standard(0));
        eventually("the kernel has reaped the shell", || state(shell).is_none());
        // The number could belong to another group by now.
        assert!(!process.kill_group(Signal::KILL).unwrap());
        assert!(runs(other));
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(other as i32), SIGKILL).unwrap();
        // SAFETY: what was there before.
        unsafe { signal(SIGCHLD, before) }.unwrap();
    });
}
