//! Descriptors over a real socket, in any writes and reads.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../rust/sys/script.rs"]
mod script;

fuzz_target!(|steps: &[u8]| script::run(steps));
