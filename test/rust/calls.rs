//! Calls over real channels: pools of workers, which are this program itself.
#![allow(clippy::duplicate_mod, reason = "one body for both drivers")]

#[path = "calls/blocking.rs"]
mod blocking;
#[path = "calls/hostile.rs"]
mod hostile;
#[path = "support/peers.rs"]
mod peers;
#[path = "support/pools.rs"]
mod pools;
#[path = "calls/quick.rs"]
mod quick;
#[path = "calls/tasks.rs"]
mod tasks;
#[path = "calls/worker.rs"]
mod worker;
