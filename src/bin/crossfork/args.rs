//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use crossfork::Signal;
use crossfork::supervisor::instances::Instances;
use crossfork::supervisor::log::{Format, LIMITS, LONGEST_LINE};
use crossfork::tokio::cluster::Balance;

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
    /// Runs a Node program that listens on many workers, and replaces those that end. SIGHUP
    /// reloads it without a gap; SIGTERM, SIGINT and SIGQUIT stop it, sent twice at once. SIGUSR2 goes to
    /// workers that handle it.
    #[command(after_help = RUN_HELP)]
    Run(RunOptions),
}

const RUN_HELP: &str = "\
Exit codes:
  0        stopped as asked, and all workers ended in time
  1        no worker could be started
  2        the command line was wrong
  3        gave up: no worker has ever come up (--start-attempts)
  124      stopped as asked, but some worker was ended by a signal when the kill timeout was up
  130, 131, 143
           stopped at once, by a second SIGINT, SIGQUIT or SIGTERM";

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

#[derive(Args, Debug)]
pub(crate) struct RunOptions {
    /// How many workers: a number, max (one for each processor that may be used), or -1 (one less)
    #[arg(short, long, value_name = "N|max|-1", default_value = "max", allow_hyphen_values = true)]
    pub(crate) instances: Instances,

    /// How connections come to workers: in turn (rr), or to whoever accepts first (shared)
    #[arg(long, value_name = "rr|shared", value_parser = balance)]
    pub(crate) balance: Option<Balance>,

    /// The node to run it with [default: CROSSFORK_NODE, or the one on PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) node: Option<PathBuf>,

    /// Arguments for node itself, separated by blanks
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub(crate) node_args: Vec<String>,

    /// Run as if started there. A symbolic link on the way is followed anew for each worker that is started,
    /// and at each reload
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cwd: Option<PathBuf>,

    /// Variables for the workers, from a file as node --env-file has it; those of the environment come first
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// How the workers' output is passed on: as it is, with a prefix, or as JSON
    #[arg(long, value_name = "raw|formatted|json", default_value = "formatted")]
    pub(crate) log: Format,

    /// With --log formatted, begin each line with the time (UTC)
    #[arg(long)]
    pub(crate) log_time: bool,

    /// Pass on longer lines in parts: from 1024 to 67108864 bytes
    #[arg(long, value_name = "BYTES", default_value_t = LONGEST_LINE as u64,
          value_parser = clap::value_parser!(u64).range(*LIMITS.start() as u64..=*LIMITS.end() as u64))]
    pub(crate) log_line_limit: u64,

    /// Say only what is wrong; workers' output is passed on all the same
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// How long a worker may take to end before it is killed
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) kill_timeout: Duration,

    /// How long a reload waits for a new worker to listen before it is given up
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) listen_timeout: Duration,

    /// Give up with exit code 3 if no worker has come up after this many failed starts in each instance; 0:
    /// never give up
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) start_attempts: u32,

    /// The signal that tells the program to end, by its handlers for it
    #[arg(long, value_name = "SIGNAL", default_value = "SIGTERM", value_parser = signal)]
    pub(crate) stop_signal: Signal,

    /// How long connections in flight may go on before the program is told to end
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) signal_after: Duration,

    /// Tell the program by the message 'shutdown' too, as pm2 does
    #[arg(long)]
    pub(crate) shutdown_message: bool,

    /// Load nothing into workers before the program: connections are not drained, and the program is told by a
    /// real signal
    #[arg(long)]
    pub(crate) no_shim: bool,

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

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}
