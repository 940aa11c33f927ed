//! What the world does when the policy tells it to, and whether it may.

use crossfork::Signal;
use crossfork::supervisor::policy::{Action, DARK_PAUSE, LAST_WARNING, Notice, SECOND_LISTEN};

use super::{KILL_TIMEOUT, LISTEN_TIMEOUT, Worker, World};

impl World {
    pub(super) fn obey(&mut self) {
        while let Some(action) = self.policy.poll_action() {
            assert_eq!(self.done, None, "{action:?} after the end");
            match action {
                Action::Fork { slot } => self.fork(slot),
                Action::Hold { worker } => {
                    assert!(!self.worker(worker).listens, "it may have connections");
                    self.worker(worker).held = true;
                }
                Action::Serve { worker } => {
                    assert!(std::mem::take(&mut self.worker(worker).held), "it was not held");
                    assert!(self.worker(worker).stays());
                }
                Action::Retire { worker } => self.retire(worker),
                Action::Disconnect { worker } => self.disconnect(worker),
                Action::Kill { worker, signal } => self.kill(worker, signal),
                Action::Ask { worker } => self.ask(worker),
                Action::Probe { worker } => {
                    assert_ne!(self.worker(worker).probe, Some(false), "two requests at once");
                    assert_ne!(self.worker(worker).probe, Some(true), "it has answered well");
                    self.worker(worker).probe = Some(false);
                }
                Action::CloseUnusedServers => self.closed_servers += 1,
                Action::Print(notice) => {
                    assert!(!notice.to_string().is_empty());
                    self.stopping |= matches!(notice, Notice::GivingUp { .. });
                    self.notices.push(notice);
                }
                Action::Done { code } => {
                    assert!(self.workers.is_empty(), "{:?} are left behind", self.workers);
                    self.done = Some(code);
                }
            }
        }
        self.assert_that_nothing_stays_dark();
    }

    /// Where nobody serves and nobody is on the way, somebody soon is.
    pub(super) fn assert_that_nothing_stays_dark(&self) {
        if !self.stopping && self.done.is_none() && !self.workers.values().any(Worker::stays) {
            let next = self.policy.next_tick();
            assert!(
                next.is_some_and(|at| at <= self.now + DARK_PAUSE),
                "dark until {next:?}, at {:?}",
                self.now
            );
        }
    }

    fn fork(&mut self, slot: usize) {
        self.forks.push((self.now, slot));
        if self.forks_fail {
            return self.policy.fork_failed(slot, "no process is free".into(), self.now);
        }
        self.ids += 1;
        self.workers.insert(self.ids, Worker { slot, forked: self.now, ..Worker::default() });
        self.policy.forked(slot, self.ids, 10_000 + self.ids, self.now);
        let there = self.workers.values().filter(|w| w.slot == slot && w.stays()).count();
        assert!(there <= 2, "{there} workers in one instance");
    }

    /// Only those are asked that are up, stay, and have answered before.
    fn ask(&mut self, id: u32) {
        let now = self.now;
        let worker = self.worker(id);
        assert!(worker.stays() && worker.asked_to_answer.is_none(), "{worker:?}");
        worker.asked_to_answer = Some(now);
    }

    /// Nobody is to go in whose place nobody is up.
    fn retire(&mut self, id: u32) {
        let worker = self.worker(id);
        if worker.hung {
            worker.retired = true;
            return;
        }
        assert!(worker.stays(), "it goes already: {worker:?}");
        worker.retired = true;
        let slot = worker.slot;
        let is_successor = |w: &Worker| {
            w.slot == slot
                && w.stays()
                && !w.held
                && w.cannot_listen.is_none()
                && (w.listens || w.is_online || w.is_ready)
        };
        assert!(self.workers.values().any(is_successor), "instance {slot} is empty now");
    }

    fn disconnect(&mut self, id: u32) {
        let (stopping, now) = (self.stopping, self.now);
        let worker = self.worker(id);
        // Its reload has failed while it was forked.
        let is_unwanted = worker.forked == now && !worker.is_online && !worker.listens;
        assert!(stopping || worker.retired || is_unwanted, "it serves: {worker:?}");
        assert!(!worker.asked && !worker.left, "it goes already: {worker:?}");
        self.leaves(id).asked = true;
    }

    /// Nobody who serves is killed, if it is not that all are to end.
    fn kill(&mut self, id: u32, signal: Signal) {
        let stopping = self.stopping;
        let (now, drains, hang_timeout) = (self.now, self.settings.drains, self.settings.hang_timeout);
        let worker = self.worker(id);
        assert!(stopping || !worker.signals.contains(&signal), "again {signal}");
        worker.signals.push(signal);
        let worker = worker.clone();
        if signal != Signal::KILL {
            let is_last = worker.leaves_since.is_some_and(|since| now >= since + KILL_TIMEOUT - LAST_WARNING);
            let is_free = (!drains || worker.cannot_drain) && worker.asked && worker.disconnected;
            let hangs = worker.asked_to_answer.is_some_and(|asked| now >= asked + hang_timeout);
            self.worker(id).hung = !is_last && !is_free && hangs;
            assert!(is_last || is_free || hangs, "SIGTERM while it may have connections: {worker:?}");
        } else if !stopping && !worker.retired && !worker.left && !worker.hung {
            let is_old = |(other, w): (&u32, &Worker)| *other < id && w.slot == worker.slot && w.stays();
            let had_time = now >= worker.forked + LISTEN_TIMEOUT
                || worker.cannot_listen.is_some_and(|since| now >= since + SECOND_LISTEN);
            assert!(!self.serves(id), "it serves: {worker:?}");
            assert!(
                had_time || self.workers.iter().any(is_old),
                "nobody else is in its instance: {worker:?}"
            );
        }
    }
}
