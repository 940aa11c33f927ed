//! Children that misbehave: the parent still works, and nothing that they wrote before is lost.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crossfork::process::Command;
use crossfork::{Error, Limits, ProtocolError, SendError, Signal, Stdio};
use serde_json::{Value, json};

use crate::look::is_gone;
use crate::support::deadline::{PATIENCE, in_time};
use crate::support::descriptors::{tcp_pair, watched};
use crate::support::for_both_drivers;
use crate::support::parents::{Kid, Parent, Started, shell, start_with_channel};

for_both_drivers!(in_time:
    an_echo_comes_back,
    life_11_a_message_sent_before_the_child_reads_is_delivered,
    life_4_messages_written_before_the_end_are_received_first,
    life_2_messages_are_received_from_a_child_that_left_ours_unread,
    life_6_the_exit_may_be_seen_before_the_messages_are_received,
    life_6_the_channel_may_end_while_the_child_keeps_running,
    a_child_that_exits_at_once_gives_an_end_and_a_status,
    life_9_a_child_that_never_reads_blocks_only_the_sender,
    life_9_a_flooding_child_gets_backpressure,
    ser_8_messages_before_a_truncated_one_are_received_from_a_killed_child,
    hnd_8_a_handle_is_closed_if_the_child_is_killed_while_it_is_written,
    hnd_8_a_handle_is_returned_if_the_child_is_killed_before_acknowledging,
    ser_6_each_line_that_a_child_prints_on_the_channel_is_an_error,
);

/// A child that another test is starting has a copy of the socket until its exec.
mod alone {
    use super::life_8_sending_to_an_exited_child_is_an_error;
    use crate::support::{for_both_drivers, process::alone};
    for_both_drivers!(alone: life_8_sending_to_an_exited_child_is_an_error);
}

const SHORT: Duration = Duration::from_millis(300);

pub fn receive<D: Parent>(kid: &Kid<D>) -> Value {
    match kid.channel.recv_timeout(PATIENCE) {
        Ok(message) => message.expect("a message, not the end").decode().unwrap(),
        Err(e) => panic!("{e}"),
    }
}

pub fn assert_end<D: Parent>(kid: &Kid<D>) {
    assert!(kid.channel.recv_timeout(PATIENCE).unwrap().is_none());
    assert!(!kid.channel.is_connected());
}

fn an_echo_comes_back<D: Parent>() {
    let mut kid = shell::<D>("while read -r line <&3; do printf '%s\\n' \"$line\" >&3; done; exit 7");
    for value in [json!("hello"), json!({ "a": [1, null] }), json!(2.5)] {
        kid.channel.send(&value).unwrap();
        assert_eq!(receive(&kid), value);
    }
    kid.channel.disconnect().unwrap();
    assert_eq!(kid.process().wait().unwrap().code(), Some(7));
}

fn life_11_a_message_sent_before_the_child_reads_is_delivered<D: Parent>() {
    let kid = shell::<D>("read -r first <&3; read -r second <&3; echo \"[$first,$second]\" >&3");
    kid.channel.send(&json!(1)).unwrap();
    kid.channel.send(&json!(2)).unwrap();
    assert_eq!(receive(&kid), json!([1, 2]));
    assert_end(&kid);
}

fn life_4_messages_written_before_the_end_are_received_first<D: Parent>() {
    let mut kid = shell::<D>("i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done >&3; kill -9 $$");
    for i in 0..2000 {
        assert_eq!(receive(&kid), json!(i));
    }
    assert_end(&kid);
    assert_eq!(kid.process().wait().unwrap().signal(), Some(libc::SIGKILL));
}

fn life_2_messages_are_received_from_a_child_that_left_ours_unread<D: Parent>() {
    let waits = Command::shell("read go; echo 1 >&3; echo 2 >&3; exit 4").stdio(0, Stdio::Pipe);
    let mut kid = start_with_channel::<D>(waits, 3);
    kid.channel.send(&json!("unread")).unwrap();
    kid.process().standard(0).unwrap().write_all(b"go\n").unwrap();
    assert_eq!(kid.process().wait().unwrap().code(), Some(4));
    assert_eq!(receive(&kid), json!(1));
    assert_eq!(receive(&kid), json!(2));
    // Not an error, although the kernel reports a reset.
    assert_end(&kid);
}

fn life_6_the_exit_may_be_seen_before_the_messages_are_received<D: Parent>() {
    let mut kid = shell::<D>("echo '\"last words\"' >&3; exit 5");
    assert_eq!(kid.process().wait().unwrap().code(), Some(5));
    assert_eq!(receive(&kid), json!("last words"));
    assert_end(&kid);
    assert_eq!(kid.process().try_wait().unwrap().unwrap().code(), Some(5));
}

fn life_6_the_channel_may_end_while_the_child_keeps_running<D: Parent>() {
    let mut kid = shell::<D>("echo '\"bye\"' >&3; exec 3>&-; exec sleep 1000");
    assert_eq!(receive(&kid), json!("bye"));
    assert_end(&kid);
    assert!(kid.process().try_wait().unwrap().is_none());
    assert!(kid.process().kill(Signal::TERM).unwrap());
    assert_eq!(kid.process().wait().unwrap().signal(), Some(libc::SIGTERM));
}

fn a_child_that_exits_at_once_gives_an_end_and_a_status<D: Parent>() {
    let mut kid = start_with_channel::<D>(Command::new("false"), 3);
    assert_end(&kid);
    assert_eq!(kid.process().wait().unwrap().code(), Some(1));
    let pid = kid.id();
    assert!(is_gone(pid));
}

fn life_8_sending_to_an_exited_child_is_an_error<D: Parent>() {
    let mut kid = start_with_channel::<D>(Command::new("true"), 3);
    kid.process().wait().unwrap();
    for _ in 0..3 {
        let sent = kid.channel.send(&json!("anybody?"));
        assert!(matches!(sent, Err(Error::Send(SendError::Closed))), "{sent:?}");
    }
    let unsent = kid.channel.send_handle(&json!("a socket"), tcp_pair().0).unwrap_err();
    assert!(matches!(unsent.error, Error::Send(SendError::Closed)), "{unsent:?}");
    assert!(unsent.handle.is_some());
    assert_end(&kid);
}

fn life_9_a_child_that_never_reads_blocks_only_the_sender<D: Parent>() {
    let mut kid = shell::<D>("exec sleep 1000");
    let large = json!("x".repeat(4 << 20));
    let sent = kid.channel.send_timeout(&large, SHORT);
    assert!(matches!(sent, Err(Error::Send(SendError::TimedOut))), "{sent:?}");
    // The partly written message stays queued, and nothing else.
    let queued = kid.channel.queued_bytes();
    assert!(queued > 0 && queued < large.as_str().unwrap().len() + 16, "{queued}");
    let sent = kid.channel.send_timeout(&json!("behind it"), SHORT);
    assert!(matches!(sent, Err(Error::Send(SendError::TimedOut))), "{sent:?}");
    assert_eq!(kid.channel.queued_bytes(), queued);
    kid.process().kill(Signal::KILL).unwrap();
    let sent = kid.channel.send(&json!("too late"));
    assert!(matches!(sent, Err(Error::Send(SendError::Closed))), "{sent:?}");
    assert_eq!(kid.process().wait().unwrap().signal(), Some(libc::SIGKILL));
}

fn life_9_a_flooding_child_gets_backpressure<D: Parent>() {
    let limits = Limits::new().max_waiting_messages(10);
    let flood = Command::shell("exec yes '\"flood\"' >&3").limits(limits);
    let mut kid = start_with_channel::<D>(flood, 3);
    for _ in 0..10_000 {
        assert_eq!(receive(&kid), json!("flood"));
    }
    // The parent can still do all other calls.
    assert!(kid.process().kill(Signal::KILL).unwrap());
    kid.process().wait().unwrap();
    // The kernel's buffered data is received, and then the end.
    while let Some(message) = kid.channel.recv_timeout(PATIENCE).unwrap() {
        assert_eq!(message.decode::<&str>().unwrap(), "flood");
    }
}

fn ser_8_messages_before_a_truncated_one_are_received_from_a_killed_child<D: Parent>() {
    let mut kid = shell::<D>("echo 1 >&3; printf '{\"half\":' >&3; kill -9 $$");
    assert_eq!(receive(&kid), json!(1));
    assert_end(&kid);
    assert_eq!(kid.process().wait().unwrap().signal(), Some(libc::SIGKILL));
}

fn hnd_8_a_handle_is_closed_if_the_child_is_killed_while_it_is_written<D: Parent>() {
    let mut kid = shell::<D>("head -c 10 <&3 >/dev/null; kill -9 $$");
    let (socket, witness) = watched();
    // Too long for the kernel's buffer.
    let unsent = kid.channel.send_handle(&json!("x".repeat(4 << 20)), socket).unwrap_err();
    assert!(matches!(unsent.error, Error::Send(SendError::Closed)), "{}", unsent.error);
    assert_end(&kid);
    assert_eq!(kid.process().wait().unwrap().signal(), Some(libc::SIGKILL));
    drop(unsent);
    witness.assert_closed();
}

fn hnd_8_a_handle_is_returned_if_the_child_is_killed_before_acknowledging<D: Parent>() {
    let mut kid = shell::<D>("read -r line <&3; echo '\"read\"' >&3; kill -9 $$");
    let (socket, witness) = watched();
    let unsent = kid.channel.send_handle(&json!("a socket"), socket).unwrap_err();
    assert!(matches!(unsent.error, Error::Send(SendError::Closed)), "{}", unsent.error);
    assert_eq!(receive(&kid), json!("read"));
    assert_end(&kid);
    assert_eq!(kid.process().wait().unwrap().signal(), Some(libc::SIGKILL));
    // Our copy is returned, and the kernel's copy was closed with the child.
    witness.assert_open();
    drop(unsent.handle.expect("the handle is returned"));
    witness.assert_closed();
}

fn ser_6_each_line_that_a_child_prints_on_the_channel_is_an_error<D: Parent>() {
    let kid = shell::<D>("echo Listening on port 80 >&3; echo >&3; echo '\"ready\"' >&3");
    let line = kid.channel.recv_timeout(PATIENCE);
    assert!(matches!(line, Err(Error::Protocol(ProtocolError::NotJson { .. }))), "{line:?}");
    let line = kid.channel.recv_timeout(PATIENCE);
    assert!(matches!(line, Err(Error::Protocol(ProtocolError::NotJson { .. }))), "{line:?}");
    assert_eq!(receive(&kid), json!("ready"));
    assert_end(&kid);
}
