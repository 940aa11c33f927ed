//! Colours, which a program leaves out when its output is a pipe, as it is here.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};

use super::log::Format;

/// Node and most programs write colours when this variable says how many there may be.
const FORCE: &str = "FORCE_COLOR";

/// Says no to all of them.
const NO: &str = "NO_COLOR";

/// Whether somebody has decided.
pub(super) fn is_decision(name: &str) -> bool {
    name == FORCE || name == NO
}

/// The variable for workers whose output goes to a terminal.
pub(super) fn variable(format: Format) -> Option<(OsString, OsString)> {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    if format == Format::Json || !io::stdout().is_terminal() || is_set(NO) || env::var_os(FORCE).is_some() {
        return None;
    }
    let says = |name, part: &str| env::var(name).is_ok_and(|value: String| value.contains(part));
    let level = if env::var("TERM").is_ok_and(|term| term == "dumb") {
        return None;
    } else if says("COLORTERM", "truecolor") || says("COLORTERM", "24bit") {
        "3"
    } else if says("TERM", "256color") {
        "2"
    } else {
        "1"
    };
    Some((FORCE.into(), level.into()))
}
