//! One place of a pool: a worker after the other.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::tokio::time::timeout;
use serde::Deserialize;

use super::shared::{Phase, Shared, Worker};
use crate::calls::{CallError, code};
use crate::driver::calls::{Core, Settings};
use crate::process::Signal;
use crate::tokio::service::Running;
use crate::tokio::{Channel, Child, Peer, Process};

/// A worker that lives so long has not failed to start.
const STABLE: Duration = Duration::from_secs(1);
/// How long is waited before a worker that has failed is replaced: it doubles from time to time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// So many workers in a row that do not start are a pool that does not.
const MOST_FAILURES: u32 = 3;

/// Keeps a place filled, until the pool ends.
pub(super) async fn keep_filled(shared: Arc<Shared>) {
    let mut failures = 0;
    while shared.phase() < Phase::Ending {
        let began = Instant::now();
        let ended = one_life(&shared).await;
        if ended.was_ready && began.elapsed() >= STABLE {
            failures = 0;
            continue;
        }
        failures += 1;
        if !ended.was_ready && failures >= MOST_FAILURES {
            shared.failed(ended.how);
        }
        // The first that was ready and has ended is replaced at once.
        if !ended.was_ready || failures > 1 {
            let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(8)).min(LONGEST_PAUSE);
            let mut phase = shared.phase.subscribe();
            let _ = timeout(pause, phase.wait_for(|phase| *phase >= Phase::Ending)).await;
        }
    }
    shared.emptied();
}

struct Ended {
    was_ready: bool,
    how: String,
}

/// Starts a worker, and stays with it until it has ended.
async fn one_life(shared: &Arc<Shared>) -> Ended {
    let child = match shared.builder.spawn() {
        Ok(child) => child,
        Err(error) => return Ended { was_ready: false, how: error.to_string() },
    };
    let Child { mut process, channel } = child;
    let service = shared.builder.service.clone();
    let core = Core::new(channel.encoder(), Settings { concurrency: service.most(), greeting: None });
    core.ready();
    let running = Arc::new(Running { service, core: core.clone(), peer: Peer::new(core.clone()) });
    let mut ready = None;
    let why = ::tokio::select! {
        _ = async { ::tokio::join!(running.receive(&channel), running.write(&channel)) } => None,
        why = lead(shared, &running, &channel, &mut ready) => Some(why),
    };
    if let Some(worker) = &ready {
        shared.left(worker);
    }
    channel.close();
    core.end();
    let how = end(shared, &mut process, why.as_deref()).await;
    if let Some(worker) = &ready {
        worker.death.send_replace(Some(how.clone()));
    }
    Ended { was_ready: ready.is_some(), how }
}

#[derive(Deserialize)]
struct Hello {
    concurrency: f64,
}

/// Waits until a worker is ready, and until it is to end. Tells why it is to be killed.
async fn lead(
    shared: &Arc<Shared>,
    running: &Running,
    channel: &Channel,
    ready: &mut Option<Arc<Worker>>,
) -> String {
    let limit = shared.builder.start_timeout;
    let hello = timeout(limit, running.peer.call::<Hello>("$/crossfork/hello", &()));
    let announced = match hello.await {
        Ok(Ok(Hello { concurrency })) => concurrency.clamp(1.0, 65536.0) as usize,
        // It is no end of ours, and gets one call at a time.
        Ok(Err(CallError::Rpc(error))) if error.code == code::METHOD_NOT_FOUND => 1,
        Ok(Err(error)) => return format!("did not start: {error}"),
        Err(_) => {
            return format!("was not ready in {limit:?}: does it call serve(), or run a Service?");
        }
    };
    let concurrency = shared.builder.concurrency.map_or(announced, std::num::NonZero::get);
    let worker = Worker::new(running.core.clone(), concurrency);
    *ready = Some(worker.clone());
    shared.joined(&worker);
    let (mut kill, mut phase) = (worker.kill.subscribe(), shared.phase.subscribe());
    ::tokio::select! {
        Ok(why) = kill.wait_for(Option::is_some) => return why.clone().unwrap_or_default(),
        _ = phase.wait_for(|phase| *phase >= Phase::Ending) => {}
        () = worker.retires.notified() => {}
    }
    let _ = running.peer.notify("$/crossfork/bye", &());
    // One that does not know this ends when the channel does, and has to answer before.
    if !running.core.is_peer_ours() {
        shared.until(|_| (worker.busy() == 0).then_some(())).await;
    }
    if !running.core.is_peer_ours() {
        let _ = timeout(shared.builder.grace, channel.disconnect()).await;
    }
    // It may take as long as it likes for what it has begun.
    loop {
        let _ = timeout(shared.builder.grace, phase.wait_for(|phase| *phase == Phase::Destroyed)).await;
        if shared.phase() == Phase::Destroyed || worker.core.unanswered() == 0 {
            return "did not end in time".to_owned();
        }
    }
}

/// Waits for the process, and sees to it that it ends. Tells how it did.
async fn end(shared: &Shared, process: &mut Process, killed_for: Option<&str>) -> String {
    let mut phase = shared.phase.subscribe();
    if killed_for.is_none() {
        // It has left by itself, or crashed.
        let exit = process.wait_timeout(shared.builder.grace);
        let status = ::tokio::select! {
            status = exit => status,
            _ = phase.wait_for(|phase| *phase == Phase::Destroyed) => Ok(None),
        };
        if let Ok(Some(status)) = status {
            return ended_with(status);
        }
    }
    let _ = process.kill(Signal::KILL);
    match (process.wait().await, killed_for) {
        (_, Some(why)) => format!("{why}, and was killed"),
        (Ok(status), None) => ended_with(status),
        (Err(error), None) => format!("ended: {error}"),
    }
}

fn ended_with(status: ExitStatus) -> String {
    format!("ended with {status}")
}
