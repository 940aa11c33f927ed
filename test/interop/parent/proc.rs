//! What /proc tells about a process.

use std::fs;
use std::path::PathBuf;

/// The environment that it was started with, `NODE_CHANNEL_*` alone.
pub fn channel_variables(pid: u32) -> Vec<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).expect("an environment");
    let mut found: Vec<String> = environment
        .split(|byte| *byte == 0)
        .map(|entry| String::from_utf8_lossy(entry).into_owned())
        .filter(|entry| entry.starts_with("NODE_CHANNEL_"))
        .collect();
    found.sort();
    found
}

/// What its descriptors are, such as `socket:[1234]`.
pub fn descriptors(pid: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors");
    entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect()
}

/// How many descriptors this process has open.
pub fn open_descriptors() -> usize {
    // One is the directory's own.
    fs::read_dir("/proc/self/fd").expect("our descriptors").count() - 1
}

/// Resident memory of this process, in bytes.
pub fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("our status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// Has SIGSTOP taken effect?
pub fn is_stopped(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    tasks.flatten().all(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    })
}

/// A zombie is not.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}
