//! The `crossfork` command under adverse conditions: it reports one line and an exit code.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{SIGTERM, kill};
use nix::unistd::Pid;

#[allow(dead_code)]
#[path = "support/deadline.rs"]
mod deadline;

use deadline::{PATIENCE, eventually, in_time};

const COMMAND: &str = env!("CARGO_BIN_EXE_crossfork");

/// The command without a channel, and with empty standard input.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(COMMAND);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
    for name in crossfork::env::VARIABLES {
        command.env_remove(name);
    }
    command
}

/// A worker with its channel at standard input.
fn worker(before: &str, stderr: impl Into<Stdio>) -> (Ended, UnixStream) {
    let (theirs, ours) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{before} exec \"$@\""), "sh", COMMAND, "worker"]);
    command.env("NODE_CHANNEL_FD", "0").env_remove("NODE_UNIQUE_ID");
    let child = command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(stderr).spawn();
    (Ended(child.unwrap()), ours)
}

/// A process that is killed at the end of its test.
struct Ended(Child);

impl Ended {
    fn wait(mut self) -> ExitStatus {
        eventually("the process exits", || self.0.try_wait().unwrap().is_some());
        self.0.wait().unwrap()
    }

    fn code_and_stderr(mut self) -> (Option<i32>, String) {
        let stderr = self.0.stderr.take().unwrap();
        let words = std::thread::spawn(|| io::read_to_string(stderr).unwrap());
        (self.wait().code(), words.join().unwrap())
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(command: &mut Command) -> Ended {
    Ended(command.spawn().unwrap())
}

/// Descriptors for which every write fails: a pipe without a reader, and a full disk.
fn unwritable() -> [OwnedFd; 2] {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    [writer.into(), File::options().write(true).open("/dev/full").unwrap().into()]
}

fn assert_echoes(channel: &UnixStream) {
    (&mut &*channel).write_all(b"\"hello\"\n").unwrap();
    let mut line = String::new();
    BufReader::new(channel).read_line(&mut line).unwrap();
    assert_eq!(line, "\"hello\"\n");
}

/// The runtime opens descriptors with some of these numbers, among them a socket pair.
#[test]
fn ch_7_a_stale_number_is_reported_and_not_used() {
    in_time("ch_7_a_stale_number_is_reported_and_not_used", || {
        for number in 3..16 {
            let number = number.to_string();
            for id in [None, Some("1")] {
                let mut command = command(&["worker", "--listen", "127.0.0.1:0"]);
                command.env("NODE_CHANNEL_FD", &number).stderr(Stdio::piped());
                command.envs(id.map(|id| ("NODE_UNIQUE_ID", id)));
                let (code, words) = spawn(&mut command).code_and_stderr();
                assert_eq!(code, Some(2), "{words}");
                assert!(
                    words.starts_with(&format!("crossfork worker: NODE_CHANNEL_FD is {number}")),
                    "{words}"
                );
            }
        }
    });
}

#[test]
fn a_failed_write_does_not_cause_a_panic() {
    in_time("a_failed_write_does_not_cause_a_panic", || {
        for args in [
            &["worker"][..],
            &["run", concat!(env!("CARGO_MANIFEST_DIR"), "/test/absent.js")],
            &["--nonsense"],
        ] {
            for stderr in unwritable() {
                assert_eq!(spawn(command(args).stderr(stderr)).wait().code(), Some(2), "{args:?}");
            }
        }
        for stdout in unwritable() {
            assert_ne!(spawn(command(&["--help"]).stdout(stdout)).wait().code(), Some(101));
        }
    });
}

#[test]
fn a_worker_that_cannot_write_to_stderr_continues() {
    in_time("a_worker_that_cannot_write_to_stderr_continues", || {
        for stderr in unwritable() {
            let (worker, channel) = worker("", stderr);
            (&channel).write_all(b"this is no message\n").unwrap();
            (&channel).write_all(b"{\"crossfork\":\"send\",\"type\":\"no.Such\"}\n").unwrap();
            assert_echoes(&channel);
            drop(channel);
            assert_eq!(worker.wait().code(), Some(0));
        }
    });
}

/// Tries all limits from too low for anything to high enough.
#[test]
fn too_few_descriptors_are_an_error_and_no_panic() {
    in_time("too_few_descriptors_are_an_error_and_no_panic", || {
        let mut worked = 0;
        for limit in 5..32 {
            let (worker, channel) = worker(&format!("ulimit -n {limit};"), Stdio::piped());
            // The worker may have exited.
            let _ = (&channel).write_all(b"\"hello\"\n");
            let answered = BufReader::new(&channel).lines().next().is_some_and(|line| line.is_ok());
            drop(channel);
            let (code, words) = worker.code_and_stderr();
            match answered {
                true => assert_eq!(code, Some(0), "with {limit}: {words}"),
                false => assert_eq!(code, Some(1), "with {limit}: {words}"),
            }
            assert!(answered || words.contains("Too many open files"), "with {limit}: {words}");
            worked += i32::from(answered);
        }
        assert!(worked > 10);
    });
}

#[test]
fn run_with_too_few_descriptors_is_an_error_and_no_panic() {
    in_time("run_with_too_few_descriptors_is_an_error_and_no_panic", || {
        for limit in 5..14 {
            let mut shell = Command::new("sh");
            // Its worker is a program that exits at once.
            let line = format!("ulimit -n {limit}; exec \"$@\"");
            shell.args(["-c", &line, "sh", COMMAND, "run", "-i", "1", "/bin/false"]);
            shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            let (code, words) = spawn(&mut shell).code_and_stderr();
            assert_eq!(code, Some(1), "with {limit}: {words}");
            assert!(!words.contains("panicked"), "with {limit}: {words}");
        }
    });
}

/// A worker that is killed cannot end the processes that it has started.
#[test]
fn run_kills_a_worker_with_all_processes_that_it_started() {
    in_time("run_kills_a_worker_with_all_processes_that_it_started", || {
        let line = "trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000";
        let mut command = command(&["run", "-i", "1", "--kill-timeout", "0.2", "--log", "raw", "/bin/sh"]);
        command.args(["--", "-c", line]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut run = spawn(&mut command);
        let mut started = String::new();
        BufReader::new(run.0.stdout.take().unwrap()).read_line(&mut started).unwrap();
        let started: i32 = started.trim().parse().unwrap();
        kill(Pid::from_raw(run.0.id() as i32), SIGTERM).unwrap();
        assert_eq!(run.wait().code(), Some(124));
        let runs = || {
            let stat = std::fs::read_to_string(format!("/proc/{started}/stat")).unwrap_or_default();
            stat.contains("(sleep) ") && !stat.contains("(sleep) Z")
        };
        eventually("the worker's child exits", || !runs());
    });
}

/// A worker that prints this many lines to standard output, and then one line to standard error.
fn printing(lines: u32) -> Command {
    let line = format!("seq -f 'line %099g' {lines}; echo done >&2; sleep 1000");
    let mut command = command(&["run", "-i", "1", "--kill-timeout", "0.2", "--log", "raw", "/bin/sh"]);
    command.args(["--", "-c", &line]).stderr(Stdio::piped());
    command
}

/// Another process that shares the open file may have made it non-blocking, as Node does with its own streams.
#[test]
fn run_waits_for_room_in_an_output_that_is_non_blocking() {
    in_time("run_waits_for_room_in_an_output_that_is_non_blocking", || {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = printing(9000);
        let mut run = spawn(command.stdout(OwnedFd::from(theirs)));
        drop(command);
        // This is more than the socket buffer can hold.
        let mut said = BufReader::new(run.0.stderr.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap() == "done"));
        assert_eq!(BufReader::new(ours).lines().take(9000).filter(|line| line.is_ok()).count(), 9000);
        kill(Pid::from_raw(run.0.id() as i32), SIGTERM).unwrap();
        assert_eq!(run.wait().code(), Some(124));
    });
}

#[test]
fn run_reports_on_stderr_that_stdout_cannot_be_written() {
    in_time("run_reports_on_stderr_that_stdout_cannot_be_written", || {
        let [_, full] = unwritable();
        let mut run = spawn(printing(100).stdout(full));
        let mut said = BufReader::new(run.0.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(said.any(|line| {
            line.starts_with("[crossfork] standard output cannot be written: No space left on device")
        }));
        kill(Pid::from_raw(run.0.id() as i32), SIGTERM).unwrap();
        assert!(said.any(|line| line.ends_with("100 lines could not be written to standard output, and are lost")));
        assert_eq!(run.wait().code(), Some(124));
    });
}

#[test]
fn run_keeps_the_order_of_both_outputs_of_a_worker_if_its_own_are_one_file() {
    in_time("run_keeps_the_order_of_both_outputs_of_a_worker_if_its_own_are_one_file", || {
        let line =
            "i=0; while [ $i -lt 200 ]; do echo out $i; echo error $i >&2; i=$((i + 1)); done; sleep 1000";
        let (reader, writer) = io::pipe().unwrap();
        let mut command = command(&["run", "-q", "-i", "1", "--kill-timeout", "0.2", "/bin/sh"]);
        command.args(["--", "-c", line]).stdout(writer.try_clone().unwrap()).stderr(writer);
        let run = spawn(&mut command);
        drop(command);
        let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
        for i in 0..200 {
            for stream in ["out", "error"] {
                let line = lines.next().unwrap();
                assert!(line.ends_with(&format!("] {stream} {i}")), "{line} in place of {stream} {i}");
            }
        }
        kill(Pid::from_raw(run.0.id() as i32), SIGTERM).unwrap();
        assert_eq!(run.wait().code(), Some(124));
        // The workers print nothing more.
        for line in lines {
            assert!(line.starts_with("[crossfork] "), "{line}");
        }
    });
}

#[test]
fn run_forwards_lines_unchanged_up_to_the_line_limit() {
    in_time("run_forwards_lines_unchanged_up_to_the_line_limit", || {
        let line = "for i in 1 2 3 4 5; do seq -s ' ' 80000; done; sleep 1000";
        for (limit, lines) in [("1048576", 5), ("400000", 10)] {
            let mut command = command(&["run", "-i", "2", "--kill-timeout", "0.2", "--log", "json"]);
            command.args(["--log-line-limit", limit, "/bin/sh", "--", "-c", line]);
            let mut run = spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()));
            let mut texts = std::collections::BTreeMap::<u64, String>::new();
            for line in BufReader::new(run.0.stdout.take().unwrap()).lines().take(lines * 2) {
                let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
                let text = texts.entry(line["pid"].as_u64().unwrap()).or_default();
                text.push_str(line["text"].as_str().unwrap());
                if line["part"].is_null() || line["last"] == true {
                    text.push('\n');
                }
            }
            let whole = (1..=80000).map(|i| i.to_string()).collect::<Vec<_>>().join(" ") + "\n";
            assert_eq!(texts.len(), 2);
            for text in texts.values() {
                assert!(*text == whole.repeat(5), "{} bytes in place of {}", text.len(), whole.len() * 5);
            }
            kill(Pid::from_raw(run.0.id() as i32), SIGTERM).unwrap();
            run.wait();
        }
    });
}

/// As Node does, because each worker needs descriptors.
#[test]
fn run_raises_its_descriptor_limit_to_the_hard_limit() {
    in_time("run_raises_its_descriptor_limit_to_the_hard_limit", || {
        let mut shell = Command::new("sh");
        let line = "ulimit -S -n 100; exec \"$@\"";
        shell.args(["-c", line, "sh", COMMAND, "run", "-i", "1", "--log", "raw", "--kill-timeout", "0.2"]);
        shell.args(["/bin/sh", "--", "-c", "echo up; sleep 1000"]);
        let mut run = spawn(shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()));
        let up = BufReader::new(run.0.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        assert_eq!(up, "up");
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", run.0.id())).unwrap();
        let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let limit: Vec<_> = limit.split_whitespace().collect();
        assert_eq!(limit[0], limit[1]);
        kill(Pid::from_raw(run.0.id() as i32), SIGTERM).unwrap();
        assert_eq!(run.wait().code(), Some(124));
    });
}

/// A worker that reads its channel notices it, but one in an endless loop does not.
#[cfg(target_os = "linux")]
#[test]
fn when_run_is_killed_a_worker_that_does_not_notice_it_is_killed_too() {
    in_time("when_run_is_killed_a_worker_that_does_not_notice_it_is_killed_too", || {
        let mut command = command(&["run", "-i", "1", "--log", "raw", "/bin/sh"]);
        command.args(["--", "-c", "trap '' TERM HUP; echo $$; while :; do sleep 1; done"]);
        let mut run = spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut worker = String::new();
        BufReader::new(run.0.stdout.take().unwrap()).read_line(&mut worker).unwrap();
        let worker: i32 = worker.trim().parse().unwrap();
        run.0.kill().unwrap();
        run.wait();
        let runs = || {
            let stat = std::fs::read_to_string(format!("/proc/{worker}/stat")).unwrap_or_default();
            stat.contains("(sh) ") && !stat.contains("(sh) Z")
        };
        eventually("the worker exits", || !runs());
    });
}
