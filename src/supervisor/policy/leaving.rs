//! Workers that leave: what they are asked, and what is done when they do not end.

use std::time::Duration;

use super::notice::{Notice, Subject};
use super::{Action, Phase, Policy, Time, Worker, exit_code};
use crate::signal::Signal;

/// How long a worker that was asked to go may live without its channel before it gets a SIGTERM. It
/// has no connections any more (CLU-18), and what keeps it, a timer or a pool of a database, may do
/// so for ever. One that leaves by itself may still have requests to finish (CLU-19).
pub const LINGER: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) struct Leaving {
    pub(super) subject: Subject,
    /// By us, and it has not said since that it leaves by itself.
    was_asked: bool,
    press: Press,
}

/// What comes next for it.
#[derive(Clone, Debug)]
enum Press {
    /// SIGKILL.
    Kill(Time),
    /// SIGTERM, and then SIGKILL.
    Terminate(Time, Time),
    /// Nothing comes after SIGKILL.
    Killed,
}

impl Leaving {
    pub(super) fn next_tick(&self) -> Option<Time> {
        match self.press {
            Press::Kill(at) => Some(at),
            Press::Terminate(at, kill) => Some(at.min(kill)),
            Press::Killed => None,
        }
    }

    pub(super) fn goes_by_itself(&mut self) {
        self.was_asked = false;
    }

    pub(super) fn disconnected(&mut self, now: Time) {
        if let Press::Kill(at) = self.press
            && self.was_asked
        {
            self.press = Press::Terminate(now.saturating_add(LINGER), at);
        }
    }
}

impl Policy {
    pub(super) fn dismiss(&mut self, worker: Worker, slot: usize, now: Time) {
        self.actions.push_back(Action::Disconnect { worker: worker.id });
        self.keep(worker, slot, true, now);
    }

    pub(super) fn keep_until_it_ends(&mut self, worker: Worker, slot: usize, now: Time) {
        self.keep(worker, slot, false, now);
    }

    fn keep(&mut self, worker: Worker, slot: usize, was_asked: bool, now: Time) {
        let subject = Subject { slot, pid: worker.pid };
        let press = Press::Kill(now.saturating_add(self.settings.kill_timeout));
        self.leaving.insert(worker.id, Leaving { subject, was_asked, press });
    }

    /// Those whose time is up.
    pub(super) fn press(&mut self, now: Time) {
        for (&worker, leaving) in &mut self.leaving {
            match leaving.press {
                Press::Kill(at) | Press::Terminate(_, at) if at <= now => {
                    leaving.press = Press::Killed;
                    let kill = Action::Kill { worker, signal: Signal::KILL };
                    let notice = Notice::Killed(leaving.subject, self.settings.kill_timeout);
                    self.actions.extend([Action::Print(notice), kill]);
                    if let Phase::Stopping { code } = &mut self.phase {
                        *code = exit_code::TIMED_OUT.max(*code);
                    }
                }
                Press::Terminate(at, kill) if at <= now => {
                    leaving.press = Press::Kill(kill);
                    self.actions.push_back(Action::Kill { worker, signal: Signal::TERM });
                }
                _ => {}
            }
        }
    }

    pub(super) fn kill(&mut self, worker: Worker, slot: usize) {
        let subject = Subject { slot, pid: worker.pid };
        self.leaving.insert(worker.id, Leaving { subject, was_asked: false, press: Press::Killed });
        self.actions.push_back(Action::Kill { worker: worker.id, signal: Signal::KILL });
    }

    pub(super) fn kill_all(&mut self) {
        for (&worker, leaving) in &mut self.leaving {
            leaving.press = Press::Killed;
            self.actions.push_back(Action::Kill { worker, signal: Signal::KILL });
        }
    }
}
