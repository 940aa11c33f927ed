//! The `crossfork` command, started where something is not as it should be: a sentence and an exit code.

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

/// Without a channel, and without anything to read.
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

/// A process that does not outlive its test.
struct Ended(Child);

impl Ended {
    fn wait(mut self) -> ExitStatus {
        eventually("it has ended", || self.0.try_wait().unwrap().is_some());
        self.0.wait().unwrap()
    }

    fn code_and_words(mut self) -> (Option<i32>, String) {
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

/// Where nothing can be written: a pipe that nobody reads, and a disk that is full.
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

/// Some of these are numbers of what the runtime opens, a socket pair among it.
#[test]
fn ch_7_a_stale_number_is_told_and_not_listened_to() {
    in_time("ch_7_a_stale_number_is_told_and_not_listened_to", || {
        for number in 3..16 {
            let number = number.to_string();
            for id in [None, Some("1")] {
                let mut command = command(&["worker", "--listen", "127.0.0.1:0"]);
                command.env("NODE_CHANNEL_FD", &number).stderr(Stdio::piped());
                command.envs(id.map(|id| ("NODE_UNIQUE_ID", id)));
                let (code, words) = spawn(&mut command).code_and_words();
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
fn what_cannot_be_written_is_no_reason_to_panic() {
    in_time("what_cannot_be_written_is_no_reason_to_panic", || {
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
fn a_worker_that_cannot_complain_goes_on() {
    in_time("a_worker_that_cannot_complain_goes_on", || {
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

/// From too few for anything to enough.
#[test]
fn too_few_descriptors_are_an_error_and_no_panic() {
    in_time("too_few_descriptors_are_an_error_and_no_panic", || {
        let mut worked = 0;
        for limit in 5..32 {
            let (worker, channel) = worker(&format!("ulimit -n {limit};"), Stdio::piped());
            // It may have ended.
            let _ = (&channel).write_all(b"\"hello\"\n");
            let answered = BufReader::new(&channel).lines().next().is_some_and(|line| line.is_ok());
            drop(channel);
            let (code, words) = worker.code_and_words();
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
            // Its worker is a program that ends at once.
            let line = format!("ulimit -n {limit}; exec \"$@\"");
            shell.args(["-c", &line, "sh", COMMAND, "run", "-i", "1", "/bin/false"]);
            shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            let (code, words) = spawn(&mut shell).code_and_words();
            assert_eq!(code, Some(1), "with {limit}: {words}");
            assert!(!words.contains("panicked"), "with {limit}: {words}");
        }
    });
}

/// A worker that is killed has no time to end what it has started.
#[test]
fn run_kills_a_worker_with_all_that_it_has_started() {
    in_time("run_kills_a_worker_with_all_that_it_has_started", || {
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
        eventually("what the worker has started has ended", || !runs());
    });
}

/// A worker that prints so many lines on its standard output, and then one on standard error.
fn printing(lines: u32) -> Command {
    let line = format!("seq -f 'line %099g' {lines}; echo done >&2; sleep 1000");
    let mut command = command(&["run", "-i", "1", "--kill-timeout", "0.2", "--log", "raw", "/bin/sh"]);
    command.args(["--", "-c", &line]).stderr(Stdio::piped());
    command
}

/// Whoever has the other end of the same pipe may have made it non-blocking: Node does so with its own.
#[test]
fn run_waits_for_room_in_an_output_that_is_non_blocking() {
    in_time("run_waits_for_room_in_an_output_that_is_non_blocking", || {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = printing(9000);
        let mut run = spawn(command.stdout(OwnedFd::from(theirs)));
        drop(command);
        // More than the socket has room for.
        let mut said = BufReader::new(run.0.stderr.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap() == "done"));
        assert_eq!(BufReader::new(ours).lines().take(9000).filter(|line| line.is_ok()).count(), 9000);
        kill(Pid::from_raw(run.0.id() as i32), SIGTERM).unwrap();
        assert_eq!(run.wait().code(), Some(124));
    });
}

#[test]
fn run_tells_on_standard_error_that_standard_output_cannot_be_written() {
    in_time("run_tells_on_standard_error_that_standard_output_cannot_be_written", || {
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
fn run_keeps_both_outputs_of_a_worker_in_order_where_ours_are_one() {
    in_time("run_keeps_both_outputs_of_a_worker_in_order_where_ours_are_one", || {
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
        // And that was their end.
        for line in lines {
            assert!(line.starts_with("[crossfork] "), "{line}");
        }
    });
}

#[test]
fn run_passes_on_lines_of_any_length_as_they_are_up_to_a_limit() {
    in_time("run_passes_on_lines_of_any_length_as_they_are_up_to_a_limit", || {
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
