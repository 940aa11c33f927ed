//! What `crossfork run` does: keeps a number of workers running, and replaces them without a gap.
//!
//! ```no_run
//! use crossfork::supervisor::{Options, run};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), crossfork::Error> {
//! let mut options = Options::new("app.js");
//! options.args = vec!["--port".into(), "8080".into()];
//! let code = run(options).await?;
//! std::process::exit(code.into())
//! # }
//! ```
//!
//! [`policy`] decides, the [primary](crate::tokio::cluster::Primary) has the workers and their
//! sockets, and here the two meet, and the signals.

mod colors;
pub mod deployment;
pub mod env_file;
mod guard;
pub mod inspect;
pub mod instances;
mod listening;
pub mod log;
mod messages;
pub mod policy;
mod preload;
pub mod program;
mod questions;
pub mod ready_url;
pub mod relay;
pub mod repeats;
pub mod report;
mod reporter;
mod signals;
mod stdin;
mod workers;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::process::Signal;
use crate::sys::limit::raise_open_files;
use crate::tokio::cluster::Balance;
use crate::wire::Serialization;
use instances::Instances;
use ready_url::ReadyUrl;

/// What is run, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The program: what `node` would run, or a binary that is a worker by itself.
    pub app: PathBuf,
    /// The folder to run it in. All other paths are relative to it. Through a symbolic link it is looked up
    /// again for each worker that is started. By default our own, by the path in `PWD` if that names it.
    pub cwd: Option<PathBuf>,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// How many workers: by default one for each processor that we may use.
    pub instances: Instances,
    /// How connections come to workers. By default what `NODE_CLUSTER_SCHED_POLICY` says, and else
    /// in turn.
    pub balance: Option<Balance>,
    /// The `node` that runs a module, if not that on PATH or in `CROSSFORK_NODE`.
    pub node: Option<OsString>,
    /// Arguments for Node itself.
    pub node_args: Vec<OsString>,
    /// More variables for workers' environment. It is read again for each reload.
    pub env_file: Option<PathBuf>,
    /// How workers' output is passed on.
    pub log: log::Settings,
    /// How long workers may take to end (30 s).
    pub kill_timeout: Duration,
    /// How long a worker may take to be up, if one of its instance has listened before; and how long a reload
    /// waits for a new one (30 s).
    pub listen_timeout: Duration,
    /// How long the first new worker of a reload must be up before an old one goes (2 s).
    pub min_uptime: Duration,
    /// How many workers a reload replaces at once (1).
    pub reload_batch: usize,
    /// A worker is up when it has sent the message `'ready'`, and gets no connections before.
    pub wait_ready: bool,
    /// A worker is up when it answers a request for this with a status of 200 to 399, and gets no connections
    /// before.
    pub ready_url: Option<ReadyUrl>,
    /// A worker that does not answer for so long is ended and replaced: its event loop is blocked. 0: never. The
    /// command takes one second at least.
    pub hang_timeout: Duration,
    /// A worker's messages go to all other workers.
    pub relay: bool,
    /// How messages of workers are written.
    pub serialization: Serialization,
    /// How many starts must fail in each instance, before any worker was up, for all to be given up (5); 0
    /// for no end.
    pub start_attempts: u32,
    /// Node workers load a file that drains them, and tells the program that it is to end.
    pub drain: bool,
    /// The signal by which a program hears that it is to end (SIGTERM).
    pub stop_signal: Signal,
    /// How long connections may go on before the program hears of it (5 s).
    pub signal_after: Duration,
    /// The program gets the message `'shutdown'` too, as from pm2.
    pub shutdown_message: bool,
}

impl Options {
    /// All by default.
    pub fn new(app: impl Into<PathBuf>) -> Self {
        Options {
            app: app.into(),
            cwd: None,
            args: Vec::new(),
            instances: Instances::default(),
            balance: None,
            node: None,
            node_args: Vec::new(),
            env_file: None,
            log: log::Settings::default(),
            kill_timeout: Duration::from_secs(30),
            listen_timeout: Duration::from_secs(30),
            min_uptime: Duration::from_secs(2),
            reload_batch: 1,
            wait_ready: false,
            ready_url: None,
            hang_timeout: Duration::ZERO,
            relay: false,
            serialization: Serialization::Json,
            start_attempts: 5,
            drain: true,
            stop_signal: Signal::TERM,
            signal_after: Duration::from_secs(5),
            shutdown_message: false,
        }
    }
}

/// Runs it until SIGTERM or SIGINT, or until its terminal is closed, and gives the exit code: see
/// [`policy::exit_code`]. SIGHUP is a reload otherwise. Writes to standard output and standard error, and
/// makes [`Options::cwd`] the working directory of this process.
///
/// # Errors
/// If the program or the variables cannot be found, or the system has no signals or threads for us.
pub async fn run(options: Options) -> Result<u8, Error> {
    // Each worker costs some. Where that fails there are as many as there are.
    let _ = raise_open_files();
    guard::Guard::new(options)?.run().await
}
