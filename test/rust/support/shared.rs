//! What the tests of `sys` share with those of the drivers, which use more of it.
#![allow(dead_code)]

pub mod deadline;
pub mod descriptors;
pub mod names;
pub mod process;
