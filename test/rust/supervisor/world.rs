//! Workers and a clock that the policy takes for real ones, and what must hold whatever happens.

#[path = "world/obeying.rs"]
mod obeying;

use std::collections::BTreeMap;
use std::time::Duration;

use crossfork::Signal;
use crossfork::supervisor::policy::{Ended, ListenFailure, Notice, Policy, Probed, Settings, Time};

pub const KILL_TIMEOUT: Duration = Duration::from_secs(30);
pub const LISTEN_TIMEOUT: Duration = Duration::from_secs(20);
pub const SIGNAL_AFTER: Duration = Duration::from_secs(3);

/// Of workers that do not drain themselves.
pub fn settings(instances: usize) -> Settings {
    Settings {
        instances,
        kill_timeout: KILL_TIMEOUT,
        listen_timeout: LISTEN_TIMEOUT,
        min_uptime: Duration::ZERO,
        reload_batch: 1,
        wait_ready: false,
        probes: false,
        hang_timeout: Duration::ZERO,
        hang_signal: Signal::TERM,
        stop_signal: Signal::TERM,
        signal_after: SIGNAL_AFTER,
        drains: false,
        start_attempts: 0,
    }
}

pub fn port_in_use() -> ListenFailure {
    ListenFailure { address: "port 80".into(), reason: "the address is in use".into(), code: "EADDRINUSE" }
}

#[derive(Clone)]
pub struct World {
    pub settings: Settings,
    pub policy: Policy,
    pub now: Time,
    /// Those that have not ended, by their ids.
    pub workers: BTreeMap<u32, Worker>,
    pub notices: Vec<Notice>,
    pub done: Option<u8>,
    pub closed_servers: usize,
    /// When each fork was.
    pub forks: Vec<(Time, usize)>,
    pub forks_fail: bool,
    stopping: bool,
    ids: u32,
}

#[derive(Clone, Debug, Default)]
pub struct Worker {
    pub slot: usize,
    pub forked: Time,
    pub is_online: bool,
    pub listens: bool,
    pub is_ready: bool,
    /// Since when it was told that it cannot listen, if it does not listen.
    pub cannot_listen: Option<Time>,
    /// The file that drains it could not be written.
    pub cannot_drain: bool,
    /// It was sent a request, and whether it has answered that well.
    pub probe: Option<bool>,
    /// It was asked whether its event loop runs, then, and has not answered.
    pub asked_to_answer: Option<Time>,
    /// It is to be ended, for it does not answer, or never will as it should.
    pub hung: bool,
    /// It gets no connections yet.
    pub held: bool,
    /// It gets no more connections.
    pub retired: bool,
    /// It was asked to go.
    pub asked: bool,
    /// It goes by itself, or its channel has ended.
    pub left: bool,
    pub disconnected: bool,
    /// Since it was asked, or went by itself.
    pub leaves_since: Option<Time>,
    pub signals: Vec<Signal>,
}

impl Worker {
    /// Takes new connections, or will.
    pub fn stays(&self) -> bool {
        !self.retired && !self.asked && !self.left && !self.hung && !self.signals.contains(&Signal::KILL)
    }
}

impl World {
    /// Which never gives up.
    pub fn new(instances: usize) -> Self {
        World::with(settings(instances))
    }

    pub fn with(settings: Settings) -> Self {
        let mut world = World {
            settings,
            policy: Policy::new(settings),
            now: Duration::from_secs(1000),
            workers: BTreeMap::new(),
            notices: Vec::new(),
            done: None,
            closed_servers: 0,
            forks: Vec::new(),
            forks_fail: false,
            stopping: false,
            ids: 0,
        };
        world.obey();
        world
    }

    /// With all workers listening.
    pub fn serving(instances: usize) -> Self {
        let mut world = World::new(instances);
        for id in world.ids() {
            world.starts(id);
        }
        world
    }

    pub fn ids(&self) -> Vec<u32> {
        self.workers.keys().copied().collect()
    }

    /// The one worker of this slot that stays.
    #[track_caller]
    pub fn of(&self, slot: usize) -> u32 {
        let all: Vec<_> = self.workers.iter().filter(|(_, w)| w.slot == slot && w.stays()).collect();
        assert_eq!(all.len(), 1, "{all:?}");
        *all[0].0
    }

    pub fn newest(&self) -> u32 {
        self.ids
    }

    /// Comes up as a server does, and serves.
    pub fn starts(&mut self, id: u32) {
        self.comes_up(id);
        self.accepts(id);
    }

    /// Comes up, and no connection comes.
    pub fn comes_up(&mut self, id: u32) {
        self.online(id);
        self.listening(id);
        if self.settings.wait_ready {
            self.ready(id);
        }
        if self.settings.probes {
            self.probed(id, true);
        }
    }

    pub fn serves(&self, id: u32) -> bool {
        let worker = &self.workers[&id];
        let has_come = if self.settings.wait_ready {
            worker.is_ready && worker.cannot_listen.is_none()
        } else {
            worker.listens
        };
        has_come && (!self.settings.probes || worker.probe == Some(true))
    }

    pub fn cannot_drain(&mut self, id: u32) {
        self.worker(id).cannot_drain = true;
        self.policy.cannot_drain(id);
    }

    /// Answers the request that it was sent, if it was.
    pub fn probed(&mut self, id: u32, well: bool) {
        if self.worker(id).probe == Some(false) {
            self.worker(id).probe = well.then_some(true);
            if well {
                self.worker(id).cannot_listen = None;
            }
            let result = match well {
                true => Probed::Well,
                false => Probed::NotYet("answers with status 500".to_owned()),
            };
            self.policy.probed(id, result, self.now);
            self.obey();
        }
    }

    /// Answers the request in a way that shows that it never will well.
    pub fn never_answers_well(&mut self, id: u32, why: &str) {
        assert_eq!(self.worker(id).probe, Some(false), "it was not sent one");
        self.worker(id).hung = true;
        self.policy.probed(id, Probed::Never(why.to_owned()), self.now);
        self.obey();
    }

    /// Says that its event loop runs, if it was asked.
    pub fn answers(&mut self, id: u32) {
        let now = self.now;
        if let Some(asked) = self.worker(id).asked_to_answer.take() {
            self.policy.answered(id, now - asked, now);
            self.obey();
        }
    }

    /// Goes on for so long, in which all answer but these.
    pub fn wait_while_all_answer_but(&mut self, silent: &[u32], time: Duration) {
        let end = self.now + time;
        while self.policy.next_tick().is_some_and(|at| at <= end) {
            self.tick();
            for id in self.ids() {
                if !silent.contains(&id) {
                    self.answers(id);
                }
            }
        }
        self.now = end;
    }

    pub fn ready(&mut self, id: u32) {
        self.worker(id).is_ready = true;
        self.policy.ready(id, self.now);
        self.obey();
    }

    pub fn online(&mut self, id: u32) {
        self.worker(id).is_online = true;
        self.policy.online(id, self.now);
        self.obey();
    }

    /// It may have accepted a connection.
    pub fn accepts(&mut self, id: u32) {
        self.policy.served(id);
    }

    pub fn listen_fails(&mut self, id: u32) {
        let now = self.now;
        let worker = self.worker(id);
        if !worker.listens {
            worker.cannot_listen.get_or_insert(now);
            // If it was up, it is starting again, and is asked again.
            worker.probe = worker.probe.filter(|answered| !answered);
            worker.asked_to_answer = None;
        }
        self.policy.listen_failed(id, port_in_use(), self.now);
        self.obey();
    }

    pub fn listening(&mut self, id: u32) {
        let worker = self.worker(id);
        worker.listens = true;
        worker.cannot_listen = None;
        self.policy.listening(id, self.now);
        self.obey();
    }

    pub fn leaving(&mut self, id: u32) {
        self.leaves(id).left = true;
        self.policy.leaving(id, self.now);
        self.obey();
    }

    pub fn disconnected(&mut self, id: u32) {
        let worker = self.leaves(id);
        worker.left = true;
        worker.disconnected = true;
        self.policy.disconnected(id, self.now);
        self.obey();
    }

    pub fn exits(&mut self, id: u32) {
        self.exits_by(id, Ended::Code(1));
    }

    pub fn exits_by(&mut self, id: u32, how: Ended) {
        self.workers.remove(&id).expect("a worker ends once");
        self.policy.exited(id, how, self.now);
        self.obey();
    }

    pub fn reload(&mut self) {
        self.policy.reload(self.now);
        self.obey();
    }

    pub fn stop(&mut self, signal: Signal) {
        self.stopping = true;
        self.policy.stop(signal, self.now);
        self.obey();
    }

    /// Goes on to the next point in time that the policy waits for; false if there is none.
    pub fn tick(&mut self) -> bool {
        let Some(at) = self.policy.next_tick() else {
            return false;
        };
        self.now = self.now.max(at);
        self.policy.tick(self.now);
        self.obey();
        let next = self.policy.next_tick();
        assert!(next.is_none_or(|next| next > self.now), "a tick changes nothing: the driver would spin");
        true
    }

    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while self.policy.next_tick().is_some_and(|at| at <= end) {
            self.tick();
        }
        self.now = end;
    }

    /// The servers that nobody wants are closed when this time is over, not before, and once.
    pub fn expect_servers_closed_after(&mut self, time: Duration) {
        self.wait(time - Duration::from_millis(1));
        assert_eq!(self.closed_servers, 0);
        self.wait(Duration::from_millis(1));
        assert_eq!(self.closed_servers, 1);
        self.wait(time * 10);
        assert_eq!(self.closed_servers, 1);
    }

    /// The forks since then, as pauses after it.
    pub fn forks_since(&self, since: Time) -> Vec<Duration> {
        self.forks.iter().filter(|(at, _)| *at >= since).map(|(at, _)| *at - since).collect()
    }

    pub fn has_said(&self, is_it: impl Fn(&Notice) -> bool) -> bool {
        self.notices.iter().any(is_it)
    }

    fn worker(&mut self, id: u32) -> &mut Worker {
        self.workers.get_mut(&id).expect("it has ended")
    }

    fn leaves(&mut self, id: u32) -> &mut Worker {
        let now = self.now;
        let worker = self.worker(id);
        worker.leaves_since.get_or_insert(now);
        worker
    }
}
