//! What is said of what happens, and how often.

use std::collections::BTreeSet;
use std::mem::Discriminant;
use std::time::Duration;

use super::listening::in_words;
use super::log::Log;
use super::policy::Notice;
use super::repeats::{Repeats, Verdict};
use super::report::Report;
use crate::error::Error;
use crate::tokio::cluster::{Address, ForkedWorker};

/// How often the same may be said of an instance; and of errors of a worker.
const NOTICES_A_MINUTE: u32 = 20;
const ERRORS_A_MINUTE: u32 = 5;

/// Of how many addresses it is said that workers listen on them.
const MOST_ADDRESSES: usize = 64;

pub(super) struct Reporter {
    log: Log,
    /// What was said of instances, and what of errors of workers.
    said: Repeats<(usize, Discriminant<Notice>)>,
    errors: Repeats<u32>,
    /// No worker was ever up. So all starts may fail alike, and each thing is said once.
    is_cold: bool,
    said_cold: Repeats<Notice>,
    /// Why all was given up.
    last_words: Option<Notice>,
    /// What it was said of that workers listen on it.
    addresses: BTreeSet<String>,
}

impl Reporter {
    pub(super) fn new(log: Log) -> Self {
        Reporter {
            log,
            said: Repeats::new(NOTICES_A_MINUTE),
            errors: Repeats::new(ERRORS_A_MINUTE),
            is_cold: true,
            said_cold: Repeats::new(1),
            last_words: None,
            addresses: BTreeSet::new(),
        }
    }

    pub(super) fn start(&self, program: String, workers: usize) {
        let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
        let many = if workers == 1 { "worker" } else { "workers" };
        let text = format!("crossfork {version} (pid {pid}) starts {program} with {workers} {many}");
        self.log.inform(&text, &Report::started(program, workers));
    }

    /// For the first worker that listens on it.
    pub(super) fn address(&mut self, address: &Address) {
        let address = in_words(address);
        if self.addresses.len() < MOST_ADDRESSES && self.addresses.insert(address.clone()) {
            self.log.inform(&format!("listening on {address}"), &Report::listening(address));
        }
    }

    pub(super) fn notice(&mut self, notice: Notice, now: Duration) {
        match notice {
            Notice::Up(..) | Notice::Stopping { .. } => {
                self.is_cold = false;
                self.log.end_cold_start();
            }
            // When all is said that tells why.
            Notice::GivingUp { .. } => return self.last_words = Some(notice),
            _ => {}
        }
        self.print(&notice, now);
    }

    pub(super) fn error(&mut self, worker: &ForkedWorker, error: &Error, now: Duration) {
        let mut text = format!("worker with pid {}: {error}", worker.pid());
        match self.errors.admit(worker.pid(), now) {
            Verdict::Say => {}
            Verdict::SayAsLast => text += " (more of this worker are left out for a minute)",
            Verdict::LeaveOut => return,
        }
        self.log.report(&text, &Report::worker_error(worker.pid(), error.code()));
    }

    /// About messages that workers send to us.
    pub(super) fn messages(&self, text: &str) {
        self.log.report(text, &Report::messages());
    }

    /// When the output of all workers was passed on.
    pub(super) fn end(&mut self, now: Duration) {
        self.log.say_repeats();
        if let Some(notice) = self.last_words.take() {
            self.print(&notice, now);
        }
    }

    fn print(&mut self, notice: &Notice, now: Duration) {
        let mut text = notice.to_string();
        if self.is_cold
            && let Some(about) = notice.of_any_instance()
            && self.said_cold.admit(about, now) == Verdict::LeaveOut
        {
            return;
        }
        match notice.repeats().map_or(Verdict::Say, |about| self.said.admit(about, now)) {
            Verdict::Say => {}
            Verdict::SayAsLast => text += " (more of these are left out for a minute)",
            Verdict::LeaveOut => return,
        }
        match notice.is_routine() {
            true => self.log.inform(&text, &notice.into()),
            false => self.log.report(&text, &notice.into()),
        }
    }
}
