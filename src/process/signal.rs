//! Signals by their names.

use std::fmt;
use std::str::FromStr;

use crate::error::ParseError;

/// A signal to a process, by its name.
///
/// ```
/// use crossfork::Signal;
///
/// assert_eq!("SIGTERM".parse(), Ok(Signal::TERM));
/// assert_eq!(Signal::from_number(9), Some(Signal::KILL));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(nix::sys::signal::Signal);

impl Signal {
    /// Asks the process to end. It can handle the signal, or ignore it.
    pub const TERM: Signal = Signal(nix::sys::signal::Signal::SIGTERM);
    /// Ends the process at once. It can neither handle nor ignore the signal.
    pub const KILL: Signal = Signal(nix::sys::signal::Signal::SIGKILL);
    /// What Ctrl-C sends.
    pub const INT: Signal = Signal(nix::sys::signal::Signal::SIGINT);
    /// Says that the terminal is closed. Many servers reload their configuration instead.
    pub const HUP: Signal = Signal(nix::sys::signal::Signal::SIGHUP);
    /// Ends the process with a core dump, unless it handles the signal.
    pub const QUIT: Signal = Signal(nix::sys::signal::Signal::SIGQUIT);
    /// For the program's own use.
    pub const USR1: Signal = Signal(nix::sys::signal::Signal::SIGUSR1);
    /// For the program's own use.
    pub const USR2: Signal = Signal(nix::sys::signal::Signal::SIGUSR2);

    /// The signal of this name, such as `SIGTERM`.
    ///
    /// ```
    /// assert_eq!(crossfork::Signal::from_name("SIGTERM"), Some(crossfork::Signal::TERM));
    /// ```
    pub fn from_name(name: &str) -> Option<Signal> {
        name.parse().ok().map(Signal)
    }

    /// The signal of this number, as in [`ExitStatusExt`](std::os::unix::process::ExitStatusExt).
    pub fn from_number(number: i32) -> Option<Signal> {
        number.try_into().ok().map(Signal)
    }

    /// Its name, such as `SIGTERM`.
    pub fn name(self) -> &'static str {
        self.0.as_str()
    }

    pub(crate) const fn native(self) -> nix::sys::signal::Signal {
        self.0
    }
}

/// Reads a name, with or without `SIG`: `"SIGTERM"`, `"TERM"`.
///
/// # Errors
/// [`ParseError`] if no signal has this name.
impl FromStr for Signal {
    type Err = ParseError;

    fn from_str(name: &str) -> Result<Self, ParseError> {
        let whole = || Signal::from_name(&format!("SIG{name}"));
        Signal::from_name(name)
            .or_else(whole)
            .ok_or_else(|| ParseError::new(name, "a signal: write a name such as SIGTERM"))
    }
}

/// SIGTERM, as in Node.
impl Default for Signal {
    fn default() -> Self {
        Signal::TERM
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
