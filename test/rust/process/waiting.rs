//! Waiting for a process, and sending signals to it.

use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::{Duration, Instant};

use crossfork::process::Command;
use crossfork::{Signal, Stdio};

use crate::faults::receive;
use crate::look::{is_gone, runs};
use crate::support::deadline::{PATIENCE, in_time};
use crate::support::for_both_drivers;
use crate::support::parents::{Parent, Started, shell, start};

for_both_drivers!(in_time:
    the_status_contains_the_exit_code,
    the_status_contains_the_signal,
    the_status_can_be_read_again,
    try_wait_does_not_wait,
    wait_timeout_expires_and_can_be_called_again,
    wait_timeout_of_zero_checks_once,
    wait_timeout_accepts_any_duration,
    a_handled_signal_does_not_end_the_child,
    kill_after_the_exit_sends_nothing,
    a_process_that_was_waited_for_is_not_a_zombie,
    many_threads_wait_while_one_sends_a_signal,
);

const SHORT: Duration = Duration::from_millis(200);

fn the_status_contains_the_exit_code<D: Parent>() {
    for code in [0, 1, 255] {
        let process = start::<D>(Command::shell(format!("exit {code}")));
        let status = process.wait().unwrap();
        assert_eq!((status.code(), status.signal()), (Some(code), None));
    }
}

fn the_status_contains_the_signal<D: Parent>() {
    for signal in
        [Signal::TERM, Signal::KILL, Signal::INT, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2]
    {
        let process = start::<D>(Command::new("sleep").arg("1000"));
        assert!(process.kill(signal).unwrap());
        let status = process.wait().unwrap();
        let found = status.signal().and_then(Signal::from_number);
        assert_eq!((status.code(), found), (None, Some(signal)));
    }
}

fn the_status_can_be_read_again<D: Parent>() {
    let process = start::<D>(Command::shell("exit 9"));
    let status = process.wait().unwrap();
    assert_eq!(process.wait().unwrap(), status);
    assert_eq!(process.try_wait().unwrap(), Some(status));
    assert_eq!(process.wait_timeout(Duration::ZERO).unwrap(), Some(status));
}

fn try_wait_does_not_wait<D: Parent>() {
    let process = start::<D>(Command::new("sleep").arg("1000"));
    assert_eq!(process.try_wait().unwrap(), None);
    assert!(runs(process.id()));
}

fn wait_timeout_expires_and_can_be_called_again<D: Parent>() {
    let process = start::<D>(Command::new("sleep").arg("1000"));
    let start = Instant::now();
    assert_eq!(process.wait_timeout(SHORT).unwrap(), None);
    assert!(start.elapsed() >= SHORT && start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    assert!(process.kill(Signal::TERM).unwrap());
    let status = process.wait_timeout(PATIENCE).unwrap().expect("it has ended");
    assert_eq!(status.signal(), Some(libc::SIGTERM));
}

fn wait_timeout_of_zero_checks_once<D: Parent>() {
    let process = start::<D>(Command::new("sleep").arg("1000"));
    assert_eq!(process.wait_timeout(Duration::ZERO).unwrap(), None);
}

fn wait_timeout_accepts_any_duration<D: Parent>() {
    for time in [PATIENCE, Duration::from_secs(1 << 40), Duration::MAX] {
        // Most likely it has not exited yet. Otherwise there would be nothing to wait for.
        let process = start::<D>(Command::shell("sleep 0.2; exit 9"));
        assert_eq!(process.wait_timeout(time).unwrap().unwrap().code(), Some(9));
    }
}

fn a_handled_signal_does_not_end_the_child<D: Parent>() {
    let mut kid = shell::<D>("trap 'echo 1 >&3; exit 5' USR1; echo 0 >&3; while :; do sleep 0.05; done");
    assert_eq!(receive(&kid), 0);
    assert!(kid.process().kill(Signal::USR1).unwrap());
    assert_eq!(receive(&kid), 1);
    assert_eq!(kid.process().wait().unwrap().code(), Some(5));
}

fn kill_after_the_exit_sends_nothing<D: Parent>() {
    let process = start::<D>(Command::new("true"));
    process.wait().unwrap();
    assert!(!process.kill(Signal::KILL).unwrap());
    assert!(!process.kill(Signal::TERM).unwrap());
}

fn a_process_that_was_waited_for_is_not_a_zombie<D: Parent>() {
    let waited = start::<D>(Command::new("true"));
    waited.wait().unwrap();
    assert!(is_gone(waited.id()));
    let in_time = start::<D>(Command::new("true"));
    in_time.wait_timeout(PATIENCE).unwrap().unwrap();
    assert!(is_gone(in_time.id()));
}

/// Any thread may wait, or send a signal, while others wait.
fn many_threads_wait_while_one_sends_a_signal<D: Parent>() {
    let sleep = start::<D>(Command::new("sleep").arg("1000"));
    let statuses: Vec<_> = thread::scope(|scope| {
        let waiters: Vec<_> = (0..8)
            .map(|i| {
                let sleep = &sleep;
                scope.spawn(move || match i % 2 {
                    0 => sleep.wait().unwrap(),
                    _ => sleep.wait_timeout(PATIENCE).unwrap().unwrap(),
                })
            })
            .collect();
        assert_eq!(sleep.wait_timeout(SHORT).unwrap(), None);
        assert!(sleep.kill(Signal::TERM).unwrap());
        waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| status.signal() == Some(libc::SIGTERM)), "{statuses:?}");
    assert!(!sleep.kill(Signal::TERM).unwrap());
}

/// The process is reaped before the reactor can see its exit.
#[test]
fn tokio_a_wait_ends_when_another_call_reaps_the_process() {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let work = async {
        let command = crossfork::tokio::Command::shell("read line; exit 3").stdio(0, Stdio::Pipe);
        let mut process = command.kill_on_drop().spawn().unwrap();
        let stdin = process.stdin.take();
        let process = std::sync::Arc::new(process);
        let waiter = ::tokio::spawn({
            let process = process.clone();
            async move { process.wait().await }
        });
        ::tokio::task::yield_now().await;
        drop(stdin);
        while process.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(waiter.await.unwrap().unwrap().code(), Some(3));
    };
    runtime.block_on(async { ::tokio::time::timeout(PATIENCE, work).await.expect("it ends in time") });
}

/// A wait may be cancelled and started again, with a signal sent in between.
#[test]
fn tokio_a_cancelled_wait_loses_nothing() {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let work = async {
        let command = crossfork::tokio::Command::shell("read line; exit 3").stdio(0, Stdio::Pipe);
        let mut process = command.kill_on_drop().spawn().unwrap();
        for _ in 0..3 {
            ::tokio::select! {
                biased;
                status = process.wait() => panic!("{status:?}"),
                () = ::tokio::task::yield_now() => {}
            }
        }
        drop(process.stdin.take());
        assert_eq!(process.wait().await.unwrap().code(), Some(3));
        assert!(!process.kill(Signal::TERM).unwrap());
    };
    runtime.block_on(async { ::tokio::time::timeout(PATIENCE, work).await.expect("it ends in time") });
}
