//! The command line.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

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
}

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

pub(crate) fn parse() -> Command {
    CommandLine::parse_from(own_args(std::env::args_os().collect())).command
}

/// Node puts its own options (`execArgv`, by default those of the parent) before the module's
/// name, which is our subcommand (CH-9). They are not for us.
fn own_args(args: Vec<OsString>) -> Vec<OsString> {
    let forked = std::env::var_os("NODE_CHANNEL_FD").is_some();
    match args.iter().position(|arg| arg == "worker") {
        Some(at) if forked => {
            args.into_iter().enumerate().filter(|(i, _)| *i == 0 || *i >= at).map(|(_, arg)| arg).collect()
        }
        _ => args,
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}
