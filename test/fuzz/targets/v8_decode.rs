//! Any bytes as a record of V8's serializer.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../rust/v8/any.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod any;

fuzz_target!(|record: &[u8]| any::check(record));
