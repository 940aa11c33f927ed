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
//! The worker may `leave` or `die`. The primary may ask it to stop (`asked`), or reply that it knows
//! of the worker's intention (`told`). The channel is closed when `is_done`: when the primary knows,
//! and no connection is open any more, for which `Dying` does not wait. `Dying` stays `Dying` whatever
//! comes, and to be asked means to be told.

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

#[cfg(test)]
mod tests {
    use super::Life::{self, *};

    const LEAVING: Life = Leaving { told: false };
    const LEFT: Life = Leaving { told: true };
    const DYING: Life = Dying { told: false };
    const DEAD: Life = Dying { told: true };

    /// Each row: the state; the states after `leave`, `die`, `asked` and `told`; and whether the first
    /// three of these are news.
    #[test]
    fn clu_18_clu_19_every_state_answers_every_input() {
        let rows = [
            (Serving, [LEAVING, DYING, Asked, Serving], [true, true, true]),
            (Asked, [Asked, DYING, Asked, Asked], [false, true, false]),
            (LEAVING, [LEAVING, DYING, Asked, LEFT], [false, false, false]),
            (LEFT, [LEFT, DEAD, Asked, LEFT], [false, false, false]),
            (DYING, [DYING, DYING, DEAD, DEAD], [false, false, false]),
            (DEAD, [DEAD, DEAD, DEAD, DEAD], [false, false, false]),
        ];
        for (before, [left, dead, asked, told], news) in rows {
            let mut lives = [before; 4];
            let seen = [lives[0].leave(), lives[1].die(), lives[2].asked()];
            lives[3].told();
            assert_eq!(lives, [left, dead, asked, told], "{before:?}");
            assert_eq!(seen, news, "{before:?}");
        }
    }

    /// Each row: the state, and whether all is done with no connection open, and with one.
    #[test]
    fn clu_18_clu_19_a_worker_is_done_when_the_primary_knows_and_no_connection_is_open() {
        let rows = [
            (Serving, false, false),
            (Asked, true, false),
            (LEAVING, false, false),
            (LEFT, true, false),
            (DYING, false, false),
            (DEAD, true, true),
        ];
        for (life, idle, busy) in rows {
            assert_eq!((life.is_done(0), life.is_done(1)), (idle, busy), "{life:?}");
        }
    }
}
