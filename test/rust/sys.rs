//! The system calls: descriptors over a socket, what a descriptor is, and inheriting one.

#[path = "sys/inherit.rs"]
mod inherit;
#[path = "sys/probe.rs"]
mod probe;
#[path = "sys/scm.rs"]
mod scm;
#[path = "support/shared.rs"]
mod support;
