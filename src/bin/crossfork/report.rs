//! Messages on standard error.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to standard error. If the write fails, because the reader is gone or the disk is full, the
/// line is lost. Unlike `eprintln!`, this does not panic.
pub(crate) fn report(subcommand: &str, what: impl Display) {
    let _ = io::stderr().write_all(format!("crossfork {subcommand}: {what}\n").as_bytes());
}
