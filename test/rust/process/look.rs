//! What a process looks like from outside: `/proc`.

use std::collections::BTreeMap;
use std::fs;

use crossfork::process::Command;
use nix::fcntl::OFlag;

use crate::support::deadline::eventually;
use crate::support::parents::{Guard, Kid, Parent, Started, start, start_with_channel};

/// Stops itself at once, so that it can be inspected.
pub fn frozen<M>() -> Command<M> {
    Command::shell("kill -STOP $$")
}

/// Starts a [`frozen`] process and waits until it is stopped.
pub fn start_frozen<D: Parent>(command: Command<D::Mark>) -> Guard<D::Process> {
    let process = start::<D>(command);
    wait_until_frozen(process.id());
    process
}

/// [`start_frozen`] with a channel.
pub fn start_frozen_with_channel<D: Parent>(command: Command<D::Mark>, number: usize) -> Kid<D> {
    let mut kid = start_with_channel::<D>(command, number);
    wait_until_frozen(kid.id());
    kid
}

fn wait_until_frozen(pid: u32) {
    eventually("the child has stopped itself", || state(pid).is_some_and(|(state, _)| state == 'T'));
}

/// Its descriptors, and what each is.
pub fn descriptors(pid: u32) -> BTreeMap<i32, String> {
    let name = |path: &std::path::Path| path.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let paths: Vec<_> =
        fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|entry| entry.unwrap().path()).collect();
    // For this process, the directory's own descriptor is closed by now.
    paths
        .iter()
        .filter_map(|path| Some((name(path), fs::read_link(path).ok()?.to_string_lossy().into_owned())))
        .collect()
}

/// The flags of an open descriptor, of any process.
pub fn flags(pid: u32, number: i32) -> OFlag {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    OFlag::from_bits_retain(i32::from_str_radix(flags.trim(), 8).unwrap())
}

pub fn numbers(pid: u32) -> Vec<i32> {
    descriptors(pid).into_keys().collect()
}

/// The values that a variable has in the environment block it was started with.
pub fn variable(pid: u32, name: &str) -> Vec<String> {
    let block = fs::read(format!("/proc/{pid}/environ")).unwrap();
    block
        .split(|byte| *byte == 0)
        .filter_map(|entry| std::str::from_utf8(entry).ok()?.strip_prefix(name)?.strip_prefix('='))
        .map(str::to_owned)
        .collect()
}

/// A line of its `status`.
pub fn status_line(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
}

/// Its state and its parent; `None` if there is no such process.
pub fn state(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The fields after the name, which may contain any character.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Whether it runs, and is no zombie.
pub fn runs(pid: u32) -> bool {
    state(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

/// Whether nothing is left of it, not even a zombie.
pub fn is_gone(pid: u32) -> bool {
    state(pid).is_none()
}

/// All children of this process, zombies too.
pub fn children() -> Vec<u32> {
    let me = std::process::id();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| state(*pid).is_some_and(|(_, parent)| parent == me))
        .collect()
}
