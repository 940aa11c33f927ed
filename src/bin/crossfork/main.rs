//! The `crossfork` command.

mod args;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    match args::parse() {
        args::Command::Worker(options) => worker::main(&options),
    }
}
