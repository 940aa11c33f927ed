//! The signals that a supervisor obeys.

use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::signal::Signal;

pub(super) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hang_up: Stream,
    child: Stream,
}

pub(super) enum Told {
    Stop(Signal),
    Reload,
    /// Some child has ended.
    Child,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            child: signal(SignalKind::child())?,
        })
    }

    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop(Signal::TERM),
            _ = self.interrupt.recv() => Told::Stop(Signal::INT),
            _ = self.hang_up.recv() => Told::Reload,
            _ = self.child.recv() => Told::Child,
        }
    }
}
