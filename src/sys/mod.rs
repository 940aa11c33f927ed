//! System calls, and the only unsafe code of the crate. Knows nothing of the protocol.
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
pub mod describe;
pub mod dispositions;
pub mod inherit;
#[cfg(target_os = "linux")]
pub mod memory;
pub mod output;
pub mod probe;
#[cfg(feature = "tokio")]
pub mod reactor;
pub mod reap;
pub mod scm;
pub mod server;
pub mod spawn;
pub mod terminal;
#[cfg(feature = "calls")]
pub mod terminate;
#[cfg(target_os = "linux")]
pub mod unix;
