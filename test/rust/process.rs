//! Starting and ending processes: each test body runs for both drivers. The children are shells and other
//! small programs, or this program again.

#[path = "process/command.rs"]
mod command;
#[path = "process/dropping.rs"]
mod dropping;
#[path = "process/faults.rs"]
mod faults;
#[path = "process/group.rs"]
mod group;
#[path = "process/inherited.rs"]
mod inherited;
#[path = "process/inheriting.rs"]
mod inheriting;
#[path = "process/killed.rs"]
mod killed;
#[path = "process/look.rs"]
mod look;
#[path = "process/orphans.rs"]
mod orphans;
#[path = "process/output.rs"]
mod output;
#[path = "process/outside.rs"]
mod outside;
#[cfg(target_os = "linux")]
#[path = "process/pidfd.rs"]
mod pidfd;
#[path = "process/socket_list.rs"]
mod socket_list;
#[path = "process/starting.rs"]
mod starting;
#[path = "process/starving.rs"]
mod starving;
#[path = "process/stdio.rs"]
mod stdio;
#[path = "process/stopping.rs"]
mod stopping;
mod support;
#[path = "process/thousand.rs"]
mod thousand;
#[path = "process/waiting.rs"]
mod waiting;
