//! The primary of a cluster as a machine: what workers say goes in, what is to be done comes out.

mod ending;
mod hostile;
mod kit;
mod offers;
mod properties;
mod replay;
mod retiring;
mod rotation;
mod servers;
