//! The pool for threads.

pub use crate::pools::blocking::*;

#[path = "broken.rs"]
mod broken;
#[path = "pool.rs"]
mod pool;
#[path = "recycling.rs"]
mod recycling;
#[path = "seeing.rs"]
mod seeing;
#[path = "travelling.rs"]
mod travelling;
