//! `crossfork run`: a Node program on many workers.

use std::ffi::OsString;
use std::process::ExitCode;

use crossfork::supervisor::deployment::Deployment;
use crossfork::supervisor::log::Style;
use crossfork::supervisor::policy::exit_code;
use crossfork::supervisor::{Options, run};

use crate::args::RunOptions;
use crate::report::report;
use crate::runtime;

pub(crate) fn main(options: RunOptions) -> ExitCode {
    match prepare(options).and_then(start) {
        Ok(code) => ExitCode::from(code),
        Err(Failure { code, why }) => {
            report("run", why);
            ExitCode::from(code)
        }
    }
}

struct Failure {
    code: u8,
    why: String,
}

/// The command line was wrong.
fn usage(why: String) -> Failure {
    Failure { code: exit_code::USAGE, why }
}

fn failed(why: String) -> Failure {
    Failure { code: exit_code::NOT_STARTED, why }
}

fn prepare(options: RunOptions) -> Result<Options, Failure> {
    let mut all = Options::new(options.app);
    all.cwd = options.cwd;
    all.args = options.args;
    all.instances = options.instances;
    all.balance = options.balance;
    all.node = options.node.map(OsString::from);
    all.node_args =
        options.node_args.iter().flat_map(|args| args.split_whitespace()).map(OsString::from).collect();
    all.env_file = options.env_file;
    all.log.style = Style { format: options.log, with_time: options.log_time };
    all.log.longest_line = options.log_line_limit as usize;
    all.log.quiet = options.quiet;
    all.kill_timeout = options.kill_timeout;
    all.listen_timeout = options.listen_timeout;
    all.min_uptime = options.min_uptime;
    all.reload_batch = options.reload_batch.into();
    all.wait_ready = options.wait_ready;
    all.ready_url = options.ready_url;
    all.hang_timeout = options.hang_timeout;
    all.relay = options.relay;
    all.serialization = options.serialization;
    all.start_attempts = options.start_attempts;
    all.drain = !options.no_shim;
    all.stop_signal = options.stop_signal;
    all.signal_after = options.signal_after;
    all.shutdown_message = options.shutdown_message;
    Deployment::find(&all).map_err(usage)?;
    Ok(all)
}

fn start(options: Options) -> Result<u8, Failure> {
    let runtime = runtime::build().map_err(|e| failed(format!("cannot start an event loop: {e}")))?;
    let code = runtime.block_on(run(options)).map_err(|e| failed(e.to_string()))?;
    // Output that is stuck would be waited for.
    runtime.shutdown_background();
    Ok(code)
}
