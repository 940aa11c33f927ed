//! [`Escalation`]: the steps that end a child, whether it wants to or not.

use std::time::Duration;

use crate::process::Signal;

/// How a child's `stop` ends it: disconnect, then a signal, then SIGKILL, each with the time that is
/// waited before the next.
///
/// ```
/// use crossfork::{Escalation, Signal};
/// use std::time::Duration;
///
/// let patient = Escalation::new().disconnect(Duration::from_secs(30)).signal(Signal::INT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Escalation {
    /// How long to wait after the disconnect (5 s), which includes writing what was accepted before.
    pub disconnect: Duration,
    /// The signal that is sent then (SIGTERM).
    pub signal: Signal,
    /// How long to wait after the signal, before SIGKILL (5 s).
    pub after_signal: Duration,
}

impl Escalation {
    /// The defaults.
    pub const fn new() -> Self {
        Escalation {
            disconnect: Duration::from_secs(5),
            signal: Signal::TERM,
            after_signal: Duration::from_secs(5),
        }
    }

    /// Sets [`disconnect`](field@Self::disconnect).
    pub const fn disconnect(self, wait: Duration) -> Self {
        Escalation { disconnect: wait, ..self }
    }

    /// Sets [`signal`](field@Self::signal).
    pub const fn signal(self, signal: Signal) -> Self {
        Escalation { signal, ..self }
    }

    /// Sets [`after_signal`](field@Self::after_signal).
    pub const fn after_signal(self, wait: Duration) -> Self {
        Escalation { after_signal: wait, ..self }
    }
}

impl Default for Escalation {
    fn default() -> Self {
        Escalation::new()
    }
}
