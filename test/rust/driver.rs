//! The drivers, each held to the same behaviour: one body a behaviour, run for both. The peer is
//! a socket in the test's own hands, or a second channel.

mod support;

#[path = "driver/framing.rs"]
mod framing;
