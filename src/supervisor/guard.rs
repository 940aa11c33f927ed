//! Where the policy, the primary and the signals meet.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::AsyncRead;
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinSet;

use super::deployment::Deployment;
use super::listening::failure;
use super::log::{Log, Origin, Stream};
use super::policy::{Action, Ended, Notice, Policy, Settings, Subject, Time};
use super::preload::{KEEP_INTERVAL, Preload};
use super::program::Program;
use super::questions::{Questions, hang_signal};
use super::relay::Relay;
use super::reporter::Reporter;
use super::signals::{Signals, Told};
use super::stdin::Stdin;
use super::workers::Workers;
use super::{Options, inspect, relay};
use crate::error::Error;
use crate::process::Signal;
use crate::sys::dispositions::is_caught_by;
use crate::sys::reap::{adopts_orphans, reap_orphans};
use crate::tokio::cluster::{Event, ForkedWorker, Primary};
use crate::trace;

/// How long output is waited for when all workers have ended, if processes that they started go on writing,
/// or nobody reads ours.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// Tells each worker its instance, from 0.
const INSTANCE: &str = "NODE_APP_INSTANCE";

pub(super) struct Guard {
    pub(super) policy: Policy,
    primary: Primary,
    /// Those that have not ended.
    pub(super) workers: HashMap<u32, ForkedWorker>,
    log: Log,
    pub(super) reporter: Reporter,
    pub(super) relay: Relay,
    /// What passes on workers' output.
    output: JoinSet<()>,
    /// What waits for answers of workers.
    questions: Questions,
    options: Options,
    deployment: Deployment,
    preload: Option<Preload>,
    signals: Signals,
    stdin: Stdin,
    /// The ports of their inspectors.
    inspected: BTreeMap<u32, u16>,
    adopts_orphans: bool,
    pub(super) start: Instant,
}

/// A worker that was started.
struct Started {
    worker: ForkedWorker,
    /// Its output, where that is one.
    output: Option<Receiver>,
    /// It drains itself, if any does.
    drains: bool,
}

impl Guard {
    pub(super) fn new(options: Options) -> Result<Self, Error> {
        let deployment = Deployment::find(&options).map_err(std::io::Error::other)?;
        deployment.enter();
        let log = Log::new(options.log)?;
        let preload = Preload::new(&options, deployment.program());
        let node_options = deployment.node_options().into_iter().chain(options.node_args.iter().cloned());
        let settings = Settings {
            instances: options.instances.count(),
            kill_timeout: options.kill_timeout,
            listen_timeout: options.listen_timeout,
            min_uptime: options.min_uptime,
            reload_batch: options.reload_batch,
            wait_ready: options.wait_ready,
            probes: options.ready_url.is_some(),
            hang_timeout: options.hang_timeout,
            hang_signal: hang_signal(options.stop_signal, node_options),
            start_attempts: options.start_attempts,
            stop_signal: options.stop_signal,
            signal_after: options.signal_after,
            drains: preload.is_some(),
        };
        let stdin = Stdin::new(settings.instances)?;
        let workers = Workers {
            options: &options,
            deployment: &deployment,
            preload: None,
            stdin: &stdin,
            inspect: None,
        };
        let primary = workers.settings().start();
        Ok(Guard {
            policy: Policy::new(settings),
            relay: Relay::new(options.relay, options.wait_ready),
            // Before there is a worker that could be left alone.
            signals: Signals::new()?,
            reporter: Reporter::new(log.clone()),
            log,
            primary,
            stdin,
            preload,
            workers: HashMap::new(),
            output: JoinSet::new(),
            questions: Questions::default(),
            options,
            deployment,
            inspected: BTreeMap::new(),
            adopts_orphans: adopts_orphans(),
            start: Instant::now(),
        })
    }

    pub(super) async fn run(mut self) -> Result<u8, Error> {
        let (program, instances) = (self.options.app.display(), self.options.instances.count());
        self.reporter.start(program.to_string(), instances);
        let mut keep = tokio::time::interval(KEEP_INTERVAL);
        loop {
            while let Some(action) = self.policy.poll_action() {
                match action {
                    Action::Done { code } => {
                        self.finish().await;
                        return Ok(code);
                    }
                    action => self.carry_out(action),
                }
            }
            let tick = self.policy.next_tick().map_or(Duration::MAX, |at| at.saturating_sub(self.now()));
            tokio::select! {
                event = self.primary.next() => self.handle(event),
                told = self.signals.next() => self.obey(told),
                Some(_) = self.output.join_next() => {}
                Some(answer) = self.questions.next() => answer.tell(&mut self.policy, self.start.elapsed()),
                _ = keep.tick() => self.keep_preload(),
                () = tokio::time::sleep(relay::LOOK), if self.relay.holds() => self.release_senders(),
                () = tokio::time::sleep(tick) => self.policy.tick(self.now()),
            }
        }
    }

    fn keep_preload(&self) {
        if let Some(Err(e)) = self.preload.as_ref().map(Preload::keep) {
            self.log.say(&format!(
                "cannot keep the file that drains workers ({e}): they may be unable to start threads"
            ));
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Fork { slot } => self.fork(slot),
            Action::Serve { worker } => {
                if let Some(worker) = self.workers.get(&worker) {
                    worker.resume();
                }
            }
            Action::Hold { worker } | Action::Retire { worker } => {
                if let Some(worker) = self.workers.get(&worker) {
                    worker.retire();
                }
            }
            Action::Ask { worker } => {
                if let Some(worker) = self.workers.get(&worker) {
                    self.questions.ask(worker.clone());
                }
            }
            Action::Probe { worker } => {
                if let (Some(worker), Some(url)) = (self.workers.get(&worker), &self.options.ready_url) {
                    self.questions.probe(worker.clone(), url.clone());
                }
            }
            Action::Disconnect { worker } => {
                self.questions.withdraw_probe(worker);
                if let Some(worker) = self.workers.get(&worker) {
                    worker.disconnect();
                }
            }
            Action::Kill { worker, signal } => {
                let send = |worker: &ForkedWorker| match signal {
                    // It cannot end what it has started any more.
                    Signal::KILL => worker.kill_group(signal),
                    _ => worker.kill(signal),
                };
                // It may have become another user's, who has to end it then.
                if let Some(Err(e)) = self.workers.get(&worker).map(send) {
                    self.log.say(&format!("cannot send {signal} to worker {worker}: {e}"));
                }
            }
            Action::CloseUnusedServers => self.primary.close_unused_servers(),
            Action::Print(notice) => {
                trace::notice(&notice);
                match notice {
                    Notice::Reloading => {
                        self.refresh();
                        self.relay.reloading();
                    }
                    Notice::Stopping { .. } => self.stdin.end(),
                    _ => {}
                }
                let now = self.now();
                self.reporter.notice(notice, now);
            }
            Action::Done { .. } => unreachable!("the loop has ended with it"),
        }
    }

    fn fork(&mut self, slot: usize) {
        match self.start(slot) {
            Ok(Started { worker, output, drains }) => {
                self.stdin.is_for(worker.take_stdin());
                self.pass_on(output, &worker, slot, Stream::Both);
                self.pass_on(worker.take_stdout(), &worker, slot, Stream::Stdout);
                self.pass_on(worker.take_stderr(), &worker, slot, Stream::Stderr);
                self.relay.joined(worker.id(), Subject { slot, pid: worker.pid() });
                self.policy.forked(slot, worker.id(), worker.pid(), self.now());
                if !drains {
                    self.policy.cannot_drain(worker.id());
                }
                self.workers.insert(worker.id(), worker);
            }
            Err(e) => self.policy.fork_failed(slot, e.to_string(), self.now()),
        }
    }

    fn start(&mut self, slot: usize) -> Result<Started, Error> {
        let log = &self.log;
        let (preload, drain) = self.preload.as_mut().and_then(|it| it.for_worker(log)).unzip();
        let drains = preload.is_some() || self.preload.is_none();
        let env = self.deployment.env().chain([(INSTANCE.into(), slot.to_string().into())]);
        let inspect = self.inspector_port(slot);
        let mut output = None;
        let workers = self.worker_settings(inspect, preload.as_deref());
        if self.log.is_one_output() {
            let (settings, reader) = workers.with_one_output()?;
            self.primary.set_up(settings);
            output = Some(Receiver::from_owned_fd(reader.into())?);
        } else {
            self.primary.set_up(workers.settings());
        }
        let forked = self.primary.fork_with(env.chain(drain));
        // Closes our copy of what the worker writes to, or its end would never be seen.
        self.primary.set_up(self.worker_settings(None, None).settings());
        let worker = forked?;
        self.inspected.extend(inspect.map(|port| (worker.id(), port)));
        Ok(Started { worker, output, drains })
    }

    fn inspector_port(&self, slot: usize) -> Option<u16> {
        let mut args = self.deployment.node_options();
        args.extend_from_slice(&self.options.node_args);
        let first = inspect::first_port(args.iter().map(OsString::as_os_str))?;
        inspect::port(
            first,
            slot,
            self.options.instances.count(),
            &self.inspected.values().copied().collect(),
        )
    }

    fn worker_settings<'a>(&'a self, inspect: Option<u16>, preload: Option<&'a Path>) -> Workers<'a> {
        Workers { inspect, preload, options: &self.options, deployment: &self.deployment, stdin: &self.stdin }
    }

    fn pass_on<R>(&mut self, from: Option<R>, worker: &ForkedWorker, slot: usize, stream: Stream)
    where
        R: AsyncRead + Unpin + Send + 'static,
    {
        if let Some(from) = from {
            let origin = Origin { slot, pid: worker.pid(), stream };
            self.output.spawn(self.log.clone().pass_on(from, origin));
        }
    }

    fn handle(&mut self, event: Option<Event>) {
        let now = self.now();
        match event {
            Some(Event::Online { worker }) => self.policy.online(worker.id(), now),
            Some(Event::Listening { worker, address }) => {
                self.reporter.address(&address);
                self.policy.listening(worker.id(), now);
            }
            Some(Event::ListenFailed { worker, address, error }) => {
                self.policy.listen_failed(worker.id(), failure(&address, &error), now);
            }
            Some(Event::Leaving { worker }) => {
                self.note_service(&worker);
                self.policy.leaving(worker.id(), now);
            }
            Some(Event::Disconnect { worker }) => {
                self.note_service(&worker);
                self.policy.disconnected(worker.id(), now);
            }
            Some(Event::Exit { worker, code, signal }) => {
                let how = match (code, signal) {
                    (Some(code), _) => Ended::Code(code),
                    (None, Some(signal)) => Ended::Signal(signal),
                    (None, None) => Ended::Unknown,
                };
                self.policy.exited(worker.id(), how, now);
                self.workers.remove(&worker.id());
                self.relay.left(worker.id(), now);
                self.say_of_messages();
                self.inspected.remove(&worker.id());
                // Orphans may have waited behind it.
                self.reap();
            }
            Some(Event::Error { worker, error }) => self.reporter.error(&worker, &error, now),
            Some(Event::Message { worker, message }) => self.message(&worker, &message),
            Some(_) | None => {}
        }
    }

    /// Before it is lost.
    fn note_service(&mut self, worker: &ForkedWorker) {
        if worker.may_have_served() {
            self.policy.served(worker.id());
        }
    }

    fn obey(&mut self, told: Told) {
        match told {
            Told::Stop(signal) => {
                // Clients that have connected already are served by workers that have not been asked to go.
                self.primary.stop_accepting();
                self.policy.stop(signal, self.now());
            }
            Told::Reload => self.policy.reload(self.now()),
            Told::PassOn(signal) => self.pass_signal_on(signal),
            Told::Child => self.reap(),
        }
    }

    /// For the workers from now on. What cannot be found now is no reason to lose what there was before.
    fn refresh(&mut self) {
        for failure in self.deployment.refresh() {
            self.log.say(&failure);
        }
        self.deployment.enter();
    }

    /// To those who have a handler for it: others would end. For SIGUSR1 all Node programs have one, which opens
    /// the inspector's port.
    fn pass_signal_on(&self, signal: Signal) {
        if signal == Signal::USR1 && matches!(self.deployment.program(), Program::Module(_)) {
            return self.log.say(
                "SIGUSR1 is ignored: it would start the inspector of every worker. Send it to the worker that you \
                 want to inspect",
            );
        }
        let catches = |worker: &&ForkedWorker| is_caught_by(worker.pid(), signal.native() as i32);
        let sent = self.workers.values().filter(catches).filter(|worker| worker.kill(signal).is_ok()).count();
        self.log.say(&match sent {
            0 => format!("{signal} is ignored: no worker has a handler for it"),
            sent => format!("{signal} was passed on to {sent} workers"),
        });
    }

    fn reap(&self) {
        if self.adopts_orphans {
            let is_worker = |pid| self.workers.values().any(|worker| worker.pid() == pid);
            if let Err(e) = reap_orphans(is_worker) {
                self.log.say(&format!("orphans cannot be reaped: {e}"));
            }
        }
    }

    async fn finish(mut self) {
        // Closes all servers, and removes the paths of those that have one.
        self.primary.disconnect();
        self.log.end_output();
        let last = async { while self.output.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_OUTPUT, last).await;
        let now = self.now();
        self.reporter.end(now);
        self.log.flush(LAST_OUTPUT).await;
    }

    pub(super) fn now(&self) -> Time {
        self.start.elapsed()
    }
}
