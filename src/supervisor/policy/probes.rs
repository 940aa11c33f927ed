//! Workers that are asked for a page before they count as up.
//!
//! ```text
//!   it listens, or has sent 'ready'     answered well
//!  ────────────────────────► Asking ──────────────────► up
//!                             ▲  │ not, or not yet
//!              after a pause  │  ▼
//!                            Failed
//! ```
//!
//! There is no end to it but the time that a start may take, or an answer that shows that it never will.

use std::time::Duration;

use super::{Action, Newcomer, Place, Policy, State, Time, Worker};

/// What a worker has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probed {
    /// What it should.
    Well,
    /// Something else, and it is asked again: in words such as "answers with status 500".
    NotYet(String),
    /// It will not answer well, however often it is asked.
    Never(String),
}

/// How long it takes until a worker is asked again.
pub const PROBE_PAUSE: Duration = Duration::from_millis(200);

#[derive(Clone, Debug, Default)]
pub(super) struct Probe {
    /// When it is asked again, if it is not being asked.
    again: Option<Time>,
    /// Why it did not answer well, the last time.
    why: Option<String>,
}

impl Policy {
    /// The worker was asked for the page.
    pub fn probed(&mut self, id: u32, result: Probed, now: Time) {
        let Some(probe) = self.probes.get_mut(&id) else {
            return;
        };
        match result {
            Probed::Well => {
                self.end_probe(id);
                // So it listens somewhere.
                if let Some(worker) = self.worker_mut(id) {
                    worker.cannot_listen = None;
                }
                self.is_up(id, now);
            }
            Probed::NotYet(why) => {
                *probe = Probe { again: Some(now.saturating_add(PROBE_PAUSE)), why: Some(why) };
            }
            Probed::Never(why) => {
                *probe = Probe { again: None, why: Some(why) };
                self.cannot_come_up(id, now);
            }
        }
    }

    fn cannot_come_up(&mut self, id: u32, now: Time) {
        match self.place(id) {
            Some(Place::Slot(slot)) => self.boot_timed_out(slot, now),
            Some(Place::Newcomer(slot)) => self.newcomer_timed_out(slot, now),
            None => {}
        }
    }

    /// The worker has done by itself what there is to do until it is up.
    pub(super) fn has_come(&mut self, id: u32, now: Time) {
        if !self.settings.probes {
            self.is_up(id, now);
        } else if self.is_starting(id) && !self.probes.contains_key(&id) {
            self.probes.insert(id, Probe::default());
            self.actions.push_back(Action::Probe { worker: id });
        }
    }

    pub(super) fn probe_tick(&self) -> Option<Time> {
        self.probes.values().filter_map(|probe| probe.again).min()
    }

    pub(super) fn tick_probes(&mut self, now: Time) {
        for (&worker, probe) in &mut self.probes {
            if probe.again.is_some_and(|at| at <= now) {
                probe.again = None;
                self.actions.push_back(Action::Probe { worker });
            }
        }
    }

    /// It is asked no more.
    pub(super) fn end_probe(&mut self, id: u32) {
        self.probes.remove(&id);
    }

    fn is_starting(&mut self, id: u32) -> bool {
        match self.place(id) {
            Some(Place::Slot(slot)) => matches!(self.slots[slot].state, State::Starting(_)),
            Some(Place::Newcomer(slot)) => matches!(self.newcomer(slot), Some(Newcomer::Starting(_))),
            None => false,
        }
    }

    /// Why this worker is not up, as in "does not listen".
    pub(super) fn why_not_up(&self, worker: &Worker) -> String {
        match self.probes.get(&worker.id) {
            _ if worker.cannot_listen.is_some() => "cannot listen".to_owned(),
            None if self.settings.wait_ready => "has not sent 'ready'".to_owned(),
            None => "does not listen".to_owned(),
            Some(Probe { why: Some(why), .. }) => why.clone(),
            Some(Probe { why: None, .. }) => "has not answered the request of --ready-url".to_owned(),
        }
    }
}
