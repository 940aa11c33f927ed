//! The `crossfork` command.

mod args;
mod report;
mod run;
mod runtime;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    match args::parse() {
        args::Command::Run(options) => run::main(*options),
        args::Command::Worker(options) => worker::main(&options),
    }
}
