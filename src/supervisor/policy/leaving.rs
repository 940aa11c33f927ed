//! Workers that leave: what they are asked, and what is done when they do not end.

use std::time::Duration;

use super::notice::{Notice, Subject};
use super::{Action, Phase, Policy, Time, Worker, exit_code};
use crate::signal::Signal;

/// How long a worker that was asked to go may live without its channel before it gets a SIGTERM. It
/// has no connections any more (CLU-18), and what keeps it, a timer or a pool of a database, may do
/// so for ever. One that leaves by itself may still have requests to finish (CLU-19).
pub const LINGER: Duration = Duration::from_secs(1);

/// How long a worker gets no more connections before it is asked to go. Asked at once, an HTTP
/// server of Node 26 would close those that it has just got, and that have not brought their
/// request yet.
pub const RETIREMENT: Duration = Duration::from_secs(1);

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
    /// It is asked to go.
    Ask(Time),
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
            Press::Ask(at) | Press::Kill(at) => Some(at),
            Press::Terminate(at, kill) => Some(at.min(kill)),
            Press::Killed => None,
        }
    }

    /// And may have until then.
    pub(super) fn goes_by_itself(&mut self, kill: Time) {
        self.was_asked = false;
        if let Press::Ask(_) = self.press {
            self.press = Press::Kill(kill);
        }
    }

    pub(super) fn disconnected(&mut self, now: Time, kill: Time) {
        match self.press {
            Press::Ask(_) => self.press = Press::Kill(kill),
            Press::Kill(at) if self.was_asked => {
                self.press = Press::Terminate(now.saturating_add(LINGER), at);
            }
            Press::Kill(_) | Press::Terminate(..) | Press::Killed => {}
        }
    }
}

impl Policy {
    /// Asks it to go.
    pub(super) fn dismiss(&mut self, worker: Worker, slot: usize, now: Time) {
        self.actions.push_back(Action::Disconnect { worker: worker.id });
        self.keep(worker, slot, true, Press::Kill(self.deadline(now)));
    }

    /// Asks it to go, when it has begun what it was given.
    pub(super) fn retire(&mut self, worker: Worker, slot: usize, now: Time) {
        self.actions.push_back(Action::Retire { worker: worker.id });
        self.keep(worker, slot, false, Press::Ask(now.saturating_add(RETIREMENT)));
    }

    pub(super) fn keep_until_it_ends(&mut self, worker: Worker, slot: usize, now: Time) {
        self.keep(worker, slot, false, Press::Kill(self.deadline(now)));
    }

    /// Until when a worker must have ended that goes from now on.
    pub(super) fn deadline(&self, now: Time) -> Time {
        now.saturating_add(self.settings.kill_timeout)
    }

    fn keep(&mut self, worker: Worker, slot: usize, was_asked: bool, press: Press) {
        let subject = Subject { slot, pid: worker.pid };
        self.leaving.insert(worker.id, Leaving { subject, was_asked, press });
    }

    /// Those that were to be asked later are asked at once.
    pub(super) fn ask_retired(&mut self, now: Time) {
        for leaving in self.leaving.values_mut() {
            if let Press::Ask(at) = &mut leaving.press {
                *at = now;
            }
        }
        self.press(now);
    }

    /// Those whose time is up.
    pub(super) fn press(&mut self, now: Time) {
        let deadline = self.deadline(now);
        for (&worker, leaving) in &mut self.leaving {
            match leaving.press {
                Press::Ask(at) if at <= now => {
                    leaving.was_asked = true;
                    leaving.press = Press::Kill(deadline);
                    self.actions.push_back(Action::Disconnect { worker });
                }
                Press::Kill(at) | Press::Terminate(_, at) if at <= now => {
                    leaving.press = Press::Killed;
                    let kill = Action::Kill { worker, signal: Signal::KILL };
                    let notice = Notice::Killed(leaving.subject, self.settings.kill_timeout);
                    self.actions.extend([Action::Print(notice), kill]);
                    if let Phase::Stopping { code: code @ exit_code::STOPPED, .. } = &mut self.phase {
                        *code = exit_code::TIMED_OUT;
                    }
                }
                Press::Terminate(at, kill) if at <= now => {
                    leaving.press = Press::Kill(kill);
                    self.actions.push_back(Action::Kill { worker, signal: Signal::TERM });
                }
                Press::Ask(_) | Press::Kill(_) | Press::Terminate(..) | Press::Killed => {}
            }
        }
    }

    pub(super) fn kill(&mut self, worker: Worker, slot: usize) {
        self.keep(worker, slot, false, Press::Killed);
        self.actions.push_back(Action::Kill { worker: worker.id, signal: Signal::KILL });
    }

    pub(super) fn kill_all(&mut self) {
        for (&worker, leaving) in &mut self.leaving {
            leaving.press = Press::Killed;
            self.actions.push_back(Action::Kill { worker, signal: Signal::KILL });
        }
    }
}
