//! What the policy is told once, and what it wants done.

use std::time::Duration;

use super::notice::Notice;
use crate::process::Signal;

/// What can be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many workers there are to be.
    pub instances: usize,
    /// How long a worker may take to end that was asked to, or that leaves by itself.
    pub kill_timeout: Duration,
    /// How long a worker may take to be up, if one of its instance has listened before; and how long a reload
    /// waits for a new one.
    pub listen_timeout: Duration,
    /// How long the first new worker of a reload must be up before an old one goes.
    pub min_uptime: Duration,
    /// How many workers a reload replaces at once.
    pub reload_batch: usize,
    /// A worker is up when it has sent `'ready'`, and not when it listens.
    pub wait_ready: bool,
    /// A worker is up when it then answers a request well.
    pub probes: bool,
    /// A worker that is up and has not answered for so long hangs; 0 if none is asked.
    pub hang_timeout: Duration,
    /// The signal that such a worker gets before SIGKILL.
    pub hang_signal: Signal,
    /// How many starts must have failed in each instance for all to be given up, if no worker was ever up; 0
    /// for no end.
    pub start_attempts: u32,
    /// The signal that tells a worker to end.
    pub stop_signal: Signal,
    /// How long after the end of its channel a worker gets that signal.
    pub signal_after: Duration,
    /// Workers drain themselves, and tell their program: they get the signal only shortly before SIGKILL.
    pub drains: bool,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a worker, and call [`Policy::forked`](super::Policy::forked) or
    /// [`Policy::fork_failed`](super::Policy::fork_failed).
    Fork {
        /// Its instance.
        slot: usize,
    },
    /// Give a worker no connections yet.
    Hold {
        /// Its id.
        worker: u32,
    },
    /// Give a worker connections from now on.
    Serve {
        /// Its id.
        worker: u32,
    },
    /// Give a worker no more connections.
    Retire {
        /// Its id.
        worker: u32,
    },
    /// Ask a worker whether its event loop runs, and call [`Policy::answered`](super::Policy::answered) when it
    /// answers, or [`Policy::not_asked`](super::Policy::not_asked) if it cannot be asked.
    Ask {
        /// Its id.
        worker: u32,
    },
    /// Send a worker a request, and call [`Policy::probed`](super::Policy::probed).
    Probe {
        /// Its id.
        worker: u32,
    },
    /// Ask a worker to go (CLU-14).
    Disconnect {
        /// Its id.
        worker: u32,
    },
    /// Send a signal to a worker.
    Kill {
        /// Its id.
        worker: u32,
        /// Which.
        signal: Signal,
    },
    /// Close the listening sockets that no worker listens on (CLU-16).
    CloseUnusedServers,
    /// Tell the user.
    Print(Notice),
    /// It is over: exit with this code.
    Done {
        /// The code.
        code: u8,
    },
}

/// How the supervisor itself ends.
pub mod exit_code {
    use super::Signal;

    /// It was asked to stop, and all workers ended in time.
    pub const STOPPED: u8 = 0;
    /// No worker could be started at all.
    pub const NOT_STARTED: u8 = 1;
    /// The command line was wrong.
    pub const USAGE: u8 = 2;
    /// No worker has ever been up, after several attempts.
    pub const NEVER_UP: u8 = 3;
    /// It was asked to stop, and some worker was ended by a signal when the time was up. As `timeout`
    /// has it.
    pub const TIMED_OUT: u8 = 124;

    /// It was asked twice, the second time by this signal. As shells have it.
    pub fn killed_by(signal: Signal) -> u8 {
        128 + signal.native() as u8
    }
}
