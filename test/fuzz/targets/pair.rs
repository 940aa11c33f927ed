//! Two connected cores under any script of commands.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../rust/proto/sim/mod.rs"]
#[allow(dead_code, reason = "shared with the property tests, which use the other half too")]
mod sim;

fuzz_target!(|script: &[u8]| {
    let Some((setting, steps)) = script.split_first_chunk() else {
        return;
    };
    let steps = steps.chunks_exact(3).map(|step| (step[0], u16::from_le_bytes([step[1], step[2]])));
    sim::pair::run(u16::from_le_bytes(*setting), steps);
});
