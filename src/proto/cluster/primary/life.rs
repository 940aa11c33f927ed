//! How a worker lives and ends, as its primary knows it.
//!
//! ```text
//!                retire
//!    Serving -----------> Retired
//!     |   |                |   |
//!     |   | announces_exit |   | announces_exit
//!     |   +--> Leaving <---+   |
//!     |           |            |
//!     |           | disconnect |
//!     |           v            |
//!     +------> Asked <---------+
//!  disconnect                 disconnect
//! ```
//!
//! A worker that is `Retired` and is to `resume` is `Serving` again.
//!
//! The primary may `retire` a worker, or ask it to `disconnect`. The worker may announce its exit
//! itself, before or after it was asked. The end of its channel ends all.

/// Where a worker is between its start and the end of its channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum WorkerLife {
    /// It gets connections.
    #[default]
    Serving,
    /// It gets no more, and goes on with those that it has.
    Retired,
    /// It has announced its exit itself (CLU-10).
    Leaving,
    /// It was asked to end (CLU-14).
    Asked {
        /// It has announced its exit too.
        announced: bool,
    },
}

impl WorkerLife {
    /// It is to get no more connections.
    pub(super) fn retire(&mut self) {
        if *self == WorkerLife::Serving {
            *self = WorkerLife::Retired;
        }
    }

    /// It is to get connections again.
    pub(super) fn resume(&mut self) {
        if *self == WorkerLife::Retired {
            *self = WorkerLife::Serving;
        }
    }

    /// It is to disconnect. True if it has to be asked now.
    pub(super) fn disconnect(&mut self) -> bool {
        let announced = match self {
            WorkerLife::Serving | WorkerLife::Retired => false,
            WorkerLife::Leaving => true,
            WorkerLife::Asked { .. } => return false,
        };
        *self = WorkerLife::Asked { announced };
        true
    }

    /// It announces its exit. True if that is news.
    pub(super) fn announces_exit(&mut self) -> bool {
        *self = match self {
            WorkerLife::Serving | WorkerLife::Retired => WorkerLife::Leaving,
            WorkerLife::Asked { announced: false } => WorkerLife::Asked { announced: true },
            WorkerLife::Leaving | WorkerLife::Asked { announced: true } => return false,
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

    const ASKED: WorkerLife = Asked { announced: false };
    const BOTH: WorkerLife = Asked { announced: true };

    /// Each row: the state; the states after `retire`, `disconnect`, `announces_exit` and `resume`; whether the second
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
            let seen = [lives[1].disconnect(), lives[2].announces_exit()];
            lives[3].resume();
            assert_eq!(lives, after, "{before:?}");
            assert_eq!(seen, news, "{before:?}");
            assert_eq!([before.takes_connections(), before.is_leaving()], facts, "{before:?}");
        }
    }
}
