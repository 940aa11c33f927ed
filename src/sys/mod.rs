//! System calls, and the crate's only unsafe code. Independent of the protocol.
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
pub mod describe;
pub mod dispositions;
pub mod inherit;
pub mod limit;
#[cfg(target_os = "linux")]
pub mod memory;
pub mod output;
pub mod probe;
#[cfg(feature = "tokio")]
pub mod reactor;
pub mod reap;
#[cfg(feature = "calls")]
pub mod resident;
pub mod scm;
pub mod server;
pub mod spawn;
pub mod terminal;
#[cfg(feature = "calls")]
pub mod terminate;
#[cfg(target_os = "linux")]
pub mod unix;
