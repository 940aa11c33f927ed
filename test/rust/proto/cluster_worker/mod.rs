//! The worker of a cluster as a machine.

mod ending;
mod kit;
mod properties;
mod replay;
mod servers;
