//! What both drivers share. [`link`] joins a machine and its socket; [`op`] represents each call as a value;
//! [`listen`] is what a worker of a cluster listens on; [`face`] is the public API. `blocking` and `tokio`
//! add how to wait.

#[cfg(feature = "calls")]
pub(crate) mod calls;
pub(crate) mod face;
pub(crate) mod holders;
pub(crate) mod link;
pub(crate) mod listen;
pub(crate) mod op;
#[cfg(feature = "calls")]
pub(crate) mod pool;
