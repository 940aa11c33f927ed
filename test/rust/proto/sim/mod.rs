//! Channels without I/O under arbitrary scripts, for the property tests and the fuzz targets: two with a
//! kernel between them ([`pair`]), and one with arbitrary input ([`feed`]).

pub mod cluster;
pub mod feed;
mod heard;
mod lines;
pub mod pair;
mod side;
mod tap;
pub mod token;
#[path = "../../support/transcode.rs"]
#[allow(dead_code, reason = "shared with the tests of the drivers")]
pub mod transcode;
mod wire;
