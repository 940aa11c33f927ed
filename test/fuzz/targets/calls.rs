//! Two ends of calls under any script, and one end under a peer that says anything.
#![no_main]

use crossfork::Serialization;
use crossfork::calls::sim::{hostile, script};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((which, rest)) = data.split_first() else {
        return;
    };
    for serialization in [Serialization::Json, Serialization::Advanced] {
        match which % 2 {
            0 => script::run(serialization, rest),
            _ => hostile::run(serialization, rest.split(|byte| *byte == b'\n')),
        }
    }
});
