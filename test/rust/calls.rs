//! Calls over real channels: pools of workers, which are this program itself.

#[path = "calls/hostile.rs"]
mod hostile;
#[path = "calls/pool.rs"]
mod pool;
#[path = "calls/worker.rs"]
mod worker;
