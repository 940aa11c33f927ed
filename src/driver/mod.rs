//! What both ways of waiting share. [`link`] joins a machine and its socket; [`op`] has each call as a
//! value; [`listen`] is what a worker of a cluster listens on; [`face`] is what users see. `blocking` and `tokio` add how to wait.

#[cfg(feature = "calls")]
pub(crate) mod calls;
pub(crate) mod face;
pub(crate) mod holders;
pub(crate) mod link;
pub(crate) mod listen;
pub(crate) mod op;
