//! The primary of a cluster as a machine: workers' messages go in, actions come out.

mod ending;
mod hostile;
mod kit;
mod offers;
mod properties;
mod replay;
mod retiring;
mod rotation;
mod servers;
