//! In any order of calls, answers, deaths, reloads and ends: no call is lost, answered twice, or carried out
//! twice unless that was said to do no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Make { key: Option<u8>, priority: i8, retries: u8 },
    Abandon(usize),
    Answer(usize),
    NotBegun(usize),
    Ready(usize),
    NotReady(usize),
    Die(usize),
    Obey,
    Memory(usize, u8),
    Pass(u16),
    Reload,
    CancelWaiting,
    Close,
    Destroy,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (prop::option::of(0..3_u8), -1..=1_i8, 0..3_u8)
            .prop_map(|(key, priority, retries)| Step::Make { key, priority, retries }),
        3 => any::<usize>().prop_map(Step::Abandon),
        10 => any::<usize>().prop_map(Step::Answer),
        2 => any::<usize>().prop_map(Step::NotBegun),
        10 => any::<usize>().prop_map(Step::Ready),
        1 => any::<usize>().prop_map(Step::NotReady),
        3 => any::<usize>().prop_map(Step::Die),
        6 => Just(Step::Obey),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(worker, bytes)| Step::Memory(worker, bytes)),
        4 => any::<u16>().prop_map(Step::Pass),
        1 => Just(Step::Reload),
        1 => Just(Step::CancelWaiting),
        1 => Just(Step::Close),
        1 => Just(Step::Destroy),
    ]
}

/// What is known of a call from outside.
#[derive(Default)]
struct Seen {
    retries: u32,
    key: Option<u8>,
    /// How many times a worker has died under it.
    begun: u32,
    has: Option<WorkerId>,
    is_abandoned: bool,
    is_over: bool,
}

struct World {
    kit: Kit,
    calls: BTreeMap<CallId, Seen>,
    places: BTreeMap<u8, usize>,
    concurrency: usize,
}

impl World {
    /// Checks what was asked for since.
    fn look(&mut self) {
        for (call, worker) in std::mem::take(&mut self.kit.handed) {
            let seen = self.calls.get_mut(&call).expect("a call that was made");
            assert!(!seen.is_over && !seen.is_abandoned, "{call:?} is handed over behind its end");
            assert_eq!(seen.has, None, "{call:?} is handed over twice");
            assert!(seen.begun <= seen.retries, "{call:?} is made more often than was said");
            seen.has = Some(worker);
            let place = *self.kit.workers.get(&worker).expect("a worker that is there");
            if let Some(key) = seen.key {
                assert_eq!(*self.places.entry(key).or_insert(place), place, "the place of a key");
            }
        }
        for (call, _) in std::mem::take(&mut self.kit.failed) {
            let seen = self.calls.get_mut(&call).expect("a call that was made");
            assert!(!seen.is_over && !seen.is_abandoned, "{call:?} fails behind its end");
            // A worker may still have it; nobody waits.
            seen.is_abandoned = true;
            seen.is_over = true;
        }
        let mut load = BTreeMap::new();
        for worker in self.calls.values().filter_map(|seen| seen.has) {
            *load.entry(worker).or_insert(0) += 1;
        }
        assert!(load.values().all(|load| *load <= self.concurrency), "{load:?}");
        assert_eq!(self.kit.machine.running(), load.values().sum::<usize>());
        let waiting =
            self.calls.values().filter(|seen| !seen.is_over && !seen.is_abandoned && seen.has.is_none());
        assert_eq!(self.kit.machine.waiting(), waiting.count());
    }

    fn handed(&self, n: usize) -> Option<(CallId, WorkerId)> {
        let handed: Vec<_> = self.calls.iter().filter_map(|(id, seen)| Some((*id, seen.has?))).collect();
        (!handed.is_empty()).then(|| handed[n % handed.len()])
    }

    fn worker(&self, n: usize) -> Option<WorkerId> {
        let workers: Vec<_> = self.kit.workers.keys().copied().collect();
        (!workers.is_empty()).then(|| workers[n % workers.len()])
    }

    fn answer(&mut self, call: CallId, worker: WorkerId) {
        let seen = self.calls.get_mut(&call).unwrap();
        seen.has = None;
        seen.is_over = true;
        self.kit.machine.freed(call, worker, self.kit.now);
    }

    fn gone(&mut self, worker: WorkerId) {
        for seen in self.calls.values_mut().filter(|seen| seen.has == Some(worker)) {
            seen.has = None;
            seen.begun += 1;
        }
        self.kit.byes.retain(|other| *other != worker);
        self.kit.kills.retain(|other| *other != worker);
        self.kit.die(worker);
    }

    fn obey(&mut self) {
        let asked: BTreeSet<_> = self.kit.byes.drain(..).chain(self.kit.kills.drain(..)).collect();
        for worker in asked {
            if self.kit.workers.contains_key(&worker) {
                self.gone(worker);
                self.look();
            }
        }
    }

    fn step(&mut self, step: Step) {
        let now = self.kit.now;
        match step {
            Step::Make { key, priority, retries } => {
                let name = key.map(|key| key.to_string());
                let retries = u32::from(retries);
                let spec = Spec { key: name.as_deref(), priority: priority.into(), retries };
                if let Ok(id) = self.kit.machine.make(spec, now) {
                    self.calls.insert(id, Seen { retries, key, ..Seen::default() });
                }
            }
            Step::Abandon(n) => {
                let open = |seen: &Seen| !seen.is_over && !seen.is_abandoned;
                let calls: Vec<_> = self.calls.iter().filter(|(_, s)| open(s)).map(|(id, _)| *id).collect();
                if !calls.is_empty() {
                    let id = calls[n % calls.len()];
                    self.calls.get_mut(&id).unwrap().is_abandoned = true;
                    self.kit.machine.abandon(id, now);
                }
            }
            Step::Answer(n) => {
                if let Some((call, worker)) = self.handed(n) {
                    self.answer(call, worker);
                }
            }
            Step::NotBegun(n) => {
                if let Some((call, worker)) = self.handed(n) {
                    self.calls.get_mut(&call).unwrap().has = None;
                    self.kit.machine.not_begun(call, worker, now);
                }
            }
            Step::Ready(n) => {
                if let Some(worker) = self.worker(n) {
                    self.kit.starting.retain(|other| *other != worker);
                    self.kit.machine.ready(worker, 2, now);
                }
            }
            Step::NotReady(n) => {
                if let Some(worker) = self.worker(n) {
                    self.kit.machine.not_ready(worker, "why".into());
                }
            }
            Step::Die(n) => {
                if let Some(worker) = self.worker(n) {
                    self.gone(worker);
                }
            }
            Step::Obey => self.obey(),
            Step::Memory(n, bytes) => {
                if let Some(worker) = self.worker(n) {
                    self.kit.machine.resident(worker, bytes.into(), now);
                }
            }
            Step::Pass(ms) => self.kit.pass(Duration::from_millis(ms.into())),
            Step::Reload => self.kit.reload(),
            Step::CancelWaiting => self.kit.machine.cancel_waiting(now),
            Step::Close => self.kit.machine.close(now),
            Step::Destroy => self.kit.machine.destroy(now),
        }
        self.kit.look();
        self.look();
    }

    /// Closes the pool, with workers that do what they should.
    fn finish(&mut self) {
        self.kit.close();
        for _ in 0..10_000 {
            if self.kit.is_over() {
                break;
            }
            self.kit.all_ready();
            self.look();
            while let Some((call, worker)) = self.handed(0) {
                self.answer(call, worker);
                self.kit.look();
                self.look();
            }
            self.obey();
            self.kit.pass(Duration::from_millis(500));
            self.look();
        }
        assert!(self.kit.is_over(), "it does not end");
        let open: Vec<_> =
            self.calls.iter().filter(|(_, seen)| !seen.is_over && !seen.is_abandoned).collect();
        assert!(open.is_empty(), "{} calls were lost", open.len());
        assert_eq!((self.kit.machine.running(), self.kit.machine.waiting()), (0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_call_is_lost_answered_twice_or_made_twice(
        steps in prop::collection::vec(step(), 1..150),
        (min, more, lazy) in (0..3_usize, 0..3_usize, any::<bool>()),
        max_calls in prop::option::of(1..5_u64),
    ) {
        let settings = Settings {
            min,
            max: (min + more).max(1),
            lazy,
            max_queue: 20,
            max_calls,
            max_age: Some(Duration::from_secs(100)),
            max_memory: Some(200),
            ..Settings::default()
        };
        let kit = Kit::new(settings);
        let mut world = World { kit, calls: BTreeMap::new(), places: BTreeMap::new(), concurrency: 2 };
        for step in steps {
            world.step(step);
        }
        world.finish();
    }
}
