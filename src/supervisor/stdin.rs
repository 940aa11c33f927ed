//! Standard input, which reaches a worker that is the only one.
//!
//! It inherits ours, unless that is a terminal: a terminal stops whoever reads from it in another process group
//! than its foreground's, and the worker has one of its own. What is typed there is passed on.

use std::io::{self, IsTerminal};
use std::thread;

use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};

use crate::process::Stdio;
use crate::sys::terminal::read_in_foreground;

/// What the worker gets.
pub(super) enum Stdin {
    /// Nothing: there are others.
    Nothing,
    /// Ours.
    Inherited,
    /// What is typed.
    Typed(UnboundedSender<ChildStdin>),
}

impl Stdin {
    /// # Errors
    /// If there can be no thread.
    pub(super) fn new(instances: usize) -> io::Result<Self> {
        if instances != 1 {
            return Ok(Stdin::Nothing);
        }
        if !io::stdin().is_terminal() {
            return Ok(Stdin::Inherited);
        }
        let (to_relay, typed) = channel(1);
        let (worker, workers) = unbounded_channel();
        thread::Builder::new().name("crossfork-stdin".into()).spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = read_in_foreground(&io::stdin(), &mut buffer) {
                if to_relay.blocking_send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        })?;
        tokio::spawn(relay(typed, workers));
        Ok(Stdin::Typed(worker))
    }

    pub(super) fn stdio(&self) -> Stdio {
        match self {
            Stdin::Nothing => Stdio::Null,
            Stdin::Inherited => Stdio::Inherit,
            Stdin::Typed(_) => Stdio::Pipe,
        }
    }

    /// No worker gets any more of what is typed. One that only waits for it can end.
    pub(super) fn end(&mut self) {
        if let Stdin::Typed(_) = self {
            *self = Stdin::Nothing;
        }
    }

    /// From now on this worker gets it.
    pub(super) fn is_for(&self, worker: Option<ChildStdin>) {
        if let (Stdin::Typed(workers), Some(worker)) = (self, worker) {
            // Nothing is typed any more if it fails, and the worker sees that.
            let _ = workers.send(worker);
        }
    }
}

async fn relay(mut typed: Receiver<Vec<u8>>, mut workers: UnboundedReceiver<ChildStdin>) {
    let Some(mut worker) = workers.recv().await else {
        return;
    };
    loop {
        tokio::select! {
            biased;
            next = workers.recv() => match next {
                Some(next) => worker = next,
                None => return,
            },
            text = typed.recv() => {
                let Some(text) = text else {
                    return;
                };
                tokio::select! {
                    // It may have ended, and what it was told with it.
                    _ = worker.write_all(&text) => {}
                    Some(next) = workers.recv() => worker = next,
                }
            }
        }
    }
}
