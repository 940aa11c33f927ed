//! What happens to a dropped child: it never remains a zombie.

use std::io::Read;
use std::os::unix::net::UnixStream;

use crossfork::process::Command;
use crossfork::{Signal, Stdio};
use nix::sys::signal::{SIGKILL, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::faults::receive;
use crate::look::{is_gone, runs, state};
use crate::support::deadline::{PATIENCE, eventually, in_time};
use crate::support::for_both_drivers;
use crate::support::parents::{Parent, Started, shell, start, start_with_channel};

for_both_drivers!(in_time:
    a_dropped_child_goes_on_running_and_leaves_no_zombie,
    a_dropped_child_that_has_ended_leaves_no_zombie,
    many_dropped_children_leave_no_zombie,
    life_1_a_dropped_child_is_disconnected,
    kill_on_drop_sends_the_kill_signal,
    kill_on_drop_of_a_child_that_ignores_the_signal_does_not_wait,
    kill_on_drop_of_an_ended_process_sends_nothing,
);

fn a_dropped_child_goes_on_running_and_leaves_no_zombie<D: Parent>() {
    let process = start::<D>(Command::new("sleep").arg("1000")).unguarded();
    let pid = process.id();
    // If the drop waited for the exit, it would block here.
    drop(process);
    assert!(runs(pid));
    assert_eq!(state(pid).unwrap().1, std::process::id());
    kill(Pid::from_raw(pid as i32), SIGKILL).unwrap();
    eventually("nothing is left of the child", || is_gone(pid));
}

fn a_dropped_child_that_has_ended_leaves_no_zombie<D: Parent>() {
    let process = start::<D>(Command::new("true")).unguarded();
    let pid = process.id();
    eventually("the unreaped child is a zombie", || state(pid).is_some_and(|(state, _)| state == 'Z'));
    drop(process);
    eventually("nothing is left of the child", || is_gone(pid));
}

fn many_dropped_children_leave_no_zombie<D: Parent>() {
    let pids: Vec<_> = (0..50)
        .map(|i| {
            let kid = shell::<D>(if i % 2 == 0 { "exit 1" } else { "read -r line <&3" });
            let mut kid = kid.unguarded();
            D::process(&mut kid).id()
        })
        .collect();
    for pid in pids {
        eventually("nothing is left of the child", || is_gone(pid));
    }
}

fn life_1_a_dropped_child_is_disconnected<D: Parent>() {
    let (given, mut told) = UnixStream::pair().unwrap();
    told.set_read_timeout(Some(PATIENCE)).unwrap();
    let line = "echo 1 >&3; while read -r line <&3; do :; done; echo the end >&5";
    let kid = start_with_channel::<D>(Command::shell(line).stdio(5, given), 3);
    assert_eq!(receive(&kid), json!(1));
    drop(kid.unguarded());
    let mut text = String::new();
    told.read_to_string(&mut text).unwrap();
    assert_eq!(text, "the end\n");
}

fn kill_on_drop_sends_the_kill_signal<D: Parent>() {
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::USR1, "USR1")] {
        let (given, mut told) = UnixStream::pair().unwrap();
        told.set_read_timeout(Some(PATIENCE)).unwrap();
        let line = format!("trap 'echo {name} >&5; exit' {name}; echo 1 >&3; exec 3>&-; read -r line");
        let command = Command::shell(line).stdio(5, given).stdio(0, Stdio::Pipe);
        let mut kid = start_with_channel::<D>(command.kill_on_drop().kill_signal(signal), 3);
        assert_eq!(receive(&kid), json!(1));
        let pid = kid.id();
        let _open = kid.process().standard(0);
        drop(kid.unguarded());
        let mut text = String::new();
        told.read_to_string(&mut text).unwrap();
        assert_eq!(text, format!("{name}\n"));
        eventually("nothing is left of the child", || is_gone(pid));
    }
}

fn kill_on_drop_of_a_child_that_ignores_the_signal_does_not_wait<D: Parent>() {
    let command = Command::shell("trap '' TERM; echo 1 >&3; exec sleep 1000").kill_on_drop();
    let mut kid = start_with_channel::<D>(command, 3);
    assert_eq!(receive(&kid), json!(1));
    let pid = kid.id();
    // If the drop waited for the exit, it would block here.
    drop(kid.unguarded());
    assert!(runs(pid));
    kill(Pid::from_raw(pid as i32), SIGKILL).unwrap();
    eventually("nothing is left of the child", || is_gone(pid));
}

fn kill_on_drop_of_an_ended_process_sends_nothing<D: Parent>() {
    let process = start::<D>(Command::new("true").kill_on_drop()).unguarded();
    assert!(process.wait().unwrap().success());
    let pid = process.id();
    assert!(is_gone(pid));
    drop(process);
}
