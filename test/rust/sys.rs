//! The system calls: descriptors over a socket, what a descriptor is, and inheriting one.

#[cfg(target_os = "linux")]
#[path = "sys/fd.rs"]
mod fd;
#[path = "sys/inherit.rs"]
mod inherit;
#[path = "sys/probe.rs"]
mod probe;
#[path = "sys/scm.rs"]
mod scm;
#[path = "support/shared.rs"]
mod support;
