//! Programs that run to their end: Node's `exec` and `execFile`.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::time::{Duration, Instant};

use crossfork::process::Command;
use crossfork::{ExecError, Signal, Stdio};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::look::is_gone;
use crate::support::deadline::{PATIENCE, eventually, in_time};
use crate::support::for_both_drivers;
use crate::support::parents::Parent;

for_both_drivers!(in_time:
    a_program_is_run_and_its_output_returned,
    a_shell_runs_a_line,
    standard_input_is_empty,
    a_stream_setting_is_respected,
    an_exit_code_is_an_error_that_contains_the_output,
    an_error_message_stays_short_after_much_output,
    a_signal_from_another_process_is_an_error,
    a_timeout_kills_the_process_and_keeps_its_output,
    a_timeout_kills_with_the_chosen_signal,
    a_program_that_ignores_sigterm_is_killed_by_sigkill,
    a_timeout_ends_a_program_that_closed_its_streams,
    a_timeout_that_does_not_expire_changes_nothing,
    a_grandchild_that_holds_the_pipes_does_not_delay_a_timeout,
    a_grandchild_that_holds_the_pipes_of_an_exited_program_does_not_delay_a_timeout,
    output_over_the_limit_kills_the_program_and_keeps_the_limit,
    output_over_the_limit_ends_a_program_that_ignores_the_signal_and_keeps_writing,
    a_timeout_ends_a_program_that_ignores_the_signal_and_keeps_writing,
    pipes_that_the_caller_cannot_use_are_closed,
    the_output_limit_applies_to_each_stream,
    output_of_exactly_the_limit_is_allowed,
    the_default_output_limit_is_nodes,
    ten_megabytes_within_the_limit_arrive_completely,
    both_streams_are_read_concurrently,
    ended_programs_leave_no_zombies,
);

/// Never reached.
const LONG: &str = "exec sleep 1000";
/// Long enough for a shell to start and write a word, on most machines.
const SHORT: Duration = Duration::from_millis(1500);

fn assert_is(output: &Output, stdout: &str, stderr: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout);
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr);
}

fn timed_out<D: Parent>(command: Command<D::Mark>) -> Output {
    let start = Instant::now();
    let error = D::output(command).unwrap_err();
    assert!(start.elapsed() < PATIENCE, "it took {:?}", start.elapsed());
    assert_eq!(error.code(), "ETIMEDOUT");
    match error {
        ExecError::TimedOut(output) => output,
        other => panic!("{other:?}"),
    }
}

/// Runs a shell into a timeout, after it has reached the expected state. A busy machine gets more time.
fn timed_out_when<D: Parent>(is_there: fn(&Output) -> bool, line: &str, signal: Signal) -> Output {
    let mut time = SHORT;
    loop {
        let output = timed_out::<D>(Command::shell(line).timeout(time).kill_signal(signal));
        time *= 3;
        if is_there(&output) || time > PATIENCE {
            return output;
        }
    }
}

fn has_written(output: &Output) -> bool {
    !output.stdout.is_empty()
}

fn over<D: Parent>(command: Command<D::Mark>) -> (&'static str, usize, Output) {
    let error = D::output(command).unwrap_err();
    assert_eq!(error.code(), "ERR_CHILD_PROCESS_STDIO_MAXBUFFER");
    match error {
        ExecError::MaxBuffer { stream, limit, output } => (stream, limit, output),
        other => panic!("{other:?}"),
    }
}

fn a_program_is_run_and_its_output_returned<D: Parent>() {
    // No shell sees this.
    let output = D::output(Command::new("printf").args(["%s", "$HOME; echo"])).unwrap();
    assert_is(&output, "$HOME; echo", "");
    assert!(output.status.success());
}

fn a_shell_runs_a_line<D: Parent>() {
    let output = D::output(Command::shell("echo out | tr o u; echo err >&2")).unwrap();
    assert_is(&output, "uut\n", "err\n");
}

fn standard_input_is_empty<D: Parent>() {
    assert_is(&D::output(Command::shell("cat; echo end")).unwrap(), "end\n", "");
}

fn a_stream_setting_is_respected<D: Parent>() {
    let (reader, writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut &writer, b"from a pipe").unwrap();
    drop(writer);
    let command = Command::shell("cat; echo unseen >&2").stdio(0, reader);
    assert_is(&D::output(command.stdio(2, Stdio::Null)).unwrap(), "from a pipe", "");
    assert_is(&D::output(Command::shell("echo unseen").stdio(1, Stdio::Null)).unwrap(), "", "");
}

fn an_exit_code_is_an_error_that_contains_the_output<D: Parent>() {
    let error = D::output(Command::shell("echo some; echo first >&2; echo why >&2; exit 7")).unwrap_err();
    assert_is(error.output().unwrap(), "some\n", "first\nwhy\n");
    assert_eq!(error.output().unwrap().status.code(), Some(7));
    assert!(matches!(error, ExecError::Failed(_)));
    assert_eq!(error.code(), "ERR_CHILD_PROCESS_FAILED");
    assert!(error.to_string().contains("7") && error.to_string().ends_with(": why"), "{error}");
}

fn an_error_message_stays_short_after_much_output<D: Parent>() {
    let much = Command::shell("head -c 100000 /dev/zero | tr '\\0' x; printf 'a\\033[31mb' >&2; exit 1");
    let error = D::output(much).unwrap_err();
    assert_eq!(error.output().unwrap().stdout.len(), 100_000);
    for shown in [format!("{error}"), format!("{error:?}"), format!("{error:#?}")] {
        assert!(shown.len() < 1000 && !shown.contains('\x1b'), "{} bytes: {}", shown.len(), &shown[..200]);
    }
}

fn a_signal_from_another_process_is_an_error<D: Parent>() {
    match D::output(Command::shell("echo some; kill -USR1 $$").timeout(PATIENCE)) {
        Err(ExecError::Failed(output)) => {
            assert_is(&output, "some\n", "");
            assert_eq!(output.status.signal(), Some(libc::SIGUSR1));
            assert_eq!(output.status.code(), None);
        }
        other => panic!("{other:?}"),
    }
}

fn a_timeout_kills_the_process_and_keeps_its_output<D: Parent>() {
    let line = format!("echo err >&2; echo some; {LONG}");
    let output = timed_out_when::<D>(has_written, &line, Signal::TERM);
    assert_is(&output, "some\n", "err\n");
    assert_eq!(output.status.signal(), Some(libc::SIGTERM));
}

fn a_timeout_kills_with_the_chosen_signal<D: Parent>() {
    let command = Command::shell(LONG).timeout(SHORT).kill_signal(Signal::INT);
    assert_eq!(timed_out::<D>(command).status.signal(), Some(libc::SIGINT));
}

fn a_program_that_ignores_sigterm_is_killed_by_sigkill<D: Parent>() {
    let line = format!("trap '' TERM; echo deaf; {LONG}");
    let output = timed_out_when::<D>(has_written, &line, Signal::KILL);
    assert_is(&output, "deaf\n", "");
    assert_eq!(output.status.signal(), Some(libc::SIGKILL));
}

fn a_timeout_ends_a_program_that_closed_its_streams<D: Parent>() {
    let line = format!("echo some; {LONG} >&- 2>&-");
    let output = timed_out_when::<D>(has_written, &line, Signal::TERM);
    assert_is(&output, "some\n", "");
    assert_eq!(output.status.signal(), Some(libc::SIGTERM));
}

fn a_timeout_that_does_not_expire_changes_nothing<D: Parent>() {
    for timeout in [PATIENCE, Duration::MAX] {
        assert_is(&D::output(Command::shell("echo some").timeout(timeout)).unwrap(), "some\n", "");
        let failed = D::output(Command::shell("exit 3").timeout(timeout));
        assert!(matches!(&failed, Err(ExecError::Failed(o)) if o.status.code() == Some(3)), "{failed:?}");
    }
}

fn a_grandchild_that_holds_the_pipes_does_not_delay_a_timeout<D: Parent>() {
    let output = timed_out_when::<D>(has_written, "sleep 1000 & echo $!; wait", Signal::TERM);
    assert_eq!(output.status.signal(), Some(libc::SIGTERM));
    end_grandchild(&output);
}

fn a_grandchild_that_holds_the_pipes_of_an_exited_program_does_not_delay_a_timeout<D: Parent>() {
    let output = timed_out_when::<D>(|output| output.status.success(), "sleep 1000 & echo $!", Signal::TERM);
    assert!(output.status.success(), "it ended by itself: {}", output.status);
    end_grandchild(&output);
}

/// We cannot wait for it, but we must end it.
fn end_grandchild(output: &Output) {
    let pid = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    kill(Pid::from_raw(pid), nix::sys::signal::SIGKILL).unwrap();
}

fn output_over_the_limit_kills_the_program_and_keeps_the_limit<D: Parent>() {
    for limit in [6, 1000, 100_000] {
        for (number, name) in [(1, "stdout"), (2, "stderr")] {
            // It would run forever.
            let line = format!("echo other >&{}; exec cat /dev/zero >&{number}", 3 - number);
            let shell = Command::shell(line).max_buffer(limit);
            let (stream, told, output) = over::<D>(shell);
            assert_eq!((stream, told), (name, limit));
            let (kept, other) = match number {
                1 => (output.stdout, output.stderr),
                _ => (output.stderr, output.stdout),
            };
            assert!(kept == vec![0; limit], "{} bytes were kept", kept.len());
            assert!(other == b"other\n" || other.is_empty(), "{other:?}");
            let signal = output.status.signal();
            // Either may happen first.
            assert!(signal == Some(libc::SIGTERM) || signal == Some(libc::SIGPIPE), "{}", output.status);
        }
    }
}

fn output_over_the_limit_ends_a_program_that_ignores_the_signal_and_keeps_writing<D: Parent>() {
    // It would block forever on the full pipe.
    for number in [1, 2] {
        let line = format!("trap '' TERM; head -c 1000000 /dev/zero >&{number}; echo end >&{number}");
        let (_, _, output) = over::<D>(Command::shell(line).max_buffer(1000));
        let kept = if number == 1 { output.stdout } else { output.stderr };
        assert_eq!(kept.len(), 1000);
    }
}

fn a_timeout_ends_a_program_that_ignores_the_signal_and_keeps_writing<D: Parent>() {
    let line = "trap '' TERM; echo some; exec 2>/dev/null; sleep 3; while echo more; do sleep 0.1; done";
    let output = timed_out_when::<D>(has_written, line, Signal::TERM);
    assert_is(&output, "some\n", "");
}

fn pipes_that_the_caller_cannot_use_are_closed<D: Parent>() {
    let reads = Command::shell("cat; cat <&5; echo end").stdio(0, Stdio::Pipe).stdio(5, Stdio::Pipe);
    assert_is(&D::output(reads).unwrap(), "end\n", "");
    let writes = Command::shell("trap '' PIPE; head -c 1000000 /dev/zero >&5 2>/dev/null; echo end");
    assert_is(&D::output(writes.stdio(5, Stdio::Pipe)).unwrap(), "end\n", "");
}

fn the_output_limit_applies_to_each_stream<D: Parent>() {
    let line = "head -c 1000 /dev/zero; head -c 1000 /dev/zero >&2";
    let output = D::output(Command::shell(line).max_buffer(1000)).unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len()), (1000, 1000));
}

fn output_of_exactly_the_limit_is_allowed<D: Parent>() {
    for limit in [1, 4096, 100_000] {
        let exactly = D::output(Command::shell(format!("head -c {limit} /dev/zero")).max_buffer(limit));
        assert_eq!(exactly.unwrap().stdout.len(), limit);
        let line = format!("head -c {} /dev/zero", limit + 1);
        let (_, _, output) = over::<D>(Command::shell(line).max_buffer(limit));
        assert_eq!(output.stdout.len(), limit);
    }
    assert_is(&D::output(Command::new("true").max_buffer(0)).unwrap(), "", "");
}

fn the_default_output_limit_is_nodes<D: Parent>() {
    const MAX: usize = 1024 * 1024;
    assert_eq!(D::output(Command::shell(format!("head -c {MAX} /dev/zero"))).unwrap().stdout.len(), MAX);
    let (stream, limit, output) = over::<D>(Command::shell(format!("head -c {} /dev/zero", MAX + 1)));
    assert_eq!((stream, limit, output.stdout.len()), ("stdout", MAX, MAX));
}

fn ten_megabytes_within_the_limit_arrive_completely<D: Parent>() {
    const SIZE: usize = 10 << 20;
    let command = Command::shell(format!("yes 0123456 | head -c {SIZE}")).max_buffer(SIZE);
    let stdout = D::output(command).unwrap().stdout;
    assert_eq!(stdout.len(), SIZE);
    assert!(stdout.chunks_exact(8).all(|line| line == b"0123456\n"));
}

fn both_streams_are_read_concurrently<D: Parent>() {
    // Reading one stream after the other would deadlock here.
    let line = "for i in 1 2 3 4; do head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; done";
    let output = D::output(Command::shell(line).max_buffer(2 << 20)).unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len()), (1_200_000, 1_200_000));
}

fn ended_programs_leave_no_zombies<D: Parent>() {
    let pid = |output: &Output| String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    let fine = pid(&D::output(Command::shell("echo $$")).unwrap());
    let failed = pid(D::output(Command::shell("echo $$; exit 1")).unwrap_err().output().unwrap());
    let late = pid(&timed_out_when::<D>(has_written, &format!("echo $$; {LONG}"), Signal::TERM));
    let line = "echo $$; exec cat /dev/zero >&2";
    let talkative = pid(&over::<D>(Command::shell(line)).2);
    eventually("no zombie is left", || [fine, failed, late, talkative].into_iter().all(is_gone));
}
