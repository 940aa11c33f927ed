//! Texts from outside: an env file, an address, the variables of socket activation.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../rust/supervisor/texts.rs"]
mod texts;

fuzz_target!(|text: &str| texts::check(text));
