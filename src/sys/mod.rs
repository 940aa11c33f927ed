//! System calls, and the only unsafe code of the crate. Knows nothing of the protocol.
#![allow(unsafe_code)]

pub mod inherit;
pub mod probe;
#[cfg(feature = "tokio")]
pub mod reactor;
pub mod scm;
pub mod spawn;
