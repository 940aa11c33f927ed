//! The signals that a supervisor obeys.

use std::fs::File;
use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::process::Signal;
use crate::sys::dispositions::is_ignored;

pub(super) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    quit: Stream,
    /// Not if it was ignored when we were started: so it stays then, as `nohup` has it.
    hang_up: Option<Stream>,
    user_1: Stream,
    user_2: Stream,
    child: Stream,
    /// We were started in a terminal.
    in_terminal: bool,
}

pub(super) enum Told {
    Stop(Signal),
    Reload,
    /// What means nothing to us may mean something to the program.
    PassOn(Signal),
    /// Some child has ended.
    Child,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let hang_up = match is_ignored(Signal::HUP.native() as i32) {
            true => None,
            false => Some(signal(SignalKind::hangup())?),
        };
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hang_up,
            user_1: signal(SignalKind::user_defined1())?,
            user_2: signal(SignalKind::user_defined2())?,
            child: signal(SignalKind::child())?,
            in_terminal: has_terminal(),
        })
    }

    pub(super) async fn next(&mut self) -> Told {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop(Signal::TERM),
            _ = self.interrupt.recv() => Told::Stop(Signal::INT),
            _ = self.quit.recv() => Told::Stop(Signal::QUIT),
            // Sent by the system when the terminal is closed, and by whom it may concern for a reload.
            _ = hang_up => match self.in_terminal && !has_terminal() {
                true => Told::Stop(Signal::HUP),
                false => Told::Reload,
            },
            _ = self.user_1.recv() => Told::PassOn(Signal::USR1),
            _ = self.user_2.recv() => Told::PassOn(Signal::USR2),
            _ = self.child.recv() => Told::Child,
        }
    }
}

/// Whether there is a terminal that could send us signals.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}
