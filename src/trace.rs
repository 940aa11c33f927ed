//! What happens to processes, channels and clusters, for the crate `tracing`. Without the feature
//! `tracing` these functions do nothing. Targets and fields are promised: see the crate's page.
#![cfg_attr(not(feature = "tracing"), allow(unused_variables, unused_imports))]

use std::ffi::OsStr;
use std::fmt::Display;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

#[cfg(feature = "tracing")]
#[allow(unused_imports, reason = "not each feature has each event")]
use tracing::{debug, info, warn};

#[cfg(not(feature = "tracing"))]
macro_rules! nothing {
    ($($anything:tt)*) => {};
}
#[cfg(not(feature = "tracing"))]
use {nothing as debug, nothing as info, nothing as warn};

/// A process was started.
pub(crate) fn spawned(program: &OsStr, pid: u32) {
    debug!(target: "crossfork::process", program = %program.display(), pid, "spawned");
}

/// A process has ended, and was waited for.
pub(crate) fn exited(pid: u32, status: ExitStatus) {
    debug!(target: "crossfork::process", pid, code = status.code(), signal = status.signal(), "exited");
}

/// A handle was not sent, or the peer did not take it.
pub(crate) fn refused(wire_type: &str, error: &dyn Display) {
    warn!(target: "crossfork::channel", wire_type, %error, "refused");
}

/// Something of the peer's was no message, and was left out.
pub(crate) fn skipped(error: &dyn Display) {
    warn!(target: "crossfork::channel", %error, "skipped");
}

/// A cluster's event about a worker.
#[cfg(feature = "tokio")]
pub(crate) fn worker(event: &str, worker: u32) {
    debug!(target: "crossfork::cluster", worker, "{event}");
}

/// A worker of a cluster listens.
#[cfg(feature = "tokio")]
pub(crate) fn listening(worker: u32, address: &dyn Display) {
    debug!(target: "crossfork::cluster", worker, %address, "listening");
}

/// A worker of a cluster was told that it cannot listen.
#[cfg(feature = "tokio")]
pub(crate) fn listen_failed(worker: u32, error: &dyn Display) {
    warn!(target: "crossfork::cluster", worker, %error, "listen failed");
}

/// A worker of a cluster has ended.
#[cfg(feature = "tokio")]
pub(crate) fn worker_exited(worker: u32, code: Option<i32>, signal: Option<&str>, voluntary: bool) {
    debug!(target: "crossfork::cluster", worker, code, signal, voluntary, "exited");
}

/// A worker of a pool takes calls.
#[cfg(feature = "calls")]
pub(crate) fn pool_ready(worker: u64, pid: u32) {
    debug!(target: "crossfork::pool", worker, pid, "ready");
}

/// A worker of a pool has ended.
#[cfg(feature = "calls")]
pub(crate) fn pool_exited(worker: u64, code: Option<i32>, signal: Option<i32>, reason: Option<&str>) {
    debug!(target: "crossfork::pool", worker, code, signal, reason, "exited");
}

/// A worker of a pool did not start.
#[cfg(feature = "calls")]
pub(crate) fn pool_start_failed(worker: u64, reason: &str) {
    warn!(target: "crossfork::pool", worker, reason, "start failed");
}

/// No call of a pool waits any more.
#[cfg(feature = "calls")]
pub(crate) fn pool_drained() {
    debug!(target: "crossfork::pool", "drained");
}

/// Functions of a pool's user were not told of so much, because they take too long.
#[cfg(feature = "calls")]
pub(crate) fn pool_missed(count: u64) {
    warn!(target: "crossfork::pool", count, "missed");
}

/// Makes a call of a pool in a span of its own.
#[cfg(feature = "calls")]
pub(crate) fn pool_call<F: Future>(method: &str, call: F) -> impl Future<Output = F::Output> {
    #[cfg(feature = "tracing")]
    let call = tracing::Instrument::instrument(
        call,
        tracing::debug_span!(target: "crossfork::pool", "call", method),
    );
    call
}

/// What `crossfork run` prints.
#[cfg(feature = "cli")]
pub(crate) fn notice(notice: &dyn Display) {
    info!(target: "crossfork::supervisor", "{notice}");
}
