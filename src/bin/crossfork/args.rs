//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use crossfork::supervisor::instances::Instances;
use crossfork::supervisor::log::{Format, LIMITS, LONGEST_LINE};
use crossfork::supervisor::ready_url::ReadyUrl;
use crossfork::tokio::cluster::Balance;
use crossfork::{Serialization, Signal};

#[derive(Parser)]
#[command(name = "crossfork", version, about = "Rust and Node fork each other")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// A ready-made child: it echoes messages, serves HTTP on servers and sockets that it is
    /// given, and echoes datagrams. Meant to be forked by Node, by cluster.fork too.
    Worker(WorkerOptions),
    /// Run a Node server on every CPU, replace workers that crash, and reload it without downtime
    #[command(after_help = RUN_HELP)]
    Run(Box<RunOptions>),
}

const RUN_HELP: &str = "\
Signals:
  SIGHUP                    reload
  SIGTERM, SIGINT, SIGQUIT  stop gracefully; the second one kills all workers
  SIGUSR2                   passed on to workers that handle it

Exit codes:
  0    stopped, and all workers exited in time
  1    no worker could be started
  2    wrong command line
  3    gave up: no worker has ever come up
  124  stopped, and some worker was ended by a signal at the kill timeout
  130, 131, 143
       stopped at once by a second SIGINT, SIGQUIT or SIGTERM";

#[derive(Args, Clone, Debug)]
pub(crate) struct WorkerOptions {
    /// The longest message to accept, in bytes; a longer one is skipped and reported
    #[arg(long, value_name = "BYTES", default_value_t = 128 << 20)]
    pub(crate) max_message: usize,

    /// In a cluster, where to listen through the primary: PORT, HOST:PORT, unix:PATH or udp:HOST:PORT;
    /// may be given several times
    #[arg(long, value_name = "ADDRESS", default_value = "8000")]
    pub(crate) listen: Vec<String>,

    /// How long requests in flight may take to finish after a disconnect or SIGTERM
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) drain_timeout: Duration,
}

const PROGRAM: &str = "Program";
const WORKERS: &str = "Workers";
const RELOAD: &str = "Reload";
const STOP: &str = "Stop";
const OUTPUT: &str = "Output";

#[derive(Args, Debug)]
pub(crate) struct RunOptions {
    /// Working directory; all relative paths start here. Symbolic links are followed anew at each start and reload
    #[arg(help_heading = PROGRAM, long, value_name = "DIR")]
    pub(crate) cwd: Option<PathBuf>,

    /// File with environment variables, as for node --env-file. Read again at each reload
    #[arg(help_heading = PROGRAM, long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// Node to run the program with [default: CROSSFORK_NODE, or node on PATH]
    #[arg(help_heading = PROGRAM, long, value_name = "PATH")]
    pub(crate) node: Option<PathBuf>,

    /// Options for node, separated by spaces. --inspect gives each worker a port of its own
    #[arg(help_heading = PROGRAM, long, value_name = "ARGS", allow_hyphen_values = true)]
    pub(crate) node_args: Vec<String>,

    /// Number of workers: max is one for each CPU, -1 one less
    #[arg(help_heading = WORKERS, short, long, value_name = "N|max|-1", default_value = "max", allow_hyphen_values = true)]
    pub(crate) instances: Instances,

    /// Who gets a connection: the next worker in turn (rr), or the first to accept it (shared) [default: NODE_CLUSTER_SCHED_POLICY, or rr]
    #[arg(help_heading = WORKERS, long, value_name = "rr|shared", value_parser = balance)]
    pub(crate) balance: Option<Balance>,

    /// Count a worker as up, and give it connections, when it calls process.send('ready')
    #[arg(help_heading = WORKERS, long)]
    pub(crate) wait_ready: bool,

    /// Count a worker as up, and give it connections, when it answers a GET of this with status 200 to 399
    #[arg(help_heading = WORKERS, long, value_name = "URL|/PATH")]
    pub(crate) ready_url: Option<ReadyUrl>,

    /// Replace a worker whose event loop has been blocked for this long; 0: do not watch
    #[arg(help_heading = WORKERS, long, value_name = "SECONDS", default_value = "0", value_parser = hang_timeout)]
    pub(crate) hang_timeout: Duration,

    /// Pass on what a worker sends with process.send to all other workers
    #[arg(help_heading = WORKERS, long)]
    pub(crate) relay: bool,

    /// Format of messages of process.send, as in fork()
    #[arg(help_heading = WORKERS, long, value_name = "json|advanced", default_value = "json", value_parser = serialization)]
    pub(crate) serialization: Serialization,

    /// Kill a worker that does not come up in this time, once its instance has listened, or with --wait-ready or --ready-url
    #[arg(help_heading = WORKERS, long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) listen_timeout: Duration,

    /// Exit with code 3 if each instance fails to start this often before any worker is up; 0: try forever
    #[arg(help_heading = WORKERS, long, value_name = "N", default_value = "5")]
    pub(crate) start_attempts: u32,

    /// Watch the first new worker for this long before stopping an old one
    #[arg(help_heading = RELOAD, long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(crate) min_uptime: Duration,

    /// Replace this many workers at a time, after the first
    #[arg(help_heading = RELOAD, long, value_name = "N", default_value = "1",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) reload_batch: u16,

    /// Kill a worker that has not exited in this time
    #[arg(help_heading = STOP, long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) kill_timeout: Duration,

    /// Signal that tells the program to exit, by its handlers for it
    #[arg(help_heading = STOP, long, value_name = "SIGNAL", default_value = "SIGTERM", value_parser = signal)]
    pub(crate) stop_signal: Signal,

    /// Tell the program after this time, even if connections are still in use
    #[arg(help_heading = STOP, long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) signal_after: Duration,

    /// Send the program the message 'shutdown' too, as pm2 does
    #[arg(help_heading = STOP, long)]
    pub(crate) shutdown_message: bool,

    /// Load nothing into workers: connections are not drained, and the program gets a real signal
    #[arg(help_heading = STOP, long)]
    pub(crate) no_shim: bool,

    /// Format of log lines: unchanged, with a prefix, or as JSON
    #[arg(help_heading = OUTPUT, long, value_name = "raw|formatted|json", default_value = "formatted")]
    pub(crate) log: Format,

    /// Begin formatted lines with the time, in UTC
    #[arg(help_heading = OUTPUT, long)]
    pub(crate) log_time: bool,

    /// Split longer lines into numbered parts
    #[arg(help_heading = OUTPUT, long, value_name = "BYTES", default_value_t = LONGEST_LINE as u64,
          value_parser = clap::value_parser!(u64).range(*LIMITS.start() as u64..=*LIMITS.end() as u64))]
    pub(crate) log_line_limit: u64,

    /// Report problems only; the output of workers is not affected
    #[arg(help_heading = OUTPUT, short, long)]
    pub(crate) quiet: bool,

    /// The program: what node would run, or a binary that is a worker by itself
    #[arg(value_name = "APP")]
    pub(crate) app: PathBuf,

    /// Its arguments
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<OsString>,
}

fn balance(text: &str) -> Result<Balance, String> {
    match text {
        "rr" => Ok(Balance::RoundRobin),
        "shared" => Ok(Balance::Shared),
        _ => Err("neither rr nor shared".to_owned()),
    }
}

fn serialization(text: &str) -> Result<Serialization, String> {
    Serialization::from_name(text).ok_or_else(|| "neither json nor advanced".to_owned())
}

pub(crate) fn parse() -> Command {
    CommandLine::parse_from(own_args(std::env::args_os().collect())).command
}

/// Node puts its own options (`execArgv`, by default those of the parent) before the module's
/// name, which is our subcommand (CH-9), and Deno puts `run -A` there. They are not for us.
fn own_args(args: Vec<OsString>) -> Vec<OsString> {
    let forked = std::env::var_os("NODE_CHANNEL_FD").is_some();
    let is_ours = |at: &usize| match args[*at].to_str() {
        Some("worker") => true,
        Some("run") => args.get(at + 1).is_none_or(|next| next != "-A"),
        _ => false,
    };
    match (1..args.len()).find(is_ours) {
        Some(at) if forked => {
            args.into_iter().enumerate().filter(|(i, _)| *i == 0 || *i >= at).map(|(_, arg)| arg).collect()
        }
        _ => args,
    }
}

fn signal(text: &str) -> Result<Signal, String> {
    let name = if text.starts_with("SIG") { text.to_owned() } else { format!("SIG{text}") };
    Signal::from_name(&name).ok_or_else(|| "not the name of a signal, such as SIGTERM".to_owned())
}

/// A collection of garbage, or a large answer, blocks the event loop for some tenths of a second.
fn hang_timeout(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        timeout if timeout.is_zero() || timeout >= Duration::from_secs(1) => Ok(timeout),
        _ => Err("neither 0 nor at least 1 second: a worker is blocked for shorter times at work".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}
