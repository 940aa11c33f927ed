//! Sentences for whoever has started us.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line on standard error. One that cannot be written, for nobody reads it or the disk is full,
/// is lost: no reason to end, as `eprintln!` has it.
pub(crate) fn report(subcommand: &str, what: impl Display) {
    let _ = io::stderr().write_all(format!("crossfork {subcommand}: {what}\n").as_bytes());
}
