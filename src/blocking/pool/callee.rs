//! [`Callee`]: what a worker calls is carried out on threads.

use std::io;
use std::sync::Arc;
use std::thread;

use super::Peer;
use super::builder::Run;
use crate::blocking::service::carry_out;
use crate::driver::calls::Core;

/// What the worker calls.
#[derive(Clone)]
pub(super) struct Callee {
    pub(super) run: Arc<Run>,
    pub(super) core: Arc<Core>,
    pub(super) peer: Peer,
}

impl Callee {
    /// Begins what may begin, each on a thread of its own.
    pub(super) fn dispatch(&self) {
        while let Some((turn, job)) = self.core.take_job() {
            let (callee, call) = (self.clone(), job.running.clone());
            let begun = spawn(move || {
                carry_out(&callee.run.service, &callee.core, &callee.peer, turn, job, None);
                // What has waited for this.
                callee.dispatch();
            });
            if begun.is_err() {
                self.core.give_back(turn, call.as_deref());
            }
        }
    }
}

/// Runs code of users, which may wait.
pub(super) fn spawn(action: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("crossfork-pool-call".to_owned()).spawn(action).map(drop)
}
