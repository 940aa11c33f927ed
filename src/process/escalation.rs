//! How a child is ended that may not want to.

use std::time::Duration;

use crate::process::Signal;

/// Disconnect, then a signal, then SIGKILL, each with the time that is waited before the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// How long after the disconnect (5 s), which includes writing what was accepted before.
    pub disconnect: Duration,
    /// What is sent then (SIGTERM).
    pub signal: Signal,
    /// How long after the signal before SIGKILL (5 s).
    pub after_signal: Duration,
}

impl Default for Escalation {
    fn default() -> Self {
        Escalation {
            disconnect: Duration::from_secs(5),
            signal: Signal::TERM,
            after_signal: Duration::from_secs(5),
        }
    }
}
