//! How a worker lives and ends, as its primary knows it.
//!
//! ```text
//!              retire
//!    Serving ---------> Retired
//!     |   |              |   |
//!     |   | says so      |   | says so
//!     |   +------> Leaving <-+
//!     |               |  |
//!     | disconnect    |  | disconnect
//!     +-----------> Asked{said: false, then true}
//! ```
//!
//! The primary may `retire` a worker, or ask it to `disconnect`. The worker may say so itself, before
//! that or after. The end of its channel ends all.

/// Where a worker is between its start and the end of its channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum WorkerLife {
    /// It gets connections.
    #[default]
    Serving,
    /// It gets no more, and goes on with those that it has.
    Retired,
    /// It said itself that it will end (CLU-10).
    Leaving,
    /// It was asked to end (CLU-14).
    Asked {
        /// It has said so too.
        said: bool,
    },
}

impl WorkerLife {
    /// It shall get no more connections.
    pub(super) fn retire(&mut self) {
        if *self == WorkerLife::Serving {
            *self = WorkerLife::Retired;
        }
    }

    /// It shall get connections again.
    pub(super) fn resume(&mut self) {
        if *self == WorkerLife::Retired {
            *self = WorkerLife::Serving;
        }
    }

    /// It shall end. True if it is to be asked, which it was not yet.
    pub(super) fn disconnect(&mut self) -> bool {
        let said = match self {
            WorkerLife::Serving | WorkerLife::Retired => false,
            WorkerLife::Leaving => true,
            WorkerLife::Asked { .. } => return false,
        };
        *self = WorkerLife::Asked { said };
        true
    }

    /// It says that it will end. True if that is news.
    pub(super) fn says_so(&mut self) -> bool {
        *self = match self {
            WorkerLife::Serving | WorkerLife::Retired => WorkerLife::Leaving,
            WorkerLife::Asked { said: false } => WorkerLife::Asked { said: true },
            WorkerLife::Leaving | WorkerLife::Asked { said: true } => return false,
        };
        true
    }

    /// Whether connections may be offered to it.
    pub(super) fn takes_connections(self) -> bool {
        self == WorkerLife::Serving
    }

    /// Whether its end is voluntary (CLU-21).
    pub(super) fn is_leaving(self) -> bool {
        matches!(self, WorkerLife::Leaving | WorkerLife::Asked { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::WorkerLife::{self, *};

    const ASKED: WorkerLife = Asked { said: false };
    const BOTH: WorkerLife = Asked { said: true };

    /// Each row: the state; the states after `retire`, `disconnect`, `says_so` and `resume`; whether the second
    /// and the third are news; and whether it takes connections, and is leaving.
    #[test]
    fn clu_10_clu_14_every_state_answers_every_input() {
        let rows = [
            (Serving, [Retired, ASKED, Leaving, Serving], [true, true], [true, false]),
            (Retired, [Retired, ASKED, Leaving, Serving], [true, true], [false, false]),
            (Leaving, [Leaving, BOTH, Leaving, Leaving], [true, false], [false, true]),
            (ASKED, [ASKED, ASKED, BOTH, ASKED], [false, true], [false, true]),
            (BOTH, [BOTH, BOTH, BOTH, BOTH], [false, false], [false, true]),
        ];
        for (before, after, news, facts) in rows {
            let mut lives = [before; 4];
            lives[0].retire();
            let seen = [lives[1].disconnect(), lives[2].says_so()];
            lives[3].resume();
            assert_eq!(lives, after, "{before:?}");
            assert_eq!(seen, news, "{before:?}");
            assert_eq!([before.takes_connections(), before.is_leaving()], facts, "{before:?}");
        }
    }
}
