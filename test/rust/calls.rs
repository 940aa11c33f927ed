//! Calls over real channels: pools of workers, which are this program itself.

#[path = "calls/blocking.rs"]
mod blocking;
#[path = "support/pools.rs"]
mod pools;
#[path = "calls/tasks.rs"]
mod tasks;
#[path = "calls/worker.rs"]
mod worker;
