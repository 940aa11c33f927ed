//! The system calls: descriptors over a socket, what a descriptor is, and inheriting one.

#[cfg(target_os = "linux")]
#[path = "sys/fd.rs"]
mod fd;
#[cfg(target_os = "linux")]
#[path = "sys/fd_calls.rs"]
mod fd_calls;
#[cfg(all(target_os = "linux", feature = "tokio"))]
#[path = "sys/fd_tasks.rs"]
mod fd_tasks;
#[path = "sys/inherit.rs"]
mod inherit;
#[path = "sys/probe.rs"]
mod probe;
#[path = "sys/scm.rs"]
mod scm;
#[path = "support/shared.rs"]
mod support;
