//! Settings: made by functions, so that they can grow, and used more than once.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use crossfork::cluster::{BindOptions, ListenOptions};
use crossfork::{Escalation, Limits, Signal, Stdio, blocking, tokio as tasks, v8};

#[test]
fn what_is_not_set_is_as_by_default() {
    const LIMITS: Limits = Limits::new().max_message(1);
    assert_eq!((LIMITS.max_message, LIMITS.max_waiting_bytes), (1, Limits::default().max_waiting_bytes));
    const HASTE: Escalation = Escalation::new().disconnect(Duration::ZERO);
    assert_eq!((HASTE.disconnect, HASTE.signal), (Duration::ZERO, Signal::TERM));
    let options = ListenOptions::new().backlog(7).data("shared");
    assert_eq!((options.backlog, options.data), (Some(7), Some(v8::Value::from("shared"))));
    assert!(!options.exclusive && BindOptions::new().reuse_addr(true).reuse_addr);
}

#[test]
fn a_command_can_be_cloned_and_each_process_gets_its_descriptors() {
    let (mut reader, writer) = io::pipe().unwrap();
    let command = blocking::Command::shell("echo $WORD").env("WORD", "twice").stdio(1, writer);
    for process in [command.clone().spawn().unwrap(), command.spawn().unwrap()] {
        assert!(process.wait().unwrap().success());
    }
    // With the last clone our copy is closed, or this would never end.
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "twice\ntwice\n");
}

#[test]
fn a_descriptor_above_2_can_be_given_to_several_processes() {
    let (mut reader, writer) = io::pipe().unwrap();
    let command = blocking::Command::shell("echo twice >&5").stdio(5, writer);
    for process in [command.clone().spawn().unwrap(), command.spawn().unwrap()] {
        assert!(process.wait().unwrap().success());
    }
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "twice\ntwice\n");
}

#[test]
fn what_one_process_writes_another_reads() {
    let mut first = blocking::Command::shell("echo through").stdio(1, Stdio::Pipe).spawn().unwrap();
    let output = first.stdout.take().unwrap();
    let second = blocking::Command::new("cat").stdio(0, output).output().unwrap();
    assert_eq!(second.stdout, b"through\n");
    first.wait().unwrap();
}

#[tokio::test]
async fn what_one_process_of_tokio_writes_another_reads() {
    let mut first = tasks::Command::shell("echo through").stdio(1, Stdio::Pipe).spawn().unwrap();
    let output = Stdio::try_from(first.stdout.take().unwrap()).unwrap();
    let second = tasks::Command::new("cat").stdio(0, output).output().await.unwrap();
    assert_eq!(second.stdout, b"through\n");
    first.wait().await.unwrap();
}

#[test]
fn files_pipes_and_sockets_are_stdio() {
    let (reader, writer) = io::pipe().unwrap();
    let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
    let all: [Stdio; 4] =
        [File::open("/dev/null").unwrap().into(), reader.into(), writer.into(), socket.into()];
    assert!(all.iter().all(|stdio| matches!(stdio, Stdio::Fd(_))));
}

#[test]
fn what_is_shared_by_threads_can_be_sent_to_them() {
    fn check<T: Send + Sync + Clone>() {}
    check::<Stdio>();
    check::<blocking::Fork>();
    check::<blocking::Command>();
    check::<tasks::Fork>();
    check::<tasks::Command>();
    check::<tasks::cluster::Settings>();
}
