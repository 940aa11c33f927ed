//! The npm package's native half. It is thin: the logic is in `crossfork::fd`, and the manners
//! (checks of arguments, errors as Node has them, events) are in `js/`.
//!
//! What fails returns a negative error number, as libuv has it, and `js/` throws. Functions catch
//! panics, for a panic that reaches Node ends the process. Nothing here calls back into JavaScript
//! but what `wait` calls, so that no state is borrowed while JavaScript runs.

mod context;
mod descriptors;
mod memory;
mod owners;
mod passing;
mod result;
mod sockets;
mod sys;
mod wait;
