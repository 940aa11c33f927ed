//! What `crossfork run` itself reports, for programs that read the log: the fields of a line in JSON, beside its
//! sentence. `docs/run.md` has them in a table.

use std::time::Duration;

use serde::Serialize;

use super::policy::{Ended, ListenFailure, Notice, Subject};

/// The fields that an event has. All others are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// What has happened.
    pub event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listens: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

impl Report {
    /// `crossfork run` has started.
    pub(super) fn started(program: String, workers: usize) -> Self {
        Report {
            version: Some(env!("CARGO_PKG_VERSION")),
            pid: Some(std::process::id()),
            program: Some(program),
            workers: Some(workers),
            ..Report::new("started")
        }
    }

    /// The first worker listens on this address.
    pub(super) fn listening(address: String) -> Self {
        Report { address: Some(address), ..Report::new("listening") }
    }

    /// A worker's channel has failed, or has brought no message.
    pub(super) fn worker_error(pid: u32, code: &str) -> Self {
        Report { pid: Some(pid), error: Some(code.to_owned()), ..Report::new("worker_error") }
    }

    /// Nobody reads what workers send, or not all can be passed on.
    pub(super) fn messages() -> Self {
        Report::new("worker_messages")
    }

    fn new(event: &'static str) -> Self {
        Report { event, ..Report::default() }
    }

    fn of(event: &'static str, worker: &Subject) -> Self {
        Report { instance: Some(worker.slot), pid: Some(worker.pid), ..Report::new(event) }
    }

    fn after(self, time: &Duration) -> Self {
        Report { seconds: Some(time.as_secs_f64()), ..self }
    }
}

impl From<&Notice> for Report {
    fn from(notice: &Notice) -> Self {
        match notice {
            Notice::Up(worker, listens) => {
                Report { listens: Some(*listens), ..Report::of("worker_up", worker) }
            }
            Notice::OnTrial(worker, time) => Report::of("worker_on_trial", worker).after(time),
            Notice::ListenFailed(worker, ListenFailure { address, code, .. }) => Report {
                address: Some(address.clone()),
                error: Some((*code).to_owned()),
                ..Report::of("listen_failed", worker)
            },
            Notice::ListensNowhere(worker) => {
                Report { error: Some("cannot listen".to_owned()), ..Report::of("worker_not_up", worker) }
            }
            Notice::NotUp(worker, time, why) => {
                Report { error: Some(why.clone()), ..Report::of("worker_not_up", worker) }.after(time)
            }
            Notice::Hangs(worker, time) => Report::of("worker_hangs", worker).after(time),
            Notice::Leaving(worker) => Report::of("worker_leaving", worker),
            Notice::Ended(worker, how) => {
                let (code, signal) = match how {
                    Ended::Code(code) => (Some(*code), None),
                    Ended::Signal(signal) => (None, Some(signal.name())),
                    Ended::Unknown => (None, None),
                };
                Report { code, signal, ..Report::of("worker_ended", worker) }
            }
            Notice::Warned(worker, signal) => {
                Report { signal: Some(signal.name()), ..Report::of("worker_warned", worker) }
            }
            Notice::Killed(worker, time) => Report::of("worker_killed", worker).after(time),
            Notice::Pause { slot, pause } => {
                Report { instance: Some(*slot), ..Report::new("restart_delayed") }.after(pause)
            }
            Notice::ForkFailed { slot, reason } => {
                Report { instance: Some(*slot), error: Some(reason.clone()), ..Report::new("start_failed") }
            }
            Notice::ManyRestarts { restarts } => {
                Report { count: Some(*restarts), ..Report::new("many_restarts") }
            }
            Notice::GivingUp { attempts } => {
                Report { count: usize::try_from(*attempts).ok(), ..Report::new("gave_up") }
            }
            Notice::Reloading => Report::new("reloading"),
            Notice::Reloaded => Report::new("reloaded"),
            Notice::ReloadFailed { slot, worker, why } => Report {
                instance: Some(*slot),
                pid: worker.map(|worker| worker.pid),
                error: Some(why.to_string()),
                ..Report::new("reload_failed")
            },
            Notice::Stopping { signal } => Report { signal: Some(signal.name()), ..Report::new("stopping") },
        }
    }
}
