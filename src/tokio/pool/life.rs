//! One task that starts workers when they are wanted, and one for each worker.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use ::tokio::io::{AsyncRead, AsyncReadExt};
use ::tokio::time::{sleep, timeout};

use super::builder::Run;
use super::{Child, OutputStream, Peer};
use crate::calls::pool::{End, WorkerId};
use crate::driver::calls::caught;
use crate::driver::pool::{AFTER_EXIT, Duty, StderrTail, end_of};
use crate::error::Error;
use crate::tokio::service::Running;

/// Does what a pool needs at its time, until it is over.
pub(super) async fn keep(run: Arc<Run>) {
    let mut alarm = pin!(sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            match run.shared.duty(cx) {
                Duty::Start { worker, place } => {
                    ::tokio::spawn(live(run.clone(), worker, place));
                }
                Duty::Over => return Poll::Ready(()),
                Duty::Wait(None) => return Poll::Pending,
                Duty::Wait(Some(at)) => {
                    alarm.as_mut().reset(at.into());
                    if alarm.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    })
    .await;
}

/// Starts a worker, and stays with it until it has ended.
async fn live(run: Arc<Run>, worker: WorkerId, place: usize) {
    let end = match run.spawn(place) {
        Ok(child) => stay_with(&run, worker, child).await,
        Err(error) => End { cause: Some(error.to_string()), ..End::default() },
    };
    run.shared.gone(worker, end);
}

async fn stay_with(run: &Run, worker: WorkerId, child: Child) -> End {
    let Child { mut process, channel } = child;
    let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
    let process = Arc::new(process);
    // Who waits for the channel is woken by the channel itself.
    let core = run.connect(worker, &process, &channel, Waker::noop().clone());
    let peer = Peer::new(core.clone());
    let running = Arc::new(Running { service: run.service.clone(), core: core.clone(), peer });
    let mut broken = None;
    let conversation = async {
        let both = async { ::tokio::join!(running.receive(&channel), running.write(&channel)) };
        let begin = async {
            greet(run, worker, &running).await;
            pending::<()>().await;
        };
        ::tokio::select! {
            (received, ()) = both => if let Err(Error::Protocol(error)) = received {
                broken = Some(error);
            },
            () = begin => {}
        }
        channel.close();
        core.end();
        run.shared.closed(worker);
    };
    let (mut stderr_tail, mut unused) = (StderrTail::default(), StderrTail::default());
    let status = {
        let read_all = async {
            ::tokio::join!(
                conversation,
                read(run, worker, OutputStream::Stdout, stdout, &mut unused),
                read(run, worker, OutputStream::Stderr, stderr, &mut stderr_tail),
            );
        };
        let mut read_all = pin!(read_all);
        ::tokio::select! {
            () = &mut read_all => process.wait().await,
            status = process.wait() => {
                let _ = timeout(AFTER_EXIT, read_all).await;
                status
            }
        }
    };
    channel.close();
    core.end();
    end_of(status, &stderr_tail, broken)
}

/// Waits until a worker is ready, and prepares it.
async fn greet(run: &Run, worker: WorkerId, running: &Running) {
    let Some(announced) = run.shared.greet(worker, &running.core).await else {
        return;
    };
    if let Some(set_up) = &run.set_up {
        let prepared = caught(async { set_up(running.peer.clone()).await }).await;
        if let Err(error) = prepared.unwrap_or_else(|panic| Err(panic.into())) {
            return run.shared.not_ready(worker, format!("its set-up failed: {error}"));
        }
    }
    run.shared.ready(worker, announced);
}

/// Reads what a worker writes, to the end.
async fn read(
    run: &Run,
    worker: WorkerId,
    stream: OutputStream,
    pipe: Option<impl AsyncRead + Unpin>,
    stderr_tail: &mut StderrTail,
) {
    let Some(mut pipe) = pipe else {
        return;
    };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = pipe.read(&mut buffer).await {
        run.shared.output(worker, stream, &buffer[..n], stderr_tail);
    }
}
