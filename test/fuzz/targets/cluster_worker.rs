//! A primary that says anything to a worker.
#![no_main]

use crossfork::Serialization;
use libfuzzer_sys::fuzz_target;

#[path = "../../rust/proto/sim/mod.rs"]
#[allow(dead_code, reason = "shared with the property tests, which use the other half too")]
mod sim;

fuzz_target!(|script: &[u8]| {
    for serialization in [Serialization::Json, Serialization::Advanced] {
        sim::cluster::worker::run(serialization, script);
    }
});
