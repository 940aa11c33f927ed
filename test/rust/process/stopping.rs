//! A child is stopped in steps: disconnect, a signal, SIGKILL.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crossfork::process::Command;
use crossfork::{Escalation, Signal, Stdio};
use serde_json::json;

use crate::faults::receive;
use crate::look::is_gone;
use crate::support::deadline::{PATIENCE, in_time};
use crate::support::for_both_drivers;
use crate::support::parents::{Parent, Started, shell, start_with_channel};

for_both_drivers!(in_time:
    life_1_a_child_that_exits_on_disconnect_gets_no_signal,
    life_3_queued_messages_are_written_before_a_child_is_stopped,
    a_child_that_ignores_the_disconnect_gets_the_signal,
    a_child_that_ignores_the_signal_gets_sigkill,
    a_child_that_handles_the_signal_ends_with_its_own_code,
    a_child_that_never_reads_can_be_stopped,
    a_child_that_never_acknowledges_can_be_stopped,
    the_disconnect_and_the_exit_share_one_timeout,
    stopping_an_exited_child_returns_its_status,
    a_child_that_disconnected_itself_is_stopped,
    any_timeout_is_accepted,
);

/// Waits for nothing for long, and for each step long enough for a shell to do what it should.
const HASTE: Escalation =
    Escalation::new().disconnect(Duration::from_millis(500)).signal(Signal::TERM).after_signal(PATIENCE);

fn life_1_a_child_that_exits_on_disconnect_gets_no_signal<D: Parent>() {
    let mut kid = shell::<D>("while read -r line <&3; do :; done; exit 7");
    let patient = Escalation::new().disconnect(PATIENCE);
    let start = Instant::now();
    assert_eq!(kid.stop(patient).unwrap().code(), Some(7));
    assert!(start.elapsed() < PATIENCE, "the child exited, but stop() kept waiting");
    assert!(is_gone(kid.id()));
    assert!(!kid.channel.is_connected());
    assert!(kid.channel.recv().unwrap().is_none());
}

fn life_3_queued_messages_are_written_before_a_child_is_stopped<D: Parent>() {
    // More than the kernel takes in one write.
    let count = Command::shell("echo $(wc -c <&3)").stdio(1, Stdio::Pipe);
    let mut kid = start_with_channel::<D>(count, 3);
    let message = json!("x".repeat(9_997));
    for _ in 0..100 {
        kid.channel.feed(&message).unwrap();
    }
    let patient = Escalation::new().disconnect(PATIENCE);
    assert!(kid.stop(patient).unwrap().success());
    let mut text = String::new();
    kid.process().standard(1).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "1000000\n");
}

fn a_child_that_ignores_the_disconnect_gets_the_signal<D: Parent>() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut kid = shell::<D>("exec sleep 1000");
        let status = kid.stop(HASTE.signal(signal)).unwrap();
        assert_eq!(status.signal().and_then(Signal::from_number), Some(signal));
        assert!(is_gone(kid.id()));
    }
}

fn a_child_that_ignores_the_signal_gets_sigkill<D: Parent>() {
    let mut kid = shell::<D>("trap '' TERM; echo '\"deaf\"' >&3; exec sleep 1000");
    assert_eq!(receive(&kid), json!("deaf"));
    let brief = HASTE.after_signal(Duration::from_millis(300));
    assert_eq!(kid.stop(brief).unwrap().signal(), Some(libc::SIGKILL));
    assert!(is_gone(kid.id()));
}

fn a_child_that_handles_the_signal_ends_with_its_own_code<D: Parent>() {
    let line = "trap 'exit 42' TERM; echo '\"careful\"' >&3; exec 3>&-; read -r line";
    let kid = start_with_channel::<D>(Command::shell(line).stdio(0, Stdio::Pipe), 3);
    assert_eq!(receive(&kid), json!("careful"));
    assert_eq!(kid.stop(HASTE).unwrap().code(), Some(42));
}

fn a_child_that_never_reads_can_be_stopped<D: Parent>() {
    let kid = shell::<D>("exec sleep 1000");
    let _ = kid.channel.send_timeout(&json!("x".repeat(4 << 20)), Duration::from_millis(100));
    assert!(kid.channel.queued_bytes() > 0);
    assert_eq!(kid.stop(HASTE).unwrap().signal(), Some(libc::SIGTERM));
    assert!(kid.channel.recv().unwrap().is_none());
}

fn a_child_that_never_acknowledges_can_be_stopped<D: Parent>() {
    let kid = shell::<D>("exec sleep 1000");
    let (socket, witness) = crate::support::descriptors::watched();
    let sent = kid.channel.send_handle_timeout(&json!("a socket"), socket.into(), Duration::from_millis(100));
    drop(sent.unwrap_err());
    assert_eq!(kid.stop(HASTE).unwrap().signal(), Some(libc::SIGTERM));
    witness.assert_closed();
}

/// As [`Escalation::disconnect`] says. The timeout is long: a busy machine adds less to it than a second one would.
fn the_disconnect_and_the_exit_share_one_timeout<D: Parent>() {
    let kid = shell::<D>("exec sleep 1000");
    let _ = kid.channel.send_timeout(&json!("x".repeat(4 << 20)), Duration::from_millis(100));
    let disconnect = Duration::from_secs(8);
    let start = Instant::now();
    assert_eq!(kid.stop(HASTE.disconnect(disconnect)).unwrap().signal(), Some(libc::SIGTERM));
    assert!(start.elapsed() >= disconnect, "only {:?}", start.elapsed());
    assert!(start.elapsed() < disconnect * 2, "{:?}, where {disconnect:?} were given", start.elapsed());
}

fn stopping_an_exited_child_returns_its_status<D: Parent>() {
    let mut kid = shell::<D>("exit 3");
    kid.process().wait().unwrap();
    assert_eq!(kid.stop(Escalation::default()).unwrap().code(), Some(3));
    assert_eq!(kid.stop(Escalation::default()).unwrap().code(), Some(3));
    // The end of the channel may have been seen before.
    let kid = shell::<D>("exit 3");
    assert!(kid.channel.recv().unwrap().is_none());
    assert_eq!(kid.stop(Escalation::default()).unwrap().code(), Some(3));
}

fn a_child_that_disconnected_itself_is_stopped<D: Parent>() {
    let kid = shell::<D>("exec 3>&-; exec sleep 1000");
    assert!(kid.channel.recv().unwrap().is_none());
    assert_eq!(kid.stop(HASTE).unwrap().signal(), Some(libc::SIGTERM));
}

fn any_timeout_is_accepted<D: Parent>() {
    let forever =
        Escalation::new().disconnect(Duration::MAX).signal(Signal::TERM).after_signal(Duration::MAX);
    let kid = shell::<D>("read -r line <&3; exit 7");
    assert_eq!(kid.stop(forever).unwrap().code(), Some(7));
    let at_once =
        Escalation::new().disconnect(Duration::ZERO).signal(Signal::TERM).after_signal(Duration::ZERO);
    let kid = shell::<D>("trap '' TERM; echo 1 >&3; exec sleep 1000");
    assert_eq!(receive(&kid), json!(1));
    assert_eq!(kid.stop(at_once).unwrap().signal(), Some(libc::SIGKILL));
}

/// A future that is polled once, and dropped.
trait NowOrNever: Future + Sized {
    fn now_or_never(self) -> Option<Self::Output> {
        match std::pin::pin!(self).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }
}

impl<F: Future> NowOrNever for F {}

/// The second call begins with the first step again; what the first call queued is still written.
#[test]
fn tokio_a_stop_after_a_dropped_stop_starts_over() {
    use ::tokio::io::{AsyncReadExt, AsyncWriteExt};
    in_time("stopping::tokio_a_stop_after_a_dropped_stop_starts_over", || {
        let mut builder = ::tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(async {
            let count = "read -r go; echo $(wc -c <&3)";
            let command = crossfork::tokio::Command::shell(count).stdio(0, Stdio::Pipe).stdio(1, Stdio::Pipe);
            let mut child = command.spawn_with_channel(3).unwrap();
            // More than the kernel takes before the child reads.
            assert!(child.channel.feed(&"x".repeat(999_997)).now_or_never().is_none());
            let patient = Escalation::new().disconnect(PATIENCE);
            assert!(child.stop(patient).now_or_never().is_none());
            assert!(child.channel.queued_bytes() > 0);
            child.process.stdin.take().unwrap().write_all(b"go\n").await.unwrap();
            let status = child.stop(patient).await.unwrap();
            assert!(status.success(), "the first step was skipped: {status}");
            let mut text = String::new();
            child.process.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "1000000\n");
        });
    });
}
