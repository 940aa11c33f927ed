//! [`Machine`]: which worker of a pool gets which call, and when workers begin, are replaced and end. No
//! processes, no threads, and no clock: the time comes in, and what is to be done comes out as [`Action`]s.
//!
//! A pool has places. Each has one worker that takes calls, one that is to replace it, or a pause:
//!
//! ```text
//!               start
//!   empty ────────────────► Starting ──ready──► Ready ──leaves, or is replaced──► Retiring ──┐
//!     ▲                        │                  │                                          │ its last
//!     │                        │ fails            │ channel ends                             │ call ended
//!     │ time                   ▼                  ▼                                          ▼
//!   Pausing ◄──────────── Killed ◄──time──── Ending ◄────────────────────────────────────────┘
//! ```
//!
//! From each state the end of the process leads out, and a place that is wanted is filled again. Only a worker
//! that has failed to start, or has ended before it had a call, leaves a pause behind, which grows.
//!
//! A call waits, then a worker has it, and then it is over:
//!
//! ```text
//!               hand                  answer
//!   Waiting ──────────► Handed ─────────────────► (over)
//!      ▲                  │ │                        ▲
//!      │  was not begun,  │ │ the worker is gone     │
//!      └──or idempotent───┘ └────────────────────────┘
//! ```
//!
//! A call that nobody wants any more leaves the queue at once. At a worker it keeps its slot until the worker
//! has answered, or has not in time and is killed.

mod call;
mod crew;
mod dispatch;
mod histogram;
mod place;
mod reload;
mod settings;
mod stats;
#[cfg(test)]
mod tests;
mod timers;
mod worker;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

pub(crate) use call::{CallId, Spec};
pub use histogram::Times;
pub(crate) use settings::Settings;
pub(crate) use stats::Outcome;
pub(crate) use worker::{End, WorkerId};
pub use worker::{WorkerState, WorkerStats};

use call::{Call, Queue};
use place::Place;
use stats::Stats;
use timers::Timers;
use worker::Worker;

/// Since the pool was made.
pub(crate) type Time = Duration;

/// The workers of a pool, and the calls that they are given.
pub(crate) struct Machine {
    settings: Settings,
    phase: Phase,
    places: Vec<Place>,
    /// In the order of their starts.
    workers: BTreeMap<WorkerId, Worker>,
    calls: HashMap<CallId, Call>,
    /// Calls that any worker may have.
    queue: Queue,
    /// How many calls wait, those of places too.
    waiting: usize,
    running: usize,
    last_call: u64,
    last_worker: u64,
    /// Where the search for the least busy begins.
    turn: usize,
    /// Why no worker starts.
    problem: Option<String>,
    /// More wait than there is room for at the workers, or there was no room for one more, and nobody was told of
    /// the end of that yet.
    needs_drain: bool,
    is_sweeping: bool,
    /// The places that still have to be filled by new workers.
    reload: Option<Reload>,
    reloads: u64,
    /// How many workers had to be killed since the pool was closed.
    killed: usize,
    random: u64,
    timers: Timers,
    actions: VecDeque<Action>,
    stats: Stats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    /// No more calls are taken, and those that were are carried out.
    Closing,
    /// The workers end.
    Ending,
    /// None is left.
    Over,
}

/// All workers are being replaced, one after the other.
struct Reload {
    /// The place that is being filled, and those that come later.
    left: VecDeque<usize>,
    /// Who has asked for it up to this number is told.
    upto: u64,
    /// The last who has asked meanwhile, and wants what is new since; or 0.
    again: u64,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A process is to be started. What became of it is told by `ready`, `not_started` or `gone`.
    Start {
        worker: WorkerId,
        place: usize,
    },
    /// The worker is to get this call.
    Hand {
        call: CallId,
        worker: WorkerId,
    },
    /// The call fails.
    Fail {
        call: CallId,
        why: Failure,
    },
    /// The worker is to be asked to end.
    Bye(WorkerId),
    Kill(WorkerId),
    /// A worker takes calls.
    Ready(WorkerId),
    /// A worker has ended, after it was ready.
    Ended {
        worker: WorkerId,
        end: End,
    },
    /// A worker has not started.
    NotStarted {
        worker: WorkerId,
        reason: String,
    },
    /// Nothing waits any more.
    Drained,
    /// A reload is over, with what it failed with.
    Reloaded {
        upto: u64,
        result: Result<(), Failure>,
    },
}

/// Why a call is not carried out, or has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    QueueFull { limit: usize },
    Closed,
    Cancelled,
    Start { reason: String },
    Died { begun: bool, end: End },
}

impl Machine {
    /// A pool without workers yet. `seed` makes workers that are alike end at different times.
    pub(crate) fn new(settings: Settings, seed: u64, now: Time) -> Self {
        let places = (0..settings.max).map(|_| Place::default()).collect();
        let mut machine = Machine {
            settings,
            phase: Phase::Open,
            places,
            workers: BTreeMap::new(),
            calls: HashMap::new(),
            queue: Queue::default(),
            waiting: 0,
            running: 0,
            last_call: 0,
            last_worker: 0,
            turn: 0,
            problem: None,
            needs_drain: false,
            is_sweeping: false,
            reload: None,
            reloads: 0,
            killed: 0,
            random: seed | 1,
            timers: Timers::default(),
            actions: VecDeque::new(),
            stats: Stats::default(),
        };
        if !machine.settings.lazy {
            machine.fill_least(now);
        }
        machine
    }

    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// How many workers had to be killed since the pool was closed.
    pub(crate) fn killed(&self) -> usize {
        self.killed
    }

    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether one more call can be taken on: a worker is free, or the call may wait.
    pub(crate) fn has_room(&self) -> bool {
        self.may_wait(None) || (self.queue.is_empty() && self.is_one_free())
    }

    /// Whether there was no room for a call, and is none since. A worker is starting that makes some, or pauses.
    pub(crate) fn is_room_wanted(&self) -> bool {
        let is_there =
            self.waiting < self.settings.max_queue || (self.queue.is_empty() && self.is_one_free());
        self.phase == Phase::Open && self.needs_drain && !is_there
    }

    /// Whether one more call may wait, for this place or for any. One that waits for a worker that is only
    /// starting takes no place in the queue.
    fn may_wait(&self, place: Option<usize>) -> bool {
        if self.waiting < self.settings.max_queue {
            return true;
        }
        let missing = match place {
            Some(at) => usize::from(self.is_missing(at)),
            None => (0..self.places.len()).filter(|at| self.is_missing(*at)).count(),
        };
        self.waiting < self.settings.max_queue.saturating_add(missing)
    }

    /// Whether a worker is starting here, or can be started: it will be free.
    fn is_missing(&self, at: usize) -> bool {
        let place = &self.places[at];
        place.worker.is_none() && (matches!(place.next, place::Next::Starting(_)) || self.may_start(at))
    }

    /// Whether a worker may be started here. Of each place one old worker may finish its calls: if they do not
    /// end, each old one would leave a process behind.
    fn may_start(&self, at: usize) -> bool {
        let of_place = || self.workers.values().filter(|worker| worker.place == at);
        self.places[at].is_empty() && of_place().count() < 2
    }

    fn is_one_free(&self) -> bool {
        let is_free = |id| self.workers.get(id).is_some_and(Worker::is_free);
        self.places.iter().filter_map(|place| place.worker.as_ref()).any(is_free)
    }

    /// Whether as many workers take calls as there are at least.
    pub(crate) fn is_ready(&self) -> bool {
        self.places.iter().filter(|place| place.worker.is_some()).count() >= self.settings.min.max(1)
    }

    /// What a worker that is there does.
    pub(crate) fn state_of(&self, id: WorkerId) -> Option<WorkerState> {
        self.workers.get(&id).map(|worker| worker.state)
    }

    /// The workers that have calls or may have some.
    pub(crate) fn live(&self) -> impl Iterator<Item = WorkerId> {
        let live = |worker: &Worker| matches!(worker.state, WorkerState::Ready | WorkerState::Retiring);
        self.workers.iter().filter(move |(_, worker)| live(worker)).map(|(id, _)| *id)
    }

    /// The worker that calls with this key go to, if it is there.
    pub(crate) fn worker_of(&self, key: &str) -> Option<WorkerId> {
        self.places[place::place_of(key, self.places.len())].worker
    }

    /// A number below `below`, which must not be 0.
    fn random(&mut self, below: u64) -> u64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }
}
