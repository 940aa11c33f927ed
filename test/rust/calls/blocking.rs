//! The pool for threads.

pub use crate::pools::blocking::*;

#[path = "pool.rs"]
mod pool;
#[path = "recycling.rs"]
mod recycling;
#[path = "seeing.rs"]
mod seeing;
