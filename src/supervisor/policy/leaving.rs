//! Workers that leave: what they are asked, and what is done when they do not end.

use std::time::Duration;

use super::notice::{Ended, Notice, Subject};
use super::{Action, Policy, Time, Worker};
use crate::process::Signal;

/// How long before SIGKILL a worker gets the stop signal, if it has not had it. Half of the kill timeout
/// if that is shorter.
pub const LAST_WARNING: Duration = Duration::from_secs(2);

/// How long a worker that hangs has from its signal to SIGKILL. Half of the kill timeout if that is
/// shorter.
pub const HANGING_GRACE: Duration = Duration::from_secs(2);

/// How long a worker gets no more connections before it is asked to go. Asked at once, an HTTP
/// server of Node 26 would close those that it has just got, and that have not brought their
/// request yet.
pub const RETIREMENT: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) struct Leaving {
    pub(super) subject: Subject,
    /// By us, and it has not said since that it leaves by itself.
    was_asked: bool,
    /// It drains itself, and tells its program.
    pub(super) drains: bool,
    press: Press,
}

/// What comes next for it.
#[derive(Clone, Copy, Debug)]
enum Press {
    /// It is asked to go.
    Ask(Time),
    /// The stop signal, and then SIGKILL.
    Signal { at: Time, kill: Time },
    /// The stop signal as the last warning before SIGKILL.
    Warn { at: Time, kill: Time },
    /// SIGKILL. It may have had the last warning.
    Kill { at: Time, was_warned: bool },
    /// SIGKILL, for it hangs and has had the stop signal.
    KillHanging(Time),
    /// Nothing comes after SIGKILL.
    Killed,
}

impl Leaving {
    pub(super) fn next_tick(&self) -> Option<Time> {
        match self.press {
            Press::Ask(at)
            | Press::Signal { at, .. }
            | Press::Warn { at, .. }
            | Press::Kill { at, .. }
            | Press::KillHanging(at) => Some(at),
            Press::Killed => None,
        }
    }

    /// It leaves without having been asked.
    fn goes_by_itself(&mut self, end: Press) {
        self.was_asked = false;
        if let Press::Ask(_) = self.press {
            self.press = end;
        }
    }

    /// Its channel has ended, and the cluster's connections with it (CLU-18). It may have others, and work
    /// that is not done; or a timer keeps it for ever. From `signal` on it is told to end by a signal.
    fn disconnected(&mut self, signal: Time, end: Press) {
        match self.press {
            Press::Ask(_) => self.press = end,
            Press::Warn { at, kill } if self.was_asked && signal < at => {
                self.press = Press::Signal { at: signal, kill };
            }
            Press::Signal { .. }
            | Press::Warn { .. }
            | Press::Kill { .. }
            | Press::KillHanging(_)
            | Press::Killed => {}
        }
    }

    /// Whether it was made to end, in the midst of what it did.
    pub(super) fn was_cut(&self, how: Ended) -> bool {
        match self.press {
            Press::Kill { was_warned, .. } => was_warned && matches!(how, Ended::Signal(_)),
            Press::Killed => true,
            // What was cut was cut before, and not by a stop.
            Press::KillHanging(_) | Press::Ask(_) | Press::Signal { .. } | Press::Warn { .. } => false,
        }
    }
}

impl Policy {
    /// Asks it to go.
    pub(super) fn dismiss(&mut self, worker: Worker, slot: usize, now: Time) {
        self.actions.push_back(Action::Disconnect { worker: worker.id });
        self.keep(worker, slot, true, self.end(now));
    }

    /// Asks it to go, when it has begun what it was given.
    pub(super) fn retire(&mut self, worker: Worker, slot: usize, now: Time) {
        self.actions.push_back(Action::Retire { worker: worker.id });
        self.keep(worker, slot, false, Press::Ask(now.saturating_add(RETIREMENT)));
    }

    /// It hangs, and cannot finish anything. A signal comes first all the same: a program without a handler for it
    /// ends at once, and one that computes for long, and has a handler, may come to it.
    pub(super) fn break_off(&mut self, worker: Worker, slot: usize, now: Time) {
        let signal = self.settings.hang_signal;
        self.actions.push_back(Action::Kill { worker: worker.id, signal });
        // When its event loop runs again, it is to get no more connections.
        self.actions.push_back(Action::Retire { worker: worker.id });
        self.keep(worker, slot, false, Press::KillHanging(now.saturating_add(self.hanging_grace())));
    }

    fn hanging_grace(&self) -> Duration {
        HANGING_GRACE.min(self.settings.kill_timeout / 2)
    }

    pub(super) fn keep_until_it_ends(&mut self, worker: Worker, slot: usize, now: Time) {
        self.keep(worker, slot, false, self.end(now));
    }

    /// The worker has said that it leaves. One that was asked to may do so too.
    pub(super) fn goes_by_itself(&mut self, id: u32, now: Time) {
        let end = self.end(now);
        if let Some(leaving) = self.leaving.get_mut(&id) {
            leaving.goes_by_itself(end);
        }
    }

    pub(super) fn channel_ended(&mut self, id: u32, now: Time) {
        let end = self.end(now);
        let signal_after = self.settings.signal_after;
        if let Some(leaving) = self.leaving.get_mut(&id) {
            let signal = match leaving.drains {
                // It tells the program itself, and the program may be about to finish.
                true => Time::MAX,
                false => now.saturating_add(signal_after),
            };
            leaving.disconnected(signal, end);
        }
    }

    /// How a worker is ended that goes from now on: no SIGKILL comes without a signal before it.
    fn end(&self, now: Time) -> Press {
        let timeout = self.settings.kill_timeout;
        let warning = LAST_WARNING.min(timeout / 2);
        Press::Warn { at: now.saturating_add(timeout - warning), kill: now.saturating_add(timeout) }
    }

    fn keep(&mut self, worker: Worker, slot: usize, was_asked: bool, press: Press) {
        let subject = Subject { slot, pid: worker.pid };
        self.end_probe(worker.id);
        self.leaving.insert(worker.id, Leaving { subject, was_asked, drains: worker.drains, press });
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
        let end = self.end(now);
        let grace = self.hanging_grace();
        for (&worker, leaving) in &mut self.leaving {
            let signal = self.settings.stop_signal;
            match leaving.press {
                Press::Signal { at, kill } if at <= now => {
                    leaving.press = Press::Kill { at: kill, was_warned: false };
                    self.actions.push_back(Action::Kill { worker, signal });
                }
                Press::Warn { at, kill } if at <= now => {
                    leaving.press = Press::Kill { at: kill, was_warned: true };
                    let notice = Notice::Warned(leaving.subject, signal);
                    self.actions.extend([Action::Print(notice), Action::Kill { worker, signal }]);
                }
                _ => {}
            }
            match leaving.press {
                Press::Ask(at) if at <= now => {
                    leaving.was_asked = true;
                    leaving.press = end;
                    self.actions.push_back(Action::Disconnect { worker });
                }
                Press::Kill { at, .. } | Press::KillHanging(at) if at <= now => {
                    let time = match leaving.press {
                        Press::KillHanging(_) => grace,
                        _ => self.settings.kill_timeout,
                    };
                    leaving.press = Press::Killed;
                    let kill = Action::Kill { worker, signal: Signal::KILL };
                    let notice = Notice::Killed(leaving.subject, time);
                    self.actions.extend([Action::Print(notice), kill]);
                }
                _ => {}
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
