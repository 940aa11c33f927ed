//! How a worker lives and ends.
//!
//! ```text
//!              asked
//!    Serving ---------> Asked <-------+
//!     |   |               |           | asked
//!     |   | leave         | die       |
//!     |   +-----------> Leaving{told: false, then true}
//!     | die               | die
//!     +---------------> Dying{told: false, then true}
//! ```
//!
//! The worker may `leave` or `die`; the primary asks, or replies that it was told.

/// Where a worker is between its start and the end of its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Serving,
    /// The primary has asked it to stop (CLU-18).
    Asked,
    /// It stops because it wants to, and the primary has to know first (CLU-19).
    Leaving {
        told: bool,
    },
    /// The same, without waiting for connections.
    Dying {
        told: bool,
    },
}

impl Life {
    /// It wants to stop. True if that is news, of which the primary is to be told.
    pub(super) fn leave(&mut self) -> bool {
        let is_news = *self == Life::Serving;
        if is_news {
            *self = Life::Leaving { told: false };
        }
        is_news
    }

    /// It wants to stop at once. True if the primary is to be told.
    pub(super) fn die(&mut self) -> bool {
        let (is_news, told) = match *self {
            Life::Serving | Life::Asked => (true, false),
            Life::Leaving { told } | Life::Dying { told } => (false, told),
        };
        *self = Life::Dying { told };
        is_news
    }

    /// The primary has asked it to stop. True if its servers are to be closed, which they are not yet.
    pub(super) fn asked(&mut self) -> bool {
        let was_serving = *self == Life::Serving;
        *self = match *self {
            Life::Serving | Life::Leaving { .. } | Life::Asked => Life::Asked,
            Life::Dying { .. } => Life::Dying { told: true },
        };
        was_serving
    }

    /// The primary knows that it wants to stop.
    pub(super) fn told(&mut self) {
        match self {
            Life::Leaving { told } | Life::Dying { told } => *told = true,
            Life::Serving | Life::Asked => {}
        }
    }

    /// Whether the primary knows of the end, if it was the worker that wanted it.
    pub(super) fn is_told(self) -> bool {
        matches!(self, Life::Asked | Life::Leaving { told: true } | Life::Dying { told: true })
    }

    /// Whether all is done, with so many connections open.
    pub(super) fn is_done(self, open: usize) -> bool {
        self.is_told() && (open == 0 || matches!(self, Life::Dying { .. }))
    }
}
