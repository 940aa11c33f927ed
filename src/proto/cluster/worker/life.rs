//! How a worker lives and ends.
//!
//! ```text
//!              asked
//!    Serving ---------> Asked <-------+
//!     |   |               |           | asked
//!     |   | disconnect    | exit      |
//!     |   +-----------> Disconnecting{acknowledged: false, then true}
//!     | exit              | exit
//!     +---------------> Exiting{acknowledged: false, then true}
//! ```
//!
//! The worker may `disconnect`, which waits for its connections, or `exit`, which does not. Its primary
//! may ask it to disconnect (`asked`), or reply that it knows of the worker's wish (`acknowledged`).
//! When the primary knows and nothing is waited for, the worker `is_done` and its channel is closed.
//! `Exiting` stays `Exiting` whatever comes.

/// Where a worker is between its start and the end of its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Serving,
    /// The primary has asked it to end (CLU-18).
    Asked,
    /// It ends because it wants to, and the primary has to know first (CLU-19).
    Disconnecting {
        acknowledged: bool,
    },
    /// The same, without waiting for connections.
    Exiting {
        acknowledged: bool,
    },
}

impl Life {
    /// The worker wants to end. True if that is news, and the primary is to be told.
    pub(super) fn disconnect(&mut self) -> bool {
        let is_news = *self == Life::Serving;
        if is_news {
            *self = Life::Disconnecting { acknowledged: false };
        }
        is_news
    }

    /// The worker wants to end at once. True if the primary is to be told.
    pub(super) fn exit(&mut self) -> bool {
        let (is_news, acknowledged) = match *self {
            Life::Serving | Life::Asked => (true, false),
            Life::Disconnecting { acknowledged } | Life::Exiting { acknowledged } => (false, acknowledged),
        };
        *self = Life::Exiting { acknowledged };
        is_news
    }

    /// The primary has asked it to end. True if its servers are to be closed, which they are not yet.
    pub(super) fn asked(&mut self) -> bool {
        let was_serving = *self == Life::Serving;
        *self = match *self {
            Life::Serving | Life::Disconnecting { .. } | Life::Asked => Life::Asked,
            Life::Exiting { .. } => Life::Exiting { acknowledged: true },
        };
        was_serving
    }

    /// The primary knows that the worker wants to end.
    pub(super) fn acknowledged(&mut self) {
        match self {
            Life::Disconnecting { acknowledged } | Life::Exiting { acknowledged } => *acknowledged = true,
            Life::Serving | Life::Asked => {}
        }
    }

    /// Whether the primary knows of the end, if it was the worker that wanted it.
    pub(super) fn is_acknowledged(self) -> bool {
        matches!(
            self,
            Life::Asked | Life::Disconnecting { acknowledged: true } | Life::Exiting { acknowledged: true }
        )
    }

    /// Whether all is done, with so many connections open.
    pub(super) fn is_done(self, open: usize) -> bool {
        self.is_acknowledged() && (open == 0 || matches!(self, Life::Exiting { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::Life::{self, *};

    const DISCONNECTING: Life = Disconnecting { acknowledged: false };
    const LEFT: Life = Disconnecting { acknowledged: true };
    const EXITING: Life = Exiting { acknowledged: false };
    const DEAD: Life = Exiting { acknowledged: true };

    /// Each row: the state; the states after `disconnect`, `exit`, `asked` and `acknowledged`; and whether the first
    /// three of these are news.
    #[test]
    fn clu_18_clu_19_every_state_answers_every_input() {
        let rows = [
            (Serving, [DISCONNECTING, EXITING, Asked, Serving], [true, true, true]),
            (Asked, [Asked, EXITING, Asked, Asked], [false, true, false]),
            (DISCONNECTING, [DISCONNECTING, EXITING, Asked, LEFT], [false, false, false]),
            (LEFT, [LEFT, DEAD, Asked, LEFT], [false, false, false]),
            (EXITING, [EXITING, EXITING, DEAD, DEAD], [false, false, false]),
            (DEAD, [DEAD, DEAD, DEAD, DEAD], [false, false, false]),
        ];
        for (before, [left, dead, asked, acknowledged], news) in rows {
            let mut lives = [before; 4];
            let seen = [lives[0].disconnect(), lives[1].exit(), lives[2].asked()];
            lives[3].acknowledged();
            assert_eq!(lives, [left, dead, asked, acknowledged], "{before:?}");
            assert_eq!(seen, news, "{before:?}");
        }
    }

    /// Each row: the state, and whether all is done with no connection open, and with one.
    #[test]
    fn clu_18_clu_19_a_worker_is_done_when_the_primary_knows_and_no_connection_is_open() {
        let rows = [
            (Serving, false, false),
            (Asked, true, false),
            (DISCONNECTING, false, false),
            (LEFT, true, false),
            (EXITING, false, false),
            (DEAD, true, true),
        ];
        for (life, idle, busy) in rows {
            assert_eq!((life.is_done(0), life.is_done(1)), (idle, busy), "{life:?}");
        }
    }
}
