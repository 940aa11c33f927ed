//! The signals that a supervisor obeys.

use std::fs::File;
use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::process::Signal;

pub(super) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hang_up: Stream,
    child: Stream,
    /// We were started in a terminal.
    in_terminal: bool,
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
            in_terminal: has_terminal(),
        })
    }

    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop(Signal::TERM),
            _ = self.interrupt.recv() => Told::Stop(Signal::INT),
            // Sent by the system when the terminal is closed, and by whom it may concern for a reload.
            _ = self.hang_up.recv() => match self.in_terminal && !has_terminal() {
                true => Told::Stop(Signal::HUP),
                false => Told::Reload,
            },
            _ = self.child.recv() => Told::Child,
        }
    }
}

/// Whether there is a terminal that could send us signals.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}
