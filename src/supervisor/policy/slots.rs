//! The instances, and who is in them.

use std::time::Duration;

use super::notice::{Notice, Subject};
use super::reload::Reload;
use super::watch::Watch;
use super::{Action, Policy, SETTLE, Time};

/// How long a worker that cannot listen on one address may take to listen on another, or to exit. Programs try the
/// next port, or the same port again.
pub const SECOND_LISTEN: Duration = Duration::from_secs(1);

/// How many times [`Settings::listen_timeout`](super::Settings::listen_timeout) a start may take.
pub const MOST_PATIENCE: u32 = 10;

#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) state: State,
    /// How many starts in a row have failed: the worker was lost before it was up, or soon after it without
    /// having been of use.
    pub(super) failures: u32,
    /// There is a server in this instance.
    pub(super) has_listened: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// Nobody is here until then.
    Waiting { until: Time, after: Loss },
    /// A fork was ordered.
    Forking,
    /// It was forked.
    Starting(Worker),
    /// It serves, since then.
    Up(Worker, Time),
    /// Nobody is here, and nobody comes.
    Closed,
}

/// What a slot has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// A worker that was never up.
    Start,
    /// A worker that was up for less than [`PROVEN`](super::PROVEN), and has accepted no connection.
    Idler,
    /// A worker that has served.
    Server,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Worker {
    pub(super) id: u32,
    pub(super) pid: u32,
    pub(super) started: Time,
    pub(super) online: Option<Time>,
    /// It gets no connections before it is up.
    pub(super) is_held: bool,
    pub(super) watch: Watch,
    pub(super) listens: bool,
    /// It has said that it is, where that counts.
    pub(super) is_ready: bool,
    /// When it was told that it cannot listen, if it does not listen on anything else.
    pub(super) cannot_listen: Option<Time>,
    /// It may have accepted a connection.
    pub(super) has_served: bool,
    pub(super) drains: bool,
}

impl Worker {
    pub(super) fn new(id: u32, pid: u32, started: Time, is_held: bool, drains: bool) -> Self {
        Worker {
            id,
            pid,
            started,
            online: None,
            is_held,
            watch: Watch::default(),
            listens: false,
            is_ready: false,
            cannot_listen: None,
            has_served: false,
            drains,
        }
    }

    /// It is not asked any more, and what it was asked does not count.
    pub(super) fn unwatched(self) -> Self {
        Worker { watch: Watch::default(), ..self }
    }

    /// When it has had its time to listen on something else.
    pub(super) fn second_listen_is_due(&self) -> Option<Time> {
        self.cannot_listen.map(|since| since.saturating_add(SECOND_LISTEN))
    }
}

/// Where a worker that serves, or is to serve, can be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Slot(usize),
    Newcomer(usize),
}

impl Slot {
    pub(super) fn up_since(&self) -> Option<Time> {
        match self.state {
            State::Up(_, since) => Some(since),
            State::Waiting { .. } | State::Forking | State::Starting(_) | State::Closed => None,
        }
    }

    pub(super) fn close_if_forking(&mut self) {
        if matches!(self.state, State::Forking) {
            self.state = State::Closed;
        }
    }
}

impl Policy {
    /// When this worker of this slot counts as up even though it does not listen.
    pub(super) fn settled(&self, slot: usize, worker: &Worker) -> Option<Time> {
        let is_told = self.tells_when_up() || self.slots[slot].has_listened;
        let is_told = is_told || worker.cannot_listen.is_some();
        worker.online.filter(|_| !is_told).map(|online| online.saturating_add(SETTLE))
    }

    /// When this worker of this slot must be up. A program that has never listened may take its time. Each
    /// failure gives the next start more, for one that is slow today would else never come up, but no more than
    /// [`MOST_PATIENCE`] times as much: after a night of failures one that hangs must be seen.
    pub(super) fn boot_deadline(&self, slot: usize, worker: &Worker) -> Option<Time> {
        let Slot { has_listened, failures, .. } = self.slots[slot];
        let time = self.settings.listen_timeout.saturating_mul(failures.saturating_add(1).min(MOST_PATIENCE));
        let time = (has_listened || self.tells_when_up()).then(|| worker.started.saturating_add(time));
        time.into_iter().chain(worker.second_listen_is_due()).min()
    }

    /// Workers are up when they say so, or answer well, and not because they listen or run.
    pub(super) fn tells_when_up(&self) -> bool {
        self.settings.wait_ready || self.settings.probes
    }

    /// It hangs.
    pub(super) fn boot_timed_out(&mut self, slot: usize, now: Time) {
        let worker = self.vacate(slot);
        let why = self.why_not_up(&worker);
        let subject = Subject { slot, pid: worker.pid };
        self.print(match worker.cannot_listen {
            Some(_) => Notice::ListensNowhere(subject),
            None => Notice::NotUp(subject, now.saturating_sub(worker.started), why.clone()),
        });
        self.kill(worker, slot);
        match self.newcomer_moves_in(slot) {
            true => self.keep_serving(now),
            false => self.start_failed(slot, why, now),
        }
    }

    /// Of use from now on.
    pub(super) fn up(&mut self, slot: usize, now: Time) {
        let State::Starting(worker) = self.slots[slot].state else {
            return;
        };
        self.enter(slot, worker, now);
        self.is_up_in_place(slot, now);
    }

    pub(super) fn enter(&mut self, slot: usize, worker: Worker, now: Time) {
        if worker.is_held {
            self.actions.push_back(Action::Serve { worker: worker.id });
        }
        self.slots[slot].state = State::Up(Worker { is_held: false, ..worker }, now);
        self.came_up(now);
        let listens = self.slots[slot].has_listened;
        self.print(Notice::Up(Subject { slot, pid: worker.pid }, listens));
    }

    pub(super) fn vacate(&mut self, slot: usize) -> Worker {
        match std::mem::replace(&mut self.slots[slot].state, State::Closed) {
            State::Starting(worker) | State::Up(worker, _) => worker,
            State::Waiting { .. } | State::Forking | State::Closed => {
                unreachable!("a place is that of a worker")
            }
        }
    }

    pub(super) fn place(&self, id: u32) -> Option<Place> {
        let of = |state: &State| match state {
            State::Starting(worker) | State::Up(worker, _) => worker.id == id,
            State::Waiting { .. } | State::Forking | State::Closed => false,
        };
        let slot = self.slots.iter().position(|slot| of(&slot.state)).map(Place::Slot);
        slot.or_else(|| self.newcomer_place(id))
    }

    /// A worker that serves, or is to serve.
    pub(super) fn worker_mut(&mut self, id: u32) -> Option<&mut Worker> {
        let slots = self.slots.iter_mut().filter_map(|slot| match &mut slot.state {
            State::Starting(worker) | State::Up(worker, _) => Some(worker),
            State::Waiting { .. } | State::Forking | State::Closed => None,
        });
        let newcomers = self.reload.iter_mut().flat_map(Reload::newcomers);
        slots.chain(newcomers).find(|worker| worker.id == id)
    }

    /// A worker that was taken for up cannot listen: it is starting still. If none has ever listened, none was up.
    pub(super) fn is_not_up(&mut self, slot: usize) {
        if let State::Up(worker, _) = self.slots[slot].state {
            self.slots[slot].state = State::Starting(worker.unwatched());
            self.has_been_up = self.slots.iter().any(|slot| slot.has_listened);
            self.trial_in_place_is_off(slot);
        }
    }
}
