//! A new process inherits the requested descriptors and no others. Each test has its own process, whose
//! descriptors are known.
// Descriptors are made inheritable, as a careless library does.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossfork::process::Command;
use crossfork::{Signal, Stdio};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};

use crate::look::{flags, frozen, numbers, start_frozen, start_frozen_with_channel, variable};
use crate::support::descriptors::is_cloexec;
use crate::support::for_both_drivers;
use crate::support::names::ABSENT;
use crate::support::parents::{Kid, Parent, Started, start_with_channel};
use crate::support::process::alone;

for_both_drivers!(alone:
    ch_8_a_child_inherits_only_its_channel_stdio_and_requested_descriptors,
    ch_8_a_process_without_a_channel_inherits_only_its_stdio,
    ch_2_a_child_does_not_inherit_our_own_untaken_channel,
    ch_4_the_channel_arrives_blocking_and_inheritable,
    ch_8_our_end_is_close_on_exec_and_the_childs_end_is_closed_here,
    ch_3_a_failed_start_is_reported_among_few_descriptors_and_many,
    a_failed_start_is_reported_while_other_threads_open_and_close,
    a_start_succeeds_while_other_threads_open_and_close,
);

const NUMBERS: [usize; 8] = [3, 0, 1, 2, 4, 7, 40, 600];

/// Descriptors without close-on-exec, at many numbers.
fn careless() -> Vec<OwnedFd> {
    (0..60)
        .map(|_| {
            let fd = OwnedFd::from(File::open("/dev/null").unwrap());
            fcntl(&fd, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
            assert!(!is_cloexec(&fd));
            fd
        })
        .collect()
}

fn expected(others: &[usize]) -> Vec<i32> {
    let mut all: Vec<i32> = others.iter().map(|number| *number as i32).chain(0..=2).collect();
    all.sort();
    all.dedup();
    all
}

fn ch_8_a_child_inherits_only_its_channel_stdio_and_requested_descriptors<D: Parent>() {
    let _ours = careless();
    for number in NUMBERS {
        let mut kid = start_frozen_with_channel::<D>(frozen(), number);
        assert_eq!(numbers(kid.id()), expected(&[number]), "with the channel at {number}");
        let asked =
            frozen().stdio(5, Stdio::Null).stdio(9, Stdio::Pipe).stdio(12, File::open("/dev/null").unwrap());
        let mut kid = start_frozen_with_channel::<D>(asked, number);
        assert_eq!(numbers(kid.id()), expected(&[number, 5, 9, 12]), "with the channel at {number}");
        drop(kid.process().pipes());
    }
}

fn ch_8_a_process_without_a_channel_inherits_only_its_stdio<D: Parent>() {
    let _ours = careless();
    assert_eq!(numbers(start_frozen::<D>(frozen()).id()), [0, 1, 2]);
    let asked = frozen().stdio(0, Stdio::Pipe).stdio(1, Stdio::Pipe).stdio(6, Stdio::Pipe);
    assert_eq!(numbers(start_frozen::<D>(asked).id()), [0, 1, 2, 6]);
}

fn ch_2_a_child_does_not_inherit_our_own_untaken_channel<D: Parent>() {
    // As if this process had been forked with a channel and had not taken it.
    // SAFETY: this process has no other threads that look at its environment.
    unsafe {
        std::env::set_var("NODE_CHANNEL_FD", "17");
        std::env::set_var("NODE_CHANNEL_SERIALIZATION_MODE", "advanced");
    }
    let mut kid = start_frozen_with_channel::<D>(frozen(), 4);
    assert_eq!(variable(kid.id(), "NODE_CHANNEL_FD"), ["4"]);
    assert_eq!(variable(kid.id(), "NODE_CHANNEL_SERIALIZATION_MODE"), ["json"]);
    let process = start_frozen::<D>(frozen());
    assert_eq!(variable(process.id(), "NODE_CHANNEL_FD"), [""; 0]);
    // Our own channel is unchanged.
    assert_eq!(std::env::var("NODE_CHANNEL_FD").unwrap(), "17");
}

fn ch_4_the_channel_arrives_blocking_and_inheritable<D: Parent>() {
    for number in NUMBERS {
        let mut kid = start_frozen_with_channel::<D>(frozen(), number);
        let flags = flags(kid.id(), number as i32);
        assert!(!flags.intersects(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC), "{number}: {flags:?}");
    }
}

fn ch_8_our_end_is_close_on_exec_and_the_childs_end_is_closed_here<D: Parent>() {
    drop(start_with_channel::<D>(Command::new("true"), 3));
    let me = std::process::id();
    let before = numbers(me);
    let mut kid = start_with_channel::<D>(Command::shell("read -r line <&7"), 7);
    let new: Vec<_> = numbers(me).into_iter().filter(|number| !before.contains(number)).collect();
    assert!(!new.is_empty());
    for number in new {
        assert!(flags(me, number).contains(OFlag::O_CLOEXEC), "{number} would be inherited");
    }
    // The end arrives only if no other process has the child's end.
    kid.process().kill(Signal::KILL).unwrap();
    assert!(kid.channel.recv().unwrap().is_none());
    kid.process().wait().unwrap();
    drop(kid);
    assert_eq!(numbers(me), before);
}

fn ch_3_a_failed_start_is_reported_among_few_descriptors_and_many<D: Parent>() {
    let mut many = Vec::new();
    for _ in 0..50 {
        for number in [0, 1, 2, 3, 4, 7, 10, 11, 12, 40] {
            let started = D::start_with_channel(Command::new(ABSENT), number).map(drop);
            assert_eq!(started.unwrap_err().code(), "ENOENT", "{number}, among {} descriptors", many.len());
        }
        many.push(File::open("/dev/null").unwrap());
    }
}

fn a_failed_start_is_reported_while_other_threads_open_and_close<D: Parent>() {
    let lost = among_busy_threads(1500, |number| D::start_with_channel(Command::new(ABSENT), number).is_ok());
    assert!(lost.is_empty(), "{} failures were not reported, with the channel at {lost:?}", lost.len());
}

fn a_start_succeeds_while_other_threads_open_and_close<D: Parent>() {
    let failed =
        among_busy_threads(400, |number| match D::start_with_channel(Command::new("true"), number) {
            Ok(child) => !Kid::<D>::guard(child).process().wait().unwrap().success(),
            Err(_) => true,
        });
    assert!(failed.is_empty(), "{} did not start, with the channel at {failed:?}", failed.len());
}

/// Runs a check for channels at low numbers, which other threads open and close all the time. Returns the
/// numbers for which it was true.
fn among_busy_threads(times: usize, is_so: impl Fn(usize) -> bool) -> Vec<usize> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        // Some are open briefly, some for longer, and each is a different file.
        for keep in [2, 5] {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let pipes: Vec<_> = (0..keep).map(|_| io::pipe().unwrap()).collect();
                    drop(pipes);
                }
            });
        }
        let found = (0..times).map(|i| 3 + i % 12).filter(|number| is_so(*number)).collect();
        done.store(true, Ordering::Relaxed);
        found
    })
}
