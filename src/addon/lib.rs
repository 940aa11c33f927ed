//! The npm package's native half. It is thin: the logic is in `crossfork::fd`. Argument checks,
//! Node-style errors and events are in `js/`.
//!
//! A function that fails returns a negative error number, like libuv, and `js/` throws. Functions catch
//! panics, because a panic that reaches Node ends the process. Only `wait` calls back into JavaScript,
//! so that no state is borrowed while JavaScript runs.

mod context;
mod descriptors;
mod memory;
mod owners;
mod passing;
mod result;
mod sockets;
mod sys;
mod wait;
